//! Steps over JSON text in one pass, without building anything: where does a value end, is it valid, is it too deep?

use bytes::Bytes;

/// Deepest nesting that can be allowed: what `serde_json` still reads into a type.
pub(super) const MAX_DEPTH: u32 = 127;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Not JSON, from this byte on.
    Syntax { offset: usize },
    /// Arrays and objects nest deeper than allowed.
    TooDeep,
}

/// The text of a checked string; a lone surrogate becomes U+FFFD.
pub(super) fn unescape(quoted: &str) -> String {
    // Read as bytes, a lone surrogate is no error in serde_json: it becomes three bytes that are not UTF-8.
    let bytes = serde_json::from_str::<Bytes>(quoted).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How many bytes at the beginning of a text stand for themselves inside a string.
pub(super) fn plain_bytes_of(text: &str) -> usize {
    let mut cursor = Cursor::new(text);
    cursor.skip_plain();
    cursor.at
}

/// A position in JSON text.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    /// Begins at a byte offset.
    pub(super) const fn at(text: &'t str, offset: usize) -> Self {
        Self { bytes: text.as_bytes(), at: offset }
    }

    /// Byte offset of the next byte; always at a character boundary when a value has just been skipped.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    /// The next byte, which stays unread.
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Reads `byte` if it is the next one.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads `byte`, which must be the next one.
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault()) }
    }

    /// Reads what may stand between two tokens.
    pub(super) fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads trailing whitespace, behind which the text must end.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        self.skip_whitespace();
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.fault()) }
    }

    /// Reads one whole value, in which at most `max_depth` arrays and objects may nest.
    ///
    /// The open brackets are bits of one integer, not calls on the stack: no input can overflow it.
    pub(super) fn skip_value(&mut self, max_depth: u32) -> Result<(), Fault> {
        let max_depth = max_depth.min(MAX_DEPTH);
        let mut depth = 0;
        // One bit per open bracket, the innermost lowest; set for an object.
        let mut objects: u128 = 0;
        loop {
            match self.peek() {
                Some(open @ (b'[' | b'{')) => {
                    if depth == max_depth {
                        return Err(Fault::TooDeep);
                    }
                    depth += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    self.at += 1;
                    self.skip_whitespace();
                    match (open, self.peek()) {
                        // Empty: the loop below closes it.
                        (b'[', Some(b']')) | (b'{', Some(b'}')) => {}
                        (b'[', _) => continue,
                        _ => {
                            self.skip_key()?;
                            continue;
                        }
                    }
                }
                Some(b'"') => {
                    self.skip_string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.skip_number()?,
                Some(b't') => self.skip_literal(b"true")?,
                Some(b'f') => self.skip_literal(b"false")?,
                Some(b'n') => self.skip_literal(b"null")?,
                _ => return Err(self.fault()),
            }
            // A value has just ended: close what ends with it, then go to its next sibling.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.skip_whitespace();
                let in_object = objects & 1 == 1;
                if self.eat(if in_object { b'}' } else { b']' }) {
                    depth -= 1;
                    objects >>= 1;
                    continue;
                }
                self.expect(b',')?;
                self.skip_whitespace();
                if in_object {
                    self.skip_key()?;
                }
                break;
            }
        }
    }

    /// Reads one string; whether it holds escapes.
    pub(super) fn skip_string(&mut self) -> Result<bool, Fault> {
        let mut escapes = false;
        self.expect(b'"')?;
        loop {
            self.skip_plain();
            if self.eat(b'"') {
                return Ok(escapes);
            }
            self.expect(b'\\')?; // else: the text ends here, or a control character is not escaped
            self.skip_escape()?;
            escapes = true;
        }
    }

    /// Goes to the next byte that is no ordinary part of a string, or to the end.
    fn skip_plain(&mut self) {
        // Short strings, as most keys are, end in the first word or two; a long one is worth blocks.
        if !self.skip_plain_word() {
            return;
        }
        while let Some(block) = self.bytes[self.at..].first_chunk::<32>()
            && is_plain(block)
        {
            self.at += block.len();
        }
        while self.skip_plain_word() {}
    }

    /// Goes on by eight bytes if all are plain, or else to the first that is not.
    fn skip_plain_word(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        let Some(word) = rest.first_chunk() else {
            self.at += rest.iter().position(|byte| ends_plain(*byte)).unwrap_or(rest.len());
            return false;
        };
        let plain = plain_bytes(u64::from_le_bytes(*word));
        self.at += plain;
        plain == word.len()
    }

    /// Reads `"key":` and the whitespace around the colon.
    fn skip_key(&mut self) -> Result<(), Fault> {
        self.skip_string()?;
        self.skip_whitespace();
        self.expect(b':')?;
        self.skip_whitespace();
        Ok(())
    }

    /// Reads an escape behind its backslash. Lone surrogates pass: JSON's grammar allows them.
    fn skip_escape(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.fault());
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.fault()),
        }
        Ok(())
    }

    fn skip_number(&mut self) -> Result<(), Fault> {
        self.eat(b'-');
        // RFC 8259 §6: no digit may follow a leading zero.
        if !self.eat(b'0') {
            self.skip_digits()?;
        }
        if self.eat(b'.') {
            self.skip_digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.skip_digits()?;
        }
        Ok(())
    }

    /// Reads one or more digits.
    fn skip_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.fault()) }
    }

    fn skip_literal(&mut self, literal: &[u8]) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(literal) {
            return Err(self.fault());
        }
        self.at += literal.len();
        Ok(())
    }

    const fn fault(&self) -> Fault {
        Fault::Syntax { offset: self.at }
    }
}

/// Whether a byte is no ordinary part of a string: a quote, a backslash or a control character.
const fn ends_plain(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Whether no byte ends a plain run. The compiler makes SIMD compares of it.
fn is_plain(block: &[u8; 32]) -> bool {
    block.iter().fold(0, |found, byte| found | u8::from(ends_plain(*byte))) == 0
}

/// How many bytes of a little-endian word are plain before the first that is not.
///
/// `x - 1` borrows into the high bit of a byte only if the byte is zero (or a lower one was, which then counts first).
const fn plain_bytes(word: u64) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    let quote = word ^ (b'"' as u64 * EACH);
    let backslash = word ^ (b'\\' as u64 * EACH);
    let found = (quote.wrapping_sub(EACH) & !quote)
        | (backslash.wrapping_sub(EACH) & !backslash)
        | (word.wrapping_sub(0x20 * EACH) & !word);
    (found & HIGH).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn read(text: &str) -> Result<(), Fault> {
        let mut cursor = Cursor::new(text);
        cursor.skip_whitespace();
        cursor.skip_value(MAX_DEPTH)?;
        cursor.end()
    }

    #[track_caller]
    fn check(text: &str, expect: Result<(), Fault>) {
        assert_eq!(read(text), expect, "reading {text:?}");
        let oracle = serde_json::from_str::<IgnoredAny>(text);
        assert_eq!(oracle.is_ok(), expect.is_ok(), "serde_json reads {text:?} otherwise");
    }

    #[track_caller]
    fn wrong_at(offset: usize, text: &str) {
        check(text, Err(Fault::Syntax { offset }));
    }

    #[test]
    fn texts_against_the_grammar() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "10",
            "1.50",
            "1e400",
            "2E-3",
            "1e+0",
            r#""""#,
            r#""\"\\\/\b\f\n\r\t\u00e9""#,
            r#""\ud800""#,
            "\"\u{7f}é\u{1F600}\"",
            " [ ] ",
            "{}",
            r#"[[],{},[{"a":[1,{"b":null}]}],"x"]"#,
            "\t{\n\"a\" :\r1 , \"a\":2 }",
        ] {
            check(text, Ok(()));
        }
        wrong_at(0, "");
        wrong_at(0, "x");
        wrong_at(0, "nul");
        wrong_at(1, "-");
        wrong_at(1, "01");
        wrong_at(2, "1.");
        wrong_at(2, "1e");
        wrong_at(0, "+1");
        wrong_at(0, ".5");
        wrong_at(0, "NaN");
        wrong_at(1, "\"");
        wrong_at(2, r#""\"#);
        wrong_at(2, r#""\x""#);
        wrong_at(5, r#""\u12g4""#);
        wrong_at(2, "\"a\nb\"");
        wrong_at(1, "\"\0\"");
        wrong_at(1, "[,]");
        wrong_at(3, "[1,]");
        wrong_at(3, "[1 2]");
        wrong_at(2, "[1}");
        wrong_at(1, "{,}");
        wrong_at(1, "{1:2}");
        wrong_at(4, r#"{"a"}"#);
        wrong_at(7, r#"{"a":1,}"#);
        wrong_at(6, r#"{"a":1]"#);
        wrong_at(2, "[]]");
        wrong_at(2, "1 2");
    }

    #[test]
    fn depth_is_bounded_without_the_stack() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(read(&nested(127)), Ok(()));
        assert_eq!(read(&nested(128)), Err(Fault::TooDeep));
        assert_eq!(read(&nested(100_000)), Err(Fault::TooDeep));
        assert_eq!(read(&r#"{"a":"#.repeat(100_000)), Err(Fault::TooDeep));
        assert_eq!(read(&format!("[{}1]", "[[]],".repeat(1000))), Ok(()), "siblings don't add up");
        assert_eq!(Cursor::new("[1]").skip_value(0), Err(Fault::TooDeep));
    }

    /// Long strings go by words and blocks: a special byte may hide at any place of them.
    #[test]
    fn special_bytes_are_found_at_every_place() {
        for length in 0..100 {
            let plain = "ü".repeat(length / 2) + &"y".repeat(length % 2);
            check(&format!("\"{plain}\""), Ok(()));
            check(&format!("\"{plain}\\n{plain}\""), Ok(()));
            wrong_at(plain.len() + 1, &format!("\"{plain}\u{1f}{plain}\""));
            wrong_at(plain.len() + 1, &format!("\"{plain}"));
        }
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_reads(text in r#"[\[\]{}:,"\\unrtalsef01eE.+\- é\n]{0,24}"#) {
            prop_assert_eq!(read(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn never_panics(text: String) {
            let _ = read(&text);
        }
    }
}
