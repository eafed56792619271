//! Lines of a stream, counted and bounded; what is read of one is kept while nobody waits for it.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// U+FEFF in UTF-8, which Windows puts before a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A line that is not blank, without its end.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line {
    Whole(Bytes),
    /// It has so many bytes, of which none was kept.
    TooLong(usize),
}

#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    max_bytes: usize,
    partial: Vec<u8>,
    /// Bytes of the line so far, kept or not.
    length: usize,
    number: u64,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) const fn new(input: R, max_bytes: usize) -> Self {
        Self { input, max_bytes, partial: Vec::new(), length: 0, number: 0 }
    }

    /// The next line that is not blank and its number, from 1; `None` at the end. The last needs no line break.
    ///
    /// # Errors
    ///
    /// It can't be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        loop {
            let there = self.input.fill_buf().await?;
            if there.is_empty() {
                return Ok(if self.length == 0 { None } else { self.end() });
            }
            let end = there.iter().position(|byte| *byte == b'\n');
            let part = &there[..end.unwrap_or(there.len())];
            self.length += part.len();
            // Room for a mark and a carriage return, which are not counted.
            if self.length <= self.max_bytes + MARK.len() + 1 {
                self.partial.extend_from_slice(part);
            } else {
                self.partial = Vec::new();
            }
            let taken = part.len() + usize::from(end.is_some());
            self.input.consume(taken);
            if end.is_some()
                && let Some(line) = self.end()
            {
                return Ok(Some(line));
            }
        }
    }

    /// The line that has ended; none if it is blank.
    fn end(&mut self) -> Option<(u64, Line)> {
        self.number += 1;
        let length = std::mem::take(&mut self.length);
        let line = std::mem::take(&mut self.partial);
        if line.len() < length {
            return Some((self.number, Line::TooLong(length)));
        }
        let text = line.strip_prefix(MARK).unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match text {
            blank if blank.iter().all(u8::is_ascii_whitespace) => None,
            text if text.len() > self.max_bytes => Some((self.number, Line::TooLong(text.len()))),
            text => Some((self.number, Line::Whole(Bytes::copy_from_slice(text)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    /// What lines there are, however few bytes come at a time.
    async fn check(text: &str, expect: &[(u64, Result<&str, usize>)]) {
        for capacity in 1..=text.len() + 1 {
            let mut lines = Lines::new(BufReader::with_capacity(capacity, text.as_bytes()), 4);
            let mut found = Vec::new();
            while let Some(line) = lines.next().await.unwrap() {
                found.push(line);
            }
            let line = |(number, line): &(u64, Result<&'static str, usize>)| match line {
                Ok(text) => (*number, Line::Whole(Bytes::from_static(text.as_bytes()))),
                Err(length) => (*number, Line::TooLong(*length)),
            };
            let expect: Vec<_> = expect
                .iter()
                .map(|(number, line)| (*number, line.map(|text| &*text.to_owned().leak())))
                .map(|row| line(&row))
                .collect();
            assert_eq!(found, expect, "{text:?}, {capacity} bytes at a time");
        }
    }

    #[tokio::test]
    async fn lines_have_many_ends() {
        check("", &[]).await;
        check("\n\r\n  \n", &[]).await;
        check("a\nb", &[(1, Ok("a")), (2, Ok("b"))]).await;
        check("a\r\n\r\nb\r\n", &[(1, Ok("a")), (3, Ok("b"))]).await;
        check("\u{feff}a\n\u{feff}b\n\u{feff}\n", &[(1, Ok("a")), (2, Ok("b"))]).await;
        check("\u{feff}abcd\r\n", &[(1, Ok("abcd"))]).await;
        check("abcde\nf\n", &[(1, Err(5)), (2, Ok("f"))]).await;
        check("0123456789\n\nf", &[(1, Err(10)), (3, Ok("f"))]).await;
        check("0123456789", &[(1, Err(10))]).await;
    }
}
