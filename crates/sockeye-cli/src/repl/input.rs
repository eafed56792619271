//! Where lines come from: an editor on a terminal, or standard input as it is.

use std::{
    io,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use rustyline::{
    Config, Editor, ExternalPrinter as _, config::CompletionType, error::ReadlineError,
    history::DefaultHistory,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{completion::Asked, history, known::Known, wanted::Wanted};
use crate::{
    failure::{Failure, NotStarted},
    output::{Above, Output},
    secrets::is_better_forgotten,
    values::{StdinLines, Unreadable},
};

/// What was typed.
#[derive(Debug)]
pub(super) enum Typed {
    /// All lines that belong together.
    Lines(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the end of standard input.
    End,
}

/// Whoever types.
#[derive(Debug)]
pub(super) enum Input {
    Person(Terminal),
    Program(Piped),
}

impl Input {
    /// Waits for what is typed next.
    ///
    /// # Errors
    ///
    /// It can't be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Typed, Unreadable> {
        match self {
            Self::Person(terminal) => Ok(terminal.typed.recv().await.unwrap_or(Typed::End)),
            Self::Program(piped) => piped.next().await,
        }
    }

    /// Lets the next line be typed; a program need not be asked.
    pub(super) fn prompt(&self, prompt: &str) {
        if let Self::Person(terminal) = self {
            // If nobody listens, the end was typed.
            let _ = terminal.prompts.send(prompt.to_owned());
        }
    }

    /// The number of the last line, where lines are counted.
    pub(super) const fn number(&self) -> Option<usize> {
        match self {
            Self::Person(_) => None,
            Self::Program(piped) => Some(piped.lines.number()),
        }
    }

    /// Gives the terminal back.
    pub(super) fn end(self, output: &Output) {
        if let Self::Person(Terminal { prompts, thread, .. }) = self {
            drop(prompts);
            // It does not panic: nothing in it does.
            let _ = thread.join();
            output.end_prompt();
        }
    }
}

/// The editor, in a thread of its own: it blocks while somebody types.
#[derive(Debug)]
pub(super) struct Terminal {
    prompts: mpsc::Sender<String>,
    typed: UnboundedReceiver<Typed>,
    thread: JoinHandle<()>,
}

/// Lines of earlier times that are kept.
const MAX_HISTORY: usize = 1_000;

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn new(known: Known, output: &Output) -> Result<Self, Failure> {
        let start = |error: ReadlineError| NotStarted(io::Error::other(error));
        let config = Config::builder()
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .history_ignore_dups(true)
            .and_then(|config| config.max_history_size(MAX_HISTORY))
            .map_err(start)?
            .build();
        let mut editor = Editor::<Asked, DefaultHistory>::with_config(config).map_err(start)?;
        editor.set_helper(Some(Asked(known)));
        // A terminal that can't move its cursor has no place above the prompt.
        if let Ok(mut printer) = editor.create_external_printer() {
            let above = Above::new(move |line| {
                // Nobody is left to tell that the terminal is gone.
                let _ = printer.print(line);
            });
            output.begin_prompt(above.map_err(NotStarted)?);
        }
        let (prompts, asked) = mpsc::channel();
        let (sender, typed) = unbounded_channel();
        let thread = thread::Builder::new()
            .name("prompt".to_owned())
            .spawn(move || edit(editor, &asked, &sender))
            .map_err(NotStarted)?;
        Ok(Self { prompts, typed, thread })
    }
}

/// Reads a line for each prompt.
fn edit(
    mut editor: Editor<Asked, DefaultHistory>,
    prompts: &mpsc::Receiver<String>,
    typed: &UnboundedSender<Typed>,
) {
    let history = history::file().filter(|file| history::make_folder(file).is_ok());
    if let Some(file) = &history {
        // There is none before the first time.
        let _ = editor.load_history(file);
    }
    while let Ok(prompt) = prompts.recv() {
        let read = loop {
            match editor.readline(&prompt) {
                // The window has another size.
                Err(ReadlineError::Signal(_)) => {}
                read => break read,
            }
        };
        let (read, is_end) = match read {
            Ok(line) => {
                if !is_better_forgotten(&line) && editor.add_history_entry(&line).unwrap_or(false) {
                    // A line that can't be kept is no reason not to follow it.
                    let _ = history.as_ref().map(|file| editor.append_history(file));
                }
                (Typed::Lines(line), false)
            }
            Err(ReadlineError::Interrupted) => (Typed::Interrupted, false),
            // A terminal that can't be read any more is gone.
            Err(_) => (Typed::End, true),
        };
        if typed.send(read).is_err() || is_end {
            return;
        }
    }
}

/// Standard input that is no terminal.
#[derive(Debug)]
pub(super) struct Piped {
    lines: StdinLines,
    /// Lines whose brackets are not closed yet.
    open: String,
}

impl Piped {
    pub(super) fn new() -> Self {
        Self { lines: StdinLines::new(), open: String::new() }
    }

    async fn next(&mut self) -> Result<Typed, Unreadable> {
        loop {
            let Some(line) = self.lines.next().await? else {
                // What is wrong with lines that go on is told by whoever reads them.
                return Ok(match self.open.is_empty() {
                    true => Typed::End,
                    false => Typed::Lines(std::mem::take(&mut self.open)),
                });
            };
            self.open += &line;
            if !Wanted::is_open(&self.open) {
                return Ok(Typed::Lines(std::mem::take(&mut self.open)));
            }
            self.open.push('\n');
        }
    }
}
