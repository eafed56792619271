//! Binary inside JSON: placeholders and attachments, through serde both ways.
//!
//! JSON has no bytes, so Socket.IO sends them behind the packet, each as a binary message of its own, and writes
//! `{"_placeholder":true,"num":n}` where the n-th of them belongs.

mod de;
pub(super) mod placeholder;
mod reassembly;
mod ser;
#[cfg(test)]
mod tests;
mod value;

use bytes::Bytes;

pub(super) use self::{
    de::{Attached, Source},
    ser::write,
};
pub use self::{
    reassembly::{Assembled, Progress, Reassembly},
    value::Value,
};
use super::{json::Cursor, packet::DecodeError};

/// Checks that each placeholder in a text, which is JSON, stands for an attachment of its own.
///
/// Every encoder known to us numbers its attachments as it meets them. Were two placeholders for one attachment allowed,
/// a text of a megabyte could ask for thirty thousand copies of it.
pub(super) fn check_placeholders(text: &str, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let Some(last) = attachments.len().checked_sub(1) else { return Ok(()) };
    let illegal = DecodeError::IllegalPlaceholder { last };
    let mut is_free = vec![true; attachments.len()];
    let mut cursor = Cursor::new(text);
    while let Some(byte) = cursor.peek() {
        if byte == b'"' {
            if cursor.skip_string().is_err() {
                return Ok(()); // it is no JSON, which is for others to say
            }
            continue;
        }
        cursor.eat(byte);
        if byte == b'{' {
            cursor.skip_whitespace();
            match placeholder::read(text, cursor.offset()) {
                None => {}
                Some(Ok(number)) if is_free.get(number) == Some(&true) => is_free[number] = false,
                Some(_) => return Err(illegal),
            }
        }
    }
    Ok(())
}
