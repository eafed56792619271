//! One message: what a peer said, whole, unmasked and checked.

use super::{CloseFrame, DecodeError, Opcode, ProtocolError};

/// A whole message or control frame, borrowed from wherever its bytes lie.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Message<'s> {
    /// Text.
    Text(&'s str),
    /// Bytes.
    Binary(&'s [u8]),
    /// Asks for a [`Message::Pong`] with the same payload.
    Ping(&'s [u8]),
    /// Answers a [`Message::Ping`], or is a sign of life.
    Pong(&'s [u8]),
    /// The last message of its sender.
    Close(Option<CloseFrame<'s>>),
}

impl<'s> Message<'s> {
    /// Reads the unmasked payload of a whole frame.
    pub(super) fn from_payload(opcode: Opcode, payload: &'s [u8]) -> Result<Self, DecodeError> {
        Ok(match opcode {
            Opcode::Text => Self::Text(
                simdutf8::basic::from_utf8(payload).map_err(|_| DecodeError::InvalidUtf8)?,
            ),
            Opcode::Binary => Self::Binary(payload),
            Opcode::Ping => Self::Ping(payload),
            Opcode::Pong => Self::Pong(payload),
            Opcode::Close => Self::Close(CloseFrame::decode(payload)?),
            Opcode::Continuation => return Err(ProtocolError::UnexpectedContinuation.into()),
        })
    }
}
