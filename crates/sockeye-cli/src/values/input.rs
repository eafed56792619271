//! Text that comes from files and standard input, without the byte order mark that Windows puts before it.

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin, stdin};

use super::Unreadable;

/// U+FEFF in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// What stands behind the mark, if there is one.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}

/// The same of a text.
pub(crate) fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The lines of standard input, counted.
#[derive(Debug)]
pub(crate) struct StdinLines {
    lines: Lines<BufReader<Stdin>>,
    number: usize,
}

impl StdinLines {
    pub(crate) fn new() -> Self {
        Self { lines: BufReader::new(stdin()).lines(), number: 0 }
    }

    /// The next line; `None` at the end. Each may begin with a mark: files are put one behind the other.
    ///
    /// # Errors
    ///
    /// It can't be read, or is not UTF-8.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Unreadable> {
        let line = self.lines.next_line().await;
        self.number += 1;
        let line = line.map_err(|error| self.wrong(error.to_string()))?;
        Ok(line.map(|line| unmarked(&line).to_owned()))
    }

    /// That of the line that was read last, from 1.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// What is wrong with the line that was read last.
    pub(crate) const fn wrong(&self, reason: String) -> Unreadable {
        Unreadable::Line { number: self.number, reason }
    }
}
