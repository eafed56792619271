//! Prints what was found: lines of JSON, or one screen for people.

mod check;
mod command;
mod diagnosis;
mod explain;
mod language;
mod verdict;

use serde::Serialize;
use unicode_linebreak::linebreaks;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use self::explain::title;
pub(crate) use self::{
    check::Check,
    command::CommandLine,
    diagnosis::Diagnosis,
    explain::page,
    language::{Language, Text, text},
    verdict::Verdict,
};
use crate::{
    failure::Failure, output::Output, output::Reader, secrets::Secrets, values::printable,
};

/// The longest name of a check.
const WIDTH: usize = 16;
/// How long a line of prose may be.
const COLUMNS: usize = 92;

/// Where the findings go.
#[derive(Debug)]
pub(crate) struct Report<'o> {
    pub(crate) output: &'o Output,
    pub(crate) reader: Reader,
    /// In which people are spoken to.
    pub(crate) language: Language,
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
            return self.output.json(&check.json());
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

    /// Prints what it all means. `given` is the command at hand: to try that again helps nobody.
    pub(crate) fn diagnosis(&self, diagnosis: &Diagnosis, given: &str) -> Result<(), Failure> {
        let Diagnosis { verdict, command, warnings, .. } = diagnosis;
        let command = command.as_ref().map(|command| match verdict {
            // Where it leads to is the server's word. All else in it is ours, and has no secret.
            Verdict::Redirect => self.secrets.redact(command),
            _ => command.clone(),
        });
        if self.reader == Reader::Program {
            return self.output.json(&self.json(diagnosis, command.as_deref()));
        }
        let color = match (verdict, verdict.exit()) {
            (Verdict::Ok, _) => GREEN,
            (_, crate::exit::Exit::Done) => YELLOW,
            _ => RED,
        };
        let label = |english, chinese| match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        let (fix, page) = (label("Fix", "修复"), label("Page", "说明"));
        let headline = format!("{verdict}{}{}", label(": ", "："), title(*verdict, self.language));
        self.output.line(&format!("\n  {}", self.paint(color, &headline)))?;
        self.part("", &self.said(&diagnosis.cause))?;
        self.part(&self.paint(BOLD, fix), &self.said(&diagnosis.fix))?;
        for warning in warnings {
            let Diagnosis { verdict, cause, fix: mends, .. } = warning;
            let means = title(*verdict, self.language);
            let text = format!("{verdict}{}{means}\n{}", label(": ", "："), self.said(cause));
            self.part(&self.paint(YELLOW, label("Warning", "警告")), &text)?;
            self.part(&self.paint(BOLD, fix), &self.said(mends))?;
            let explain = format!("sockeye doctor --explain {verdict}");
            self.output.line(&format!("  {}  {explain}", self.paint(BOLD, page)))?;
        }
        match command.filter(|command| command != given) {
            Some(command) => self.output.line(&format!(
                "\n  {}  {}",
                self.paint(BOLD, label("Try", "试试")),
                printable(&command)
            )),
            None => Ok(()),
        }
    }

    /// The last line for programs.
    fn json(&self, diagnosis: &Diagnosis, command: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Line<'l> {
            verdict: &'static str,
            exit: u8,
            cause: &'l str,
            fix: &'l str,
            command: Option<&'l str>,
            warnings: Vec<&'static str>,
        }
        let english = |text: &Text| self.secrets.redact(text.in_language(Language::English));
        let Diagnosis { verdict, cause, fix, warnings, .. } = diagnosis;
        let line = Line {
            verdict: verdict.id(),
            exit: verdict.exit() as u8,
            cause: &english(cause),
            fix: &english(fix),
            command,
            warnings: warnings.iter().map(|warning| warning.verdict.id()).collect(),
        };
        serde_json::to_string(&line).unwrap_or_default() // texts can be written
    }

    /// A text in the language of the report.
    fn said(&self, text: &Text) -> String {
        self.secrets.redact(text.in_language(self.language))
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

/// A line in pieces that fit a terminal, broken at blanks and between Chinese characters; one that fits is left as it is.
fn broken(line: &str) -> Vec<String> {
    if line.width() <= COLUMNS {
        return vec![line.to_owned()];
    }
    let (mut lines, mut columns) = (vec![String::new()], 0);
    for piece in pieces(line) {
        let fits = columns + piece.trim_end().width() <= COLUMNS;
        match lines.last_mut() {
            Some(last) if fits || columns == 0 => last.push_str(piece),
            _ => {
                lines.push(piece.to_owned());
                columns = 0;
            }
        }
        columns += piece.width();
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// What must stay together: a word with the blank behind it, or a wide character with the punctuation around it. Unicode
/// would break words at more places, such as the slashes of a URL, which is to be pasted.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let is_wide = |c: Option<char>| c.and_then(UnicodeWidthChar::width) == Some(2);
    let may_end = move |end: &usize| {
        let (before, behind) = line.split_at(*end);
        let last = before.chars().next_back();
        let is_loose = last == Some(' ') || is_wide(last) || is_wide(behind.chars().next());
        is_loose && !behind.is_empty()
    };
    let mut begin = 0;
    linebreaks(line).map(|(end, _)| end).filter(may_end).chain([line.len()]).map(move |end| {
        let piece = &line[begin..end];
        begin = end;
        piece
    })
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
        let url = format!("http://h/{}", "a/b-c?d=".repeat(20));
        assert_eq!(broken(&format!("see {url} there")), ["see", &url, "there"]);
    }

    proptest! {
        #[test]
        fn long_lines_fit_and_lose_nothing(words in prop::collection::vec("[a-zé]{1,20}", 20..60)) {
            let line = words.join(" ");
            let lines = broken(&line);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
            prop_assert_eq!(lines.join(" "), line);
        }

        #[test]
        fn chinese_is_broken_between_its_characters(words in prop::collection::vec("[一-龥]{1,9}[，。]|[一-龥][a-z]{1,9}[，。]|（[一-龥]{2,9}）", 30..60)) {
            let line = words.concat();
            let lines = broken(&line);
            prop_assert!(lines.iter().all(|line| line.width() <= COLUMNS), "{lines:?}");
            let torn = |line: &String| line.starts_with(['，', '。', '）']) || line.ends_with('（');
            prop_assert!(!lines.iter().any(torn), "{lines:?}");
            prop_assert_eq!(lines.concat(), line);
        }
    }
}
