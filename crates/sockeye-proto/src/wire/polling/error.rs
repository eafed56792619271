//! Why the body of a polling request could not be read.

use thiserror::Error;

use crate::wire::engine;

/// Why a body from the peer could not be read. The peer is at fault: refuse the request and close the session.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// A content type that only Engine.IO 3 has.
    #[error("content type application/octet-stream; Engine.IO 4 has text, with binary in base64")]
    BinaryContent,
    /// A packet that is none, or a body without a single byte.
    #[error(transparent)]
    Packet(#[from] engine::DecodeError),
    /// A text that is not UTF-8.
    #[error("the packet's text is not UTF-8")]
    NotUtf8,
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
