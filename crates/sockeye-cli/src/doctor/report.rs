//! Prints what was found: lines of JSON, or one screen for people.

use serde::Serialize;

use super::{check::Check, judge::Diagnosis, verdict::Verdict};
use crate::{failure::Failure, lines::Reader, output::Output, secrets::Secrets, values::printable};

/// The longest name of a check.
const WIDTH: usize = 16;
/// How long a line of prose may be.
const COLUMNS: usize = 92;

/// Where the findings go.
#[derive(Debug)]
pub(crate) struct Report<'o> {
    pub(crate) output: &'o Output,
    pub(crate) reader: Reader,
    pub(crate) secrets: &'o Secrets,
}

impl Report<'_> {
    /// Prints a check as it is made.
    ///
    /// # Errors
    ///
    /// [`Failure`], here and below: standard output can't be written, or nobody reads it any more.
    pub(crate) fn check(&self, mut check: Check) -> Result<(), Failure> {
        if self.reader == Reader::Program {
            check.evidence.values_mut().for_each(|value| self.secrets.redact_value(value));
            return self.output.line(&check.json());
        }
        let (sign, color) = match check.ok {
            Some(true) => ("✔", GREEN),
            Some(false) => ("✘", RED),
            None => ("·", DIM),
        };
        let note = printable(&self.secrets.redact(&check.note));
        let time = match check.ok {
            Some(_) => format!("{:>7.1} ms", check.took.as_secs_f64() * 1_000.0),
            None => " ".repeat(10),
        };
        let (sign, name) = (self.paint(color, sign), format!("{:WIDTH$}", check.name));
        let name = if check.ok.is_none() { self.paint(DIM, &name) } else { name };
        self.output.line(&format!("  {sign} {name} {}  {note}", self.paint(DIM, &time)))
    }

    /// Prints what it all means.
    pub(crate) fn diagnosis(&self, diagnosis: &Diagnosis) -> Result<(), Failure> {
        let Diagnosis { verdict, cause, fix, command, warnings } = diagnosis;
        let (cause, fix) = (self.secrets.redact(cause), self.secrets.redact(fix));
        let command = command.as_ref().map(|command| match verdict {
            // Where it leads to is the server's word. All else in it is ours, and has no secret.
            Verdict::Redirect => self.secrets.redact(command),
            _ => command.clone(),
        });
        if self.reader == Reader::Program {
            #[derive(Serialize)]
            struct Line<'l> {
                verdict: &'static str,
                exit: u8,
                cause: &'l str,
                fix: &'l str,
                command: Option<&'l str>,
                warnings: Vec<&'static str>,
            }
            let line = Line {
                verdict: verdict.id(),
                exit: verdict.exit() as u8,
                cause: &cause,
                fix: &fix,
                command: command.as_deref(),
                warnings: warnings.iter().map(|warning| warning.id()).collect(),
            };
            return self.output.line(&serde_json::to_string(&line).unwrap_or_default());
        }
        let color = match (verdict, verdict.exit()) {
            (Verdict::Ok, _) => GREEN,
            (_, crate::exit::Exit::Done) => YELLOW,
            _ => RED,
        };
        let title = format!("{verdict}: {}", verdict.means());
        self.output.line(&format!("\n  {}", self.paint(color, &title)))?;
        self.part("", &cause)?;
        for warning in warnings {
            let text = format!("{warning}: {}", warning.means());
            self.part(&self.paint(YELLOW, "Warning"), &text)?;
        }
        self.part(&self.paint(BOLD, "Fix"), &fix)?;
        match command {
            Some(command) => self.output.line(&format!(
                "\n  {}  {}",
                self.paint(BOLD, "Try"),
                printable(&command)
            )),
            None => Ok(()),
        }
    }

    /// A part of the diagnosis under its title; nothing if it is empty. Long lines are prose, and are broken; others may
    /// be pasted.
    fn part(&self, title: &str, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        let (begin, indent) = match title {
            "" => ("\n  ".to_owned(), "\n  "),
            title => (format!("\n  {title}  "), "\n       "),
        };
        let lines: Vec<_> = text.lines().map(printable).flat_map(|line| broken(&line)).collect();
        self.output.line(&format!("{begin}{}", lines.join(indent)))
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.output.colored_data() { format!("{color}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A line in pieces that fit a terminal, broken at blanks; one that fits is left as it is.
fn broken(line: &str) -> Vec<String> {
    if line.chars().count() <= COLUMNS {
        return vec![line.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().filter(|last| {
            last.is_empty() || last.chars().count() + 1 + word.chars().count() <= COLUMNS
        });
        match last {
            Some(last) => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[1;32m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_is_left_as_it_is() {
        assert_eq!(broken("    proxy_http_version 1.1;"), ["    proxy_http_version 1.1;"]);
        assert_eq!(broken(&"x".repeat(200)), ["x".repeat(200)]);
    }

    proptest! {
        #[test]
        fn long_lines_fit_and_lose_nothing(words in prop::collection::vec("[a-zé]{1,20}", 20..60)) {
            let line = words.join(" ");
            let lines = broken(&line);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
            prop_assert_eq!(lines.join(" "), line);
        }
    }
}
