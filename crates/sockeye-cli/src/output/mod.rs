//! The only place that prints: data on stdout, talk on stderr.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod above;
mod lines;
mod printer;
mod states;

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

pub(crate) use self::{
    above::Above,
    lines::{Direction, Line, Reader, milliseconds, raw},
    printer::Printer,
    states::{Heard, States},
};
use crate::{
    config::words,
    exit::Exit,
    failure::{Ends, Failure},
    secrets::{REDACTED, Secrets, mistaken},
    values::printable,
};

words! {
    /// When to use colours.
    pub(crate) enum Color {
        /// On a terminal, unless `NO_COLOR` is set.
        Auto = "auto",
        /// Even into a pipe.
        Always = "always",
        /// Not at all.
        Never = "never",
    }
}

/// Where everything this program says goes through. (Log lines too go to stderr, by `tracing`.)
#[derive(Clone, Debug)]
pub(crate) struct Output {
    color: Color,
    /// Where it goes while somebody types.
    above: Arc<Mutex<Option<Above>>>,
}

/// No failure, but the end of the work all the same.
#[derive(Debug, Error)]
#[error("nobody reads what is printed")]
pub(crate) struct NobodyReads;

impl Ends for NobodyReads {
    fn exit(&self) -> Exit {
        Exit::Done
    }
}

/// Standard output can't be written.
#[derive(Debug, Error)]
#[error("standard output: {0}")]
struct Unwritable(io::Error);

impl Ends for Unwritable {
    fn exit(&self) -> Exit {
        Exit::Fault
    }
}

/// Then the help is shown.
const MISSING: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

impl Default for Output {
    fn default() -> Self {
        Self { color: Color::Auto, above: Arc::default() }
    }
}

impl Output {
    /// Follows the user's choice from now on.
    pub(crate) fn set_color(&mut self, color: Color) {
        self.color = color;
    }

    /// Whether stderr gets colours.
    pub(crate) fn colored(&self) -> bool {
        self.colors(io::stderr().is_terminal())
    }

    /// Whether stdout gets colours.
    pub(crate) fn colored_data(&self) -> bool {
        self.colors(io::stdout().is_terminal())
    }

    fn colors(&self, is_terminal: bool) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            // https://no-color.org: set and not empty.
            Color::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && is_terminal
            }
        }
    }

    /// Writes data to stdout. That nobody reads it is no failure.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(Unwritable(source).into())
            }
            _ => Ok(()),
        }
    }

    /// Writes one of many lines to stdout. That nobody reads them any more ends the work.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        if let Some(above) = &*self.above() {
            above.line(text.to_owned());
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(source) if source.kind() == io::ErrorKind::BrokenPipe => Err(NobodyReads.into()),
            Err(source) => Err(Unwritable(source).into()),
        }
    }

    /// Writes a line of JSON to stdout, like [`Self::line`]. Where a terminal shows it, what is not printable is escaped:
    /// JSON means the same by it.
    pub(crate) fn json(&self, line: &str) -> Result<(), Failure> {
        if io::stdout().is_terminal() { self.line(&printable(line)) } else { self.line(line) }
    }

    /// Writes talk to stderr, without the secrets that are known.
    pub(crate) fn talk(&self, text: &str) {
        let text = Secrets::of_process().redact(text);
        if let Some(above) = &*self.above() {
            return above.line(text);
        }
        // Nobody is left to tell that stderr is closed.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Says why it ends. What servers say of it may repeat a secret.
    pub(crate) fn failure(&self, failure: &Failure) {
        if failure.is::<NobodyReads>() {
            return;
        }
        let (bold_red, plain) = if self.colored() { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let failure = Secrets::of_process().redact(&failure.to_string());
        let lines: Vec<_> = failure.split('\n').map(readable).collect();
        self.talk(&format!("{bold_red}error:{plain} {}", lines.join("\n")));
    }

    /// From now on somebody types: everything is shown above the prompt.
    pub(crate) fn begin_prompt(&self, above: Above) {
        *self.above() = Some(above);
    }

    /// Nobody types any more. Shows what still waits.
    pub(crate) fn end_prompt(&self) {
        let above = self.above().take();
        if let Some(above) = above {
            above.finish();
        }
    }

    fn above(&self) -> MutexGuard<'_, Option<Above>> {
        self.above.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints what clap has to say: help and version as data, mistakes as talk. Those repeat what was given.
    pub(crate) fn clap(&self, answer: &clap::Error) -> Exit {
        let given = |kind| match answer.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        match (given(ContextKind::InvalidArg), given(ContextKind::InvalidValue)) {
            (Some(arg), Some(value)) if shown(arg, value) != value => {
                self.mistake(answer, value, &shown(arg, value))
            }
            (Some(word), None) if is_torn(word) => self.mistake(answer, word, REDACTED),
            _ if answer.use_stderr() && answer.kind() != MISSING => {
                let text = answer.render();
                let text = if self.colored() { text.ansi().to_string() } else { text.to_string() };
                self.talk(text.trim_end());
                Exit::Usage
            }
            _ => match answer.print() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Fault,
                _ if answer.use_stderr() => Exit::Usage,
                _ => Exit::Done,
            },
        }
    }

    /// A mistake with something else in place of what was given.
    fn mistake(&self, answer: &clap::Error, given: &str, shown: &str) -> Exit {
        let text = answer.render().to_string();
        self.talk(text.replace(&format!("'{given}'"), &format!("'{shown}'")).trim_end());
        Exit::Usage
    }
}

/// Whether a word stands behind the name of a header, as it does if there are no quotes around both.
fn is_torn(word: &str) -> bool {
    let mut words =
        std::env::args_os().skip_while(|before| !before.as_encoded_bytes().ends_with(b":"));
    words.next().is_some() && words.next().is_some_and(|behind| behind == word)
}

/// What is shown of a mistaken value.
fn shown(argument: &str, value: &str) -> String {
    readable(&Secrets::of_process().redact(&mistaken(argument, value)))
}

/// A line of what was given or found, which has no secret any more: without what rewrites a terminal, and without its
/// middle if it is longer than anybody reads.
fn readable(line: &str) -> String {
    const LONGEST: usize = 4_096;
    const END: usize = 512;

    if line.len() <= LONGEST {
        return printable(line);
    }
    let begin = line.floor_char_boundary(LONGEST - END);
    let end = line.ceil_char_boundary(line.len() - END);
    format!("{} … {}", printable(&line[..begin]), printable(&line[end..]))
}
