//! Binary inside JSON: placeholders and attachments, through serde both ways.
//!
//! JSON has no bytes, so Socket.IO sends them behind the packet, each as a binary message of its own, and writes
//! `{"_placeholder":true,"num":n}` where the n-th of them belongs.

mod de;
pub(super) mod placeholder;
mod ser;
#[cfg(test)]
mod tests;
mod value;

use bytes::Bytes;

pub use self::value::Value;
pub(super) use self::{
    de::{Attached, Source},
    ser::write,
};
use super::{json::Cursor, packet::DecodeError};

/// Checks that each placeholder in a text, which is JSON, stands for an attachment of its own, and that nothing else
/// can be taken for one.
///
/// Every encoder known to us numbers its attachments as it meets them. Were two placeholders for one attachment allowed,
/// a text of a megabyte could ask for thirty thousand copies of it. And every object that is marked as a placeholder, in
/// whatever order or spelling, is one to npm's parser: passed on beside attachments it would make each client that gets
/// it close its connection.
pub(super) fn check_placeholders(text: &str, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let Some(last) = attachments.len().checked_sub(1) else { return Ok(()) };
    let illegal = DecodeError::IllegalPlaceholder { last };
    let mut is_free = vec![true; attachments.len()];
    let mut cursor = Cursor::new(text);
    while let Some(byte) = cursor.peek() {
        match byte {
            b'"' => match placeholder::skip_mark(text, &mut cursor) {
                Ok(false) => {}
                Ok(true) => return Err(illegal),
                Err(_) => return Ok(()), // it is no JSON, which is for others to say
            },
            b'{' => {
                let mut inside = Cursor::at(text, cursor.offset() + 1);
                inside.skip_whitespace();
                match placeholder::read(text, inside.offset()) {
                    None => cursor = inside,
                    Some(Ok(number)) if is_free.get(number) == Some(&true) => {
                        is_free[number] = false;
                        if cursor.skip_value(1).is_err() {
                            return Ok(());
                        }
                    }
                    Some(_) => return Err(illegal),
                }
            }
            byte => _ = cursor.eat(byte),
        }
    }
    Ok(())
}
