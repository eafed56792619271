//! msgpack to JSON text with placeholders, and the attachments.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::Number;

use super::{
    date,
    error::DecodeError,
    reader::{Reader, Token, whole},
};
use crate::wire::{
    json::MAX_DEPTH,
    packet::{self, Limits},
};

/// One value as JSON. The default is no value.
#[derive(Debug, Default)]
pub(super) struct Json<'a> {
    /// How the value began.
    pub(super) start: Option<Token<'a>>,
    pub(super) text: String,
    pub(super) attachments: Vec<Bytes>,
}

impl<'a> Json<'a> {
    /// Reads one whole value.
    pub(super) fn read(reader: &mut Reader<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        let start = reader.next()?;
        let (text, attachments, bytes_left) =
            (String::new(), Vec::new(), limits.max_attachments_bytes);
        let mut writer = Writer { reader, limits, text, attachments, bytes_left };
        writer.value(start, limits.max_depth.min(MAX_DEPTH))?;
        let Writer { text, attachments, .. } = writer;
        Ok(Self { start: Some(start), text, attachments })
    }
}

struct Writer<'r, 'a> {
    reader: &'r mut Reader<'a>,
    limits: &'r Limits,
    text: String,
    attachments: Vec<Bytes>,
    bytes_left: usize,
}

impl<'a> Writer<'_, 'a> {
    /// Writes the value that begins with `token`. Calls itself once for each level of nesting, of which `depth` remain.
    fn value(&mut self, token: Token<'a>, depth: u32) -> Result<(), DecodeError> {
        match token {
            Token::Nil | Token::Undefined => self.text.push_str("null"),
            Token::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
            Token::Uint(number) => _ = write!(self.text, "{number}"),
            Token::Int(number) => _ = write!(self.text, "{number}"),
            Token::Float(number) => self.float(number),
            Token::Str(text) => self.string(text),
            Token::Bin(bytes) => self.attachment(bytes)?,
            Token::Date(ms) => match date::to_json(ms) {
                Some(date) => _ = write!(self.text, "\"{date}\""),
                None => self.text.push_str("null"),
            },
            Token::Array(items) => self.array(items, self.deeper(depth)?)?,
            Token::Map(entries) => self.object(entries, self.deeper(depth)?)?,
        }
        Ok(())
    }

    fn array(&mut self, items: u32, depth: u32) -> Result<(), DecodeError> {
        self.text.push('[');
        for item in 0..items {
            if item > 0 {
                self.text.push(',');
            }
            let token = self.reader.next()?;
            self.value(token, depth)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn object(&mut self, entries: u32, depth: u32) -> Result<(), DecodeError> {
        self.text.push('{');
        let mut is_first = true;
        for _ in 0..entries {
            let key = self.reader.next()?;
            if !matches!(key, Token::Str(_) | Token::Uint(_) | Token::Int(_)) {
                return Err(DecodeError::WrongKey { found: key.name() });
            }
            let value = self.reader.next()?;
            if value == Token::Undefined {
                continue; // as JSON.stringify does
            }
            if !is_first {
                self.text.push(',');
            }
            is_first = false;
            match key {
                // An object of the peer's that only looks like a placeholder: nobody takes an escaped key for one.
                Token::Str("_placeholder") => self.text.push_str(r#""\u005fplaceholder""#),
                Token::Str(key) => self.string(key),
                number => {
                    self.text.push('"');
                    self.value(number, depth)?;
                    self.text.push('"');
                }
            }
            self.text.push(':');
            self.value(value, depth)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn deeper(&self, depth: u32) -> Result<u32, DecodeError> {
        let too_deep = packet::DecodeError::TooDeep { limit: self.limits.max_depth };
        depth.checked_sub(1).ok_or(DecodeError::Packet(too_deep))
    }

    fn float(&mut self, number: f64) {
        // JavaScript has one type of number: 3 may come as a float, and an integer is what reads it here.
        if let Some(whole) = whole(number) {
            _ = write!(self.text, "{whole}");
        } else if let Some(number) = Number::from_f64(number) {
            _ = write!(self.text, "{number}"); // the shortest text that reads as the same number
        } else {
            self.text.push_str("null"); // infinite, or not a number
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
            self.text.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                byte @ (b'"' | b'\\') => self.text.extend(['\\', char::from(byte)]),
                b'\n' => self.text.push_str(r"\n"),
                b'\r' => self.text.push_str(r"\r"),
                b'\t' => self.text.push_str(r"\t"),
                byte => _ = write!(self.text, r"\u{byte:04x}"),
            }
            rest = &rest[at + 1..]; // each of these is one byte
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    fn attachment(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let Limits { max_attachments, max_attachments_bytes, .. } = *self.limits;
        let number = self.attachments.len();
        if u32::try_from(number).is_ok_and(|number| number >= max_attachments) {
            return Err(packet::DecodeError::TooManyAttachments { limit: max_attachments }.into());
        }
        self.bytes_left = self
            .bytes_left
            .checked_sub(bytes.len())
            .ok_or(packet::DecodeError::AttachmentsTooLarge { limit: max_attachments_bytes })?;
        _ = write!(self.text, r#"{{"_placeholder":true,"num":{number}}}"#);
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }
}
