//! Bodies of HTTP polling: many Engine.IO packets in one GET's answer, or in one POST.
//!
//! | [`Format`] | packets | a text packet | a binary message |
//! |---|---|---|---|
//! | `V4` | with U+001E between them | `4hello` | `b` and base64 |
//! | `V3Text` | each behind its length in UTF-16 units | `6:4hello` | `10:b4` and base64 |
//! | `V3Binary` | each behind its length in bytes | `00 06 ff`, `4hello` | `01 06 ff 04` and the data |
//!
//! A length in `V3Binary` is written with one byte for each decimal digit.

mod decode;
mod encode;
mod error;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::{
    decode::Packets,
    encode::{Body, body_bytes, encode, encode_octets},
    error::DecodeError,
};
use super::engine::Version;

/// How the packets of one body are told apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// Text with separators: all bodies of Engine.IO 4.
    V4,
    /// Text with lengths: a body of Engine.IO 3.
    V3Text,
    /// Bytes with lengths: a body of Engine.IO 3 whose content type is `application/octet-stream`.
    V3Binary,
}

impl Format {
    /// The format of a body that came with this content type.
    ///
    /// # Errors
    ///
    /// [`DecodeError::BinaryContent`]: Engine.IO 4 has no such bodies; refuse the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{engine::Version, polling::{DecodeError, Format}};
    ///
    /// assert_eq!(Format::of_request(Version::V4, Some("text/plain;charset=UTF-8"))?, Format::V4);
    /// assert_eq!(Format::of_request(Version::V3, Some("application/octet-stream"))?, Format::V3Binary);
    /// assert_eq!(Format::of_request(Version::V3, None)?, Format::V3Text);
    /// # Ok::<_, DecodeError>(())
    /// ```
    pub fn of_request(version: Version, content_type: Option<&str>) -> Result<Self, DecodeError> {
        let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        match (version, media_type.trim().eq_ignore_ascii_case("application/octet-stream")) {
            (Version::V4, true) => Err(DecodeError::BinaryContent),
            // Clients send `text/plain`, some send nothing; it makes no difference.
            (Version::V4, false) => Ok(Self::V4),
            (Version::V3, true) => Ok(Self::V3Binary),
            (Version::V3, false) => Ok(Self::V3Text),
        }
    }
}

impl Format {
    /// The version and the format of a server's first answer, from how it begins: servers of version 3 answer every
    /// client in theirs. `None` if it is no answer of Engine.IO.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{engine::Version, polling::Format};
    ///
    /// assert_eq!(Format::of_opening(br#"0{"sid":"a"}"#), Some((Version::V4, Format::V4)));
    /// assert_eq!(Format::of_opening(br#"12:0{"sid":"a"}"#), Some((Version::V3, Format::V3Text)));
    /// assert_eq!(Format::of_opening(b"\x00\x01\x02\xff0{"), Some((Version::V3, Format::V3Binary)));
    /// assert_eq!(Format::of_opening(b"<!DOCTYPE html>"), None);
    /// ```
    #[must_use]
    pub fn of_opening(body: &[u8]) -> Option<(Version, Self)> {
        let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match body {
            [b'0', b'{', ..] => Some((Version::V4, Self::V4)),
            [0 | 1, 0..=9, ..] => Some((Version::V3, Self::V3Binary)),
            _ if digits > 0 && body.get(digits) == Some(&b':') => Some((Version::V3, Self::V3Text)),
            _ => None,
        }
    }

    /// The format of any further answer. In version 3 each may have another, whatever its content type says.
    #[must_use]
    pub const fn of_answer(version: Version, body: &[u8]) -> Self {
        match (version, body) {
            (Version::V4, _) => Self::V4,
            (Version::V3, [0 | 1, ..]) => Self::V3Binary,
            (Version::V3, _) => Self::V3Text,
        }
    }
}

/// One packet of a body, as a WebSocket of Engine.IO 4 would bring it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item<'b> {
    /// An Engine.IO packet with its digit, for [`engine::decode`](super::engine::decode).
    Text(&'b str),
    /// The data of a binary message: an attachment, or a packet in msgpack.
    Binary(Cow<'b, [u8]>),
}

/// Between two packets of Engine.IO 4; JSON can't contain it.
const SEPARATOR: u8 = 0x1E;

/// Length of a text in UTF-16 units, as JavaScript counts it.
fn utf16_units(text: &[u8]) -> usize {
    text.iter().map(|&byte| units_begun_by(byte)).sum()
}

/// UTF-16 units of the character that this byte of UTF-8 begins; none if it continues one.
const fn units_begun_by(byte: u8) -> usize {
    match byte {
        0x80..=0xBF => 0,
        0xF0.. => 2,
        _ => 1,
    }
}
