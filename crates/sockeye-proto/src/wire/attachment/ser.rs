//! Writes JSON in which bytes become attachments.
//!
//! serde_json looks at each byte of a string on its own, which was a third of what it costs to send a long text; so
//! strings are written here, and with them whatever can hold one.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::{
    Serialize, Serializer,
    ser::{self, Error as _},
};
use serde_json::{Error, Result};

use crate::wire::json::plain_bytes_of;

/// Appends a value's JSON to `text` and its bytes, depth first, to `attachments`.
pub(in crate::wire) fn write<T: Serialize + ?Sized>(
    value: &T,
    text: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> Result<()> {
    value.serialize(Writer { text, attachments })
}

/// serde_json's compact form, except for bytes.
struct Writer<'a> {
    text: &'a mut Vec<u8>,
    attachments: &'a mut Vec<Bytes>,
}

/// A list or an object, after its opening bracket.
struct Items<'a> {
    writer: Writer<'a>,
    is_first: bool,
    /// The closing brackets.
    end: &'static [u8],
    /// The name of a struct that serde_json gives a meaning, such as text that is JSON already.
    token: Option<&'static str>,
}

/// How the names of such structs begin.
const TOKENS: &str = "$serde_json::private::";

impl<'a> Writer<'a> {
    fn string(&mut self, mut value: &str) {
        self.text.push(b'"');
        loop {
            let (plain, rest) = value.split_at(plain_bytes_of(value));
            self.text.extend_from_slice(plain.as_bytes());
            let Some(&byte) = rest.as_bytes().first() else { break };
            let short = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0C => b'f',
                b'\r' => b'r',
                _ => b'u',
            };
            self.text.extend_from_slice(&[b'\\', short]);
            if short == b'u' {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let digits = [byte >> 4, byte & 0xF].map(|digit| HEX[usize::from(digit)]);
                self.text.extend_from_slice(b"00");
                self.text.extend_from_slice(&digits);
            }
            value = &rest[1..];
        }
        self.text.push(b'"');
    }

    /// Opens a list or an object; inside of `{"variant":…}` if it is that of an enum.
    fn items(mut self, variant: Option<&str>, open: u8, end: &'static [u8]) -> Items<'a> {
        if let Some(variant) = variant {
            self.variant(variant);
        }
        self.text.push(open);
        Items { writer: self, is_first: true, end, token: None }
    }

    fn variant(&mut self, variant: &str) {
        self.text.push(b'{');
        self.string(variant);
        self.text.push(b':');
    }
}

/// Leaves to serde_json what holds no string.
macro_rules! as_serde_json {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, value: $type) -> Result<()> { serde_json::to_writer(self.text, &value) })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    as_serde_json! {
        serialize_bool(bool) serialize_char(char)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64)
    }

    fn serialize_str(mut self, value: &str) -> Result<()> {
        self.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.text.extend_from_slice(br#"{"_placeholder":true,"num":"#);
        serde_json::to_writer(&mut *self.text, &self.attachments.len())?;
        self.text.push(b'}');
        self.attachments.push(Bytes::copy_from_slice(value));
        Ok(())
    }

    fn serialize_unit(self) -> Result<()> {
        self.text.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_none(self) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<()> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<()> {
        self.variant(variant);
        let Self { text, attachments } = self;
        value.serialize(Writer { text, attachments })?;
        text.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>> {
        Ok(self.items(None, b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>> {
        Ok(self.items(None, b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>> {
        Ok(self.items(None, b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>> {
        Ok(self.items(Some(variant), b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>> {
        Ok(self.items(None, b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Items<'a>> {
        if name.starts_with(TOKENS) {
            return Ok(Items { writer: self, is_first: true, end: b"", token: Some(name) });
        }
        Ok(self.items(None, b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>> {
        Ok(self.items(Some(variant), b'{', b"}}"))
    }
}

impl Items<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.writer.text.push(b',');
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let Writer { text, attachments } = &mut self.writer;
        value.serialize(Writer { text, attachments })
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.comma();
        self.value(value)
    }

    /// A key is a string; whatever else has no brackets becomes one.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.comma();
        let start = self.writer.text.len();
        self.value(key)?;
        let text = &mut *self.writer.text;
        match text.get(start) {
            Some(b'"') => {}
            Some(b't' | b'f' | b'-' | b'0'..=b'9') => {
                text.insert(start, b'"');
                text.push(b'"');
            }
            _ => return Err(Error::custom("key must be a string")),
        }
        text.push(b':');
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        if let Some(token) = self.token {
            return serde_json::to_writer(&mut *self.writer.text, &Meant { token, name, value });
        }
        self.comma();
        self.writer.string(name);
        self.writer.text.push(b':');
        self.value(value)
    }

    fn close(self) {
        self.writer.text.extend_from_slice(self.end);
    }
}

/// A struct that serde_json gives a meaning, as it came.
struct Meant<'v, T: ?Sized> {
    token: &'static str,
    name: &'static str,
    value: &'v T,
}

impl<T: Serialize + ?Sized> Serialize for Meant<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut meant = serializer.serialize_struct(self.token, 1)?;
        ser::SerializeStruct::serialize_field(&mut meant, self.name, self.value)?;
        ser::SerializeStruct::end(meant)
    }
}

/// What all kinds of lists have in common.
macro_rules! list {
    ($($kind:ident::$method:ident)*) => {
        $(impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.item(value)
            }

            fn end(self) -> Result<()> {
                self.close();
                Ok(())
            }
        })*
    };
}

list! {
    SerializeSeq::serialize_element SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field SerializeTupleVariant::serialize_field
}

/// What both kinds of structs have in common.
macro_rules! structure {
    ($($kind:ident)*) => {
        $(impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<()> {
                self.field(name, value)
            }

            fn end(self) -> Result<()> {
                self.close();
                Ok(())
            }
        })*
    };
}

structure! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.value(value)
    }

    fn end(self) -> Result<()> {
        self.close();
        Ok(())
    }
}
