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
use serde::Deserialize;

pub(super) use self::{
    de::{Attached, Source},
    ser::write,
};
pub use self::{
    reassembly::{Assembled, Progress, Reassembly},
    value::Value,
};
use super::packet::DecodeError;

/// Checks that each placeholder in a text stands for one of the attachments.
pub(super) fn check_placeholders(text: &str, attachments: &[Bytes]) -> Result<(), DecodeError> {
    let Some(last) = attachments.len().checked_sub(1) else { return Ok(()) };
    let mut json = serde_json::Deserializer::from_str(text);
    match Value::deserialize(Attached::new(&mut json, Source { text, attachments })) {
        // A `Value` takes any data: only a placeholder can be wrong with it.
        Err(error) if error.is_data() => Err(DecodeError::IllegalPlaceholder { last }),
        // What JSON allows and Rust doesn't hold (a lone surrogate) is an error only once it is asked for.
        Ok(_) | Err(_) => Ok(()),
    }
}
