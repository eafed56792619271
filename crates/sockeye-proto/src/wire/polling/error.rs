//! Why the body of a polling request could not be read.

use thiserror::Error;

/// Why a body from the peer could not be read. The peer is at fault: refuse the request and close the session.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// A content type that only Engine.IO 3 has.
    #[error("content type application/octet-stream; Engine.IO 4 has text, with binary in base64")]
    BinaryContent,
    /// A packet, or the whole body, without a single byte.
    #[error("empty packet; expected a type digit, or b and base64")]
    Empty,
    /// A text that is not UTF-8.
    #[error("the packet's text is not UTF-8")]
    NotUtf8,
    /// A binary packet that is not base64.
    #[error("the binary packet is not base64")]
    NotBase64,
    /// A binary packet of another type than message.
    #[error("binary packet of type {found:#04x}; expected {expected:#04x}, a message")]
    NotAMessage {
        /// The type found.
        found: u8,
        /// The type of a message in this format.
        expected: u8,
    },
    /// A packet of Engine.IO 3 that is marked neither as text nor as binary.
    #[error("the packet begins with byte {found:#04x}; expected 0 for text or 1 for binary")]
    UnknownMark {
        /// The byte found.
        found: u8,
    },
    /// A length of Engine.IO 3 that is no number.
    #[error("the packet's length is not a number of 1 to 19 decimal digits and its end mark")]
    IllegalLength,
    /// A packet of Engine.IO 3 that is shorter than its length says.
    #[error("the packet is announced with a length of {announced}, but only {left} bytes are left")]
    Truncated {
        /// The length announced.
        announced: u64,
        /// How many bytes follow it.
        left: usize,
    },
    /// A length of Engine.IO 3 that ends inside a character.
    #[error(
        "the packet's length of {announced} UTF-16 units ends between two halves of a character"
    )]
    SplitCharacter {
        /// The length announced.
        announced: u64,
    },
}
