//! Steps over JSON text in one pass, without building anything: where does a value end, is it valid, is it too deep?

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
        const BLOCK: usize = 32;
        let mut escapes = false;
        self.expect(b'"')?;
        loop {
            // The compiler turns this fold into SIMD compares; long strings cost little more than a memcpy.
            while let Some(block) = self.bytes[self.at..].first_chunk::<BLOCK>()
                && !block.iter().fold(false, |found, &byte| found | ends_run(byte))
            {
                self.at += BLOCK;
            }
            while self.peek().is_some_and(|byte| !ends_run(byte)) {
                self.at += 1;
            }
            if self.eat(b'"') {
                return Ok(escapes);
            }
            self.expect(b'\\')?; // else: the text ends here, or a control character is not escaped
            self.skip_escape()?;
            escapes = true;
        }
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

/// Whether a byte can't be an ordinary part of a string.
const fn ends_run(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}
