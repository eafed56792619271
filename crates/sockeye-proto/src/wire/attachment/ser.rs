//! Writes JSON in which bytes become attachments.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;

/// Appends a value's JSON to `text` and its bytes, depth first, to `attachments`.
pub(in crate::wire) fn write<T: Serialize + ?Sized>(
    value: &T,
    text: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
) -> serde_json::Result<()> {
    let formatter = Placeholders { attachments };
    value.serialize(&mut serde_json::Serializer::with_formatter(text, formatter))
}

/// serde_json's compact form, except for bytes.
struct Placeholders<'a> {
    attachments: &'a mut Vec<Bytes>,
}

impl Formatter for Placeholders<'_> {
    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        bytes: &[u8],
    ) -> io::Result<()> {
        write!(writer, r#"{{"_placeholder":true,"num":{}}}"#, self.attachments.len())?;
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }
}
