//! Why bytes from the peer could not be read, and the close code that answers them.

use thiserror::Error;

use super::CloseCode;

/// Why [`Decoder::decode`](super::Decoder::decode) gave up: always the peer's fault.
///
/// The place in the stream is lost: send a close frame with [`Self::close_code`] and end the connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// The peer broke a rule of the framing.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A text message or close reason is not UTF-8.
    #[error("text is not UTF-8; send other bytes as a binary message")]
    InvalidUtf8,
    /// A compressed message could not be decompressed.
    #[error("message is not a valid deflate stream; check the peer's permessage-deflate")]
    InvalidDeflate,
    /// The message is longer than the limit, after decompression.
    #[error(
        "message is longer than {max_message_bytes} bytes; send less at a time, or allow more where it is received"
    )]
    MessageTooBig {
        /// The limit that was in force.
        max_message_bytes: usize,
    },
    /// The message has more fragments without payload than the limit.
    #[error("message has more than {max_empty_fragments} empty fragments; nothing sends so many")]
    TooManyEmptyFragments {
        /// The limit that was in force.
        max_empty_fragments: u32,
    },
    /// The message has begun, and comes too slowly.
    #[error("message takes too long to arrive; send it faster, or in several smaller ones")]
    TooSlow,
}

impl DecodeError {
    /// The code to close the connection with.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::PROTOCOL_ERROR,
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyEmptyFragments { .. } | Self::TooSlow => CloseCode::POLICY_VIOLATION,
        }
    }
}

/// The rule of the framing that a peer broke; each is answered with close code 1002.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ProtocolError {
    /// A reserved bit is set that no negotiated extension gives a meaning (§5.2).
    #[error("reserved bit set; no negotiated extension uses it here")]
    ReservedBits,
    /// The opcode is reserved (§5.2).
    #[error("opcode {opcode:#x} is reserved")]
    ReservedOpcode {
        /// The opcode found.
        opcode: u8,
    },
    /// A control frame is fragmented (§5.5).
    #[error("control frame without FIN; control frames cannot be fragmented")]
    FragmentedControl,
    /// A control frame is too long (§5.5).
    #[error("control frame longer than 125 bytes")]
    ControlTooLong,
    /// The most significant bit of a 64-bit length is set (§5.2).
    #[error("frame length {payload_bytes} does not fit in 63 bits")]
    LengthTooLarge {
        /// The length found.
        payload_bytes: u64,
    },
    /// A length is not in its shortest form (§5.2).
    #[error("frame length {payload_bytes} is not in its shortest form")]
    LengthNotMinimal {
        /// The length found.
        payload_bytes: u64,
    },
    /// A client sent a frame without a mask (§5.1).
    #[error("frame is not masked; a client must mask every frame")]
    Unmasked,
    /// A server sent a masked frame (§5.1).
    #[error("frame is masked; a server must not mask")]
    Masked,
    /// A continuation without a message to continue (§5.4).
    #[error("continuation frame, but no message was begun")]
    UnexpectedContinuation,
    /// A new message before the last one ended (§5.4).
    #[error("new message before the last fragment of the one before it")]
    UnfinishedMessage,
    /// The body of a close frame has one byte, neither nothing nor a code (§5.5.1).
    #[error("close frame with a body of one byte; expected none or a code of two bytes")]
    HalfCloseCode,
    /// The code of a close frame must not appear on the wire (§7.4).
    #[error("close code {code} must not be sent")]
    CloseCodeNotAllowed {
        /// The code found.
        code: u16,
    },
}
