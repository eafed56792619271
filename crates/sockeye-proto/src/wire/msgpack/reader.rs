//! Steps over msgpack, value by value: scalars whole, of arrays and maps the header.

use rmp::Marker;

use super::{date, error::DecodeError};

/// A position in msgpack.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One value, or the header of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    /// JavaScript's `undefined`.
    Undefined,
    Bool(bool),
    Uint(u64),
    /// Negative, unless a peer wastes bytes.
    Int(i64),
    Float(f64),
    Str(&'a str),
    Bin(&'a [u8]),
    /// In milliseconds since 1970.
    Date(i128),
    /// So many values follow.
    Array(u32),
    /// So many keys, each with its value, follow.
    Map(u32),
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads one token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, DecodeError> {
        let offset = self.at;
        Ok(match Marker::from_u8(self.array::<1>()?[0]) {
            Marker::Null => Token::Nil,
            Marker::False => Token::Bool(false),
            Marker::True => Token::Bool(true),
            Marker::FixPos(number) => Token::Uint(number.into()),
            Marker::FixNeg(number) => Token::Int(number.into()),
            Marker::U8 => Token::Uint(self.array().map(u8::from_be_bytes)?.into()),
            Marker::U16 => Token::Uint(self.array().map(u16::from_be_bytes)?.into()),
            Marker::U32 => Token::Uint(self.array().map(u32::from_be_bytes)?.into()),
            Marker::U64 => Token::Uint(self.array().map(u64::from_be_bytes)?),
            Marker::I8 => Token::Int(self.array().map(i8::from_be_bytes)?.into()),
            Marker::I16 => Token::Int(self.array().map(i16::from_be_bytes)?.into()),
            Marker::I32 => Token::Int(self.array().map(i32::from_be_bytes)?.into()),
            Marker::I64 => Token::Int(self.array().map(i64::from_be_bytes)?),
            Marker::F32 => Token::Float(self.array().map(f32::from_be_bytes)?.into()),
            Marker::F64 => Token::Float(self.array().map(f64::from_be_bytes)?),
            Marker::FixStr(length) => self.str(length.into())?,
            Marker::Str8 => self.length8().and_then(|length| self.str(length))?,
            Marker::Str16 => self.length16().and_then(|length| self.str(length))?,
            Marker::Str32 => self.length32().and_then(|length| self.str(length))?,
            Marker::Bin8 => self.length8().and_then(|length| self.bin(length))?,
            Marker::Bin16 => self.length16().and_then(|length| self.bin(length))?,
            Marker::Bin32 => self.length32().and_then(|length| self.bin(length))?,
            Marker::FixArray(length) => Token::Array(length.into()),
            Marker::Array16 => Token::Array(self.length16()?),
            Marker::Array32 => Token::Array(self.length32()?),
            Marker::FixMap(length) => Token::Map(length.into()),
            Marker::Map16 => Token::Map(self.length16()?),
            Marker::Map32 => Token::Map(self.length32()?),
            Marker::FixExt1 => self.fixed_extension(1)?,
            Marker::FixExt2 => self.fixed_extension(2)?,
            Marker::FixExt4 => self.fixed_extension(4)?,
            Marker::FixExt8 => self.fixed_extension(8)?,
            Marker::FixExt16 => self.fixed_extension(16)?,
            Marker::Ext8 => self.length8().and_then(|length| self.extension(length))?,
            Marker::Ext16 => self.length16().and_then(|length| self.extension(length))?,
            Marker::Ext32 => self.length32().and_then(|length| self.extension(length))?,
            Marker::Reserved => return Err(DecodeError::Reserved { offset }),
        })
    }

    /// Reads one whole value and forgets it. How deep it nests doesn't matter: nothing is kept but a count.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            // No sum of lengths reaches the end of 64 bits: each costs five bytes of the message.
            left = left.saturating_add(match self.next()? {
                Token::Array(items) => items.into(),
                Token::Map(entries) => 2 * u64::from(entries),
                _ => 0,
            });
        }
        Ok(())
    }

    /// Here the message must end.
    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { offset: self.at })
        }
    }

    fn length8(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u8::from_be_bytes).map(u32::from)
    }

    fn length16(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u16::from_be_bytes).map(u32::from)
    }

    fn length32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    fn str(&mut self, length: u32) -> Result<Token<'a>, DecodeError> {
        let offset = self.at;
        let text = simdutf8::basic::from_utf8(self.slice(length)?);
        text.map(Token::Str).map_err(|_| DecodeError::NotUtf8 { offset })
    }

    fn bin(&mut self, length: u32) -> Result<Token<'a>, DecodeError> {
        self.slice(length).map(Token::Bin)
    }

    /// An extension whose length is in its marker: of type 0, notepack has two that are no `ArrayBuffer`.
    fn fixed_extension(&mut self, length: u32) -> Result<Token<'a>, DecodeError> {
        let start = self.at;
        let [kind] = self.array()?;
        match (kind, length) {
            (0, 1) => self.array::<1>().map(|_| Token::Undefined),
            (0, 8) => self.array().map(i64::from_be_bytes).map(|ms| Token::Date(ms.into())),
            _ => {
                self.at = start;
                self.extension(length)
            }
        }
    }

    fn extension(&mut self, length: u32) -> Result<Token<'a>, DecodeError> {
        let kind = self.array().map(i8::from_be_bytes)?;
        let offset = self.at;
        let bytes = self.slice(length)?;
        match kind {
            0 => Some(Token::Bin(bytes)),
            -1 => date::timestamp(bytes).map(Token::Date),
            _ => None,
        }
        .ok_or(DecodeError::UnknownExtension { kind, bytes: bytes.len(), offset })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk);
        let bytes = *rest.ok_or(DecodeError::Truncated { offset: self.at })?;
        self.at += N;
        Ok(bytes)
    }

    fn slice(&mut self, length: u32) -> Result<&'a [u8], DecodeError> {
        let truncated = DecodeError::Truncated { offset: self.at };
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let bytes = end.and_then(|end| self.bytes.get(self.at..end)).ok_or(truncated)?;
        self.at += bytes.len();
        Ok(bytes)
    }
}

impl Token<'_> {
    /// The number, if this is one without sign and fraction, in whatever form.
    pub(super) fn as_u64(&self) -> Option<u64> {
        match *self {
            Token::Uint(number) => Some(number),
            Token::Int(number) => number.try_into().ok(),
            Token::Float(number) => whole(number).and_then(|whole| whole.try_into().ok()),
            _ => None,
        }
    }

    /// What this is, for errors.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Token::Nil => "nil",
            Token::Undefined => "undefined",
            Token::Bool(_) => "a truth value",
            Token::Uint(_) | Token::Int(_) | Token::Float(_) => "a number",
            Token::Str(_) => "a string",
            Token::Bin(_) => "bytes",
            Token::Date(_) => "a date",
            Token::Array(_) => "an array",
            Token::Map(_) => "a map",
        }
    }
}

/// A float as the integer that it is, if it is one that an `i64` or `u64` holds.
pub(super) fn whole(number: f64) -> Option<i128> {
    // -2^63 and 2^64 are exact; -0 has a sign that no integer has.
    let fits = (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&number);
    let is_whole = number.fract() == 0.0 && !(number == 0.0 && number.is_sign_negative());
    (fits && is_whole).then_some(number as i128)
}
