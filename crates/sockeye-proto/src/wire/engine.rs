//! Engine.IO messages: a type digit and a body.

mod handshake;

use thiserror::Error;

pub use self::handshake::{Handshake, HandshakeError};
use super::base64;

/// The version of Engine.IO that a client speaks; decided once, by the `EIO` of its first request.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Version {
    /// `EIO=3`, with version 4 of the Socket.IO protocol on it: what npm `socket.io-client` 1 and 2 speak.
    V3,
    /// `EIO=4`, with version 5 of the Socket.IO protocol on it: npm `socket.io-client` 3 and 4.
    #[default]
    V4,
}

impl Version {
    /// The version that the value of `EIO` stands for, if it is one of the two.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::engine::Version;
    ///
    /// assert_eq!(Version::from_eio("4"), Some(Version::V4));
    /// assert_eq!(Version::from_eio("5"), None);
    /// ```
    #[must_use]
    pub fn from_eio(value: &str) -> Option<Self> {
        match value {
            "3" => Some(Self::V3),
            "4" => Some(Self::V4),
            _ => None,
        }
    }

    /// The value of `EIO` that stands for it.
    #[must_use]
    pub const fn to_eio(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V4 => "4",
        }
    }
}

/// What an Engine.IO packet is for; its digit is the first character of the message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// `0`: the server's [`Handshake`].
    Open,
    /// `1`: the session ends.
    Close,
    /// `2`: asks for a [`Kind::Pong`] with the same body.
    Ping,
    /// `3`: answers a [`Kind::Ping`].
    Pong,
    /// `4`: carries a Socket.IO packet.
    Message,
    /// `5`: the client moves the session to the transport it has just probed.
    Upgrade,
    /// `6`: says nothing, but ends a waiting poll.
    Noop,
}

impl Kind {
    /// The kind that an ASCII digit stands for, if it is one of `0` to `6`.
    #[must_use]
    pub const fn from_digit(digit: char) -> Option<Self> {
        Some(match digit {
            '0' => Self::Open,
            '1' => Self::Close,
            '2' => Self::Ping,
            '3' => Self::Pong,
            '4' => Self::Message,
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            _ => return None,
        })
    }

    /// The ASCII digit that stands for this kind on the wire.
    #[must_use]
    pub const fn digit(self) -> u8 {
        match self {
            Self::Open => b'0',
            Self::Close => b'1',
            Self::Ping => b'2',
            Self::Pong => b'3',
            Self::Message => b'4',
            Self::Upgrade => b'5',
            Self::Noop => b'6',
        }
    }
}

/// Splits one Engine.IO text message into packet type and body. Allocates nothing.
///
/// # Errors
///
/// Every [`DecodeError`] is the peer's fault: close the connection, do not retry.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::engine::{DecodeError, Kind, decode};
///
/// assert_eq!(decode("4hello")?, (Kind::Message, "hello"));
/// # Ok::<_, DecodeError>(())
/// ```
pub fn decode(text: &str) -> Result<(Kind, &str), DecodeError> {
    let digit = text.chars().next().ok_or(DecodeError::Empty)?;
    let kind = Kind::from_digit(digit).ok_or(DecodeError::UnknownKind { digit })?;
    Ok((kind, &text[digit.len_utf8()..]))
}

/// Takes the type off a binary message of version 3 on WebSocket; version 4 has none there.
///
/// # Errors
///
/// As [`decode`].
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::engine::{DecodeError, decode_binary};
///
/// assert_eq!(decode_binary(&[4, 1, 2])?, [1, 2]);
/// assert_eq!(decode_binary(&[9]), Err(DecodeError::NotMessage { found: 9 }));
/// # Ok::<_, DecodeError>(())
/// ```
pub fn decode_binary(message: &[u8]) -> Result<&[u8], DecodeError> {
    match message {
        [4, data @ ..] => Ok(data),
        [found, ..] => Err(DecodeError::NotMessage { found: *found }),
        [] => Err(DecodeError::Empty),
    }
}

/// Reads the text that stands for a binary message: `b` and base64, in version 3 with the type in between. `None` is any
/// other text, for [`decode`].
///
/// Who can't send or read bytes writes them so, on a WebSocket as in the bodies of [`polling`](super::polling).
///
/// # Errors
///
/// As [`decode`].
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::engine::{DecodeError, Version, decode_base64};
///
/// assert_eq!(decode_base64(Version::V4, b"bAQID")?, Some(vec![1, 2, 3]));
/// assert_eq!(decode_base64(Version::V3, b"b4AQID")?, Some(vec![1, 2, 3]));
/// assert_eq!(decode_base64(Version::V3, b"42[1]")?, None);
/// # Ok::<_, DecodeError>(())
/// ```
pub fn decode_base64(version: Version, text: &[u8]) -> Result<Option<Vec<u8>>, DecodeError> {
    let data = match (version, text) {
        (Version::V4, [b'b', data @ ..]) | (Version::V3, [b'b', b'4', data @ ..]) => data,
        (Version::V3, [b'b', found, ..]) => {
            return Err(DecodeError::NotMessage { found: *found });
        }
        (Version::V3, [b'b']) => return Err(DecodeError::Empty),
        _ => return Ok(None),
    };
    base64::decode(data).map(Some).map_err(|_| DecodeError::NotBase64)
}

/// Why a message from the peer could not be read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// The message had no bytes at all.
    #[error("empty packet; expected a type digit from 0 to 6")]
    Empty,
    /// The first character is not a packet type.
    #[error(
        "packet type {digit:?} is not in 0..=6; close the connection, the peer is not Engine.IO"
    )]
    UnknownKind {
        /// The character found.
        digit: char,
    },
    /// A binary message of version 3 that does not begin with the type of a message.
    #[error(
        "binary packet type {found:#04x}, expected 4; only messages are binary, and in version 3 they begin with their type"
    )]
    NotMessage {
        /// The byte in its place; in base64 it is a character.
        found: u8,
    },
    /// A binary message, written as text, that is not base64.
    #[error("the binary packet is not base64")]
    NotBase64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: Result<(Kind, &str), DecodeError>) {
        assert_eq!(decode(text), expect, "decoding {text:?}");
    }

    #[test]
    fn messages_against_the_grammar() {
        check("0{}", Ok((Kind::Open, "{}")));
        check("1", Ok((Kind::Close, "")));
        check("2probe", Ok((Kind::Ping, "probe")));
        check("3probe", Ok((Kind::Pong, "probe")));
        check("42[\"a\"]", Ok((Kind::Message, "2[\"a\"]")));
        check("5", Ok((Kind::Upgrade, "")));
        check("6", Ok((Kind::Noop, "")));
        check("", Err(DecodeError::Empty));
        check("7", Err(DecodeError::UnknownKind { digit: '7' }));
        check(" 2", Err(DecodeError::UnknownKind { digit: ' ' }));
        check("é", Err(DecodeError::UnknownKind { digit: 'é' })); // must not split inside a char
        check("٤", Err(DecodeError::UnknownKind { digit: '٤' })); // a digit, but not an ASCII one
    }

    #[track_caller]
    fn check_base64(version: Version, text: &str, expect: Result<Option<&[u8]>, DecodeError>) {
        let found = decode_base64(version, text.as_bytes());
        assert_eq!(found, expect.map(|data| data.map(<[u8]>::to_vec)), "{version:?} {text:?}");
    }

    #[test]
    fn a_binary_message_as_text_is_told_from_every_other_text() {
        use DecodeError::{Empty, NotBase64, NotMessage};
        use Version::{V3, V4};

        check_base64(V4, "b", Ok(Some(b"")));
        check_base64(V4, "bAQID", Ok(Some(&[1, 2, 3])));
        check_base64(V4, "b4AQI", Ok(Some(&[0xE0, 4, 8]))); // no type there
        check_base64(V4, "bAR", Ok(Some(&[1])));
        check_base64(V4, "b!", Err(NotBase64));
        check_base64(V3, "b4", Ok(Some(b"")));
        check_base64(V3, "b4AQID", Ok(Some(&[1, 2, 3])));
        check_base64(V3, "b", Err(Empty));
        check_base64(V3, "bAQID", Err(NotMessage { found: b'A' }));
        check_base64(V3, "b2AQID", Err(NotMessage { found: b'2' }));
        check_base64(V3, "b4A", Err(NotBase64));
        for version in [V3, V4] {
            for other in ["", "4b", "42[1]", "B", "é", " b"] {
                check_base64(version, other, Ok(None));
            }
        }
    }

    proptest! {
        #[test]
        fn decode_never_panics_and_loses_nothing(text: String) {
            if let Ok((kind, body)) = decode(&text) {
                prop_assert_eq!(format!("{}{body}", char::from(kind.digit())), text);
            }
        }
    }
}
