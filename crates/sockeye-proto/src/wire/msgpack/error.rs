//! What can be wrong with a packet in msgpack.

use thiserror::Error;

use crate::wire::packet;

/// Why a packet from the peer was refused.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// The message ends within a value.
    #[error("the message ends within a value, at byte {offset}")]
    Truncated {
        /// Where the part that is not there in full begins.
        offset: usize,
    },
    /// More bytes than the packet has.
    #[error("bytes behind the packet; expected the message to end at byte {offset}")]
    TrailingBytes {
        /// Where the packet ends.
        offset: usize,
    },
    /// The byte that msgpack never uses.
    #[error("byte {offset} is 0xC1, which msgpack never uses")]
    Reserved {
        /// Where it stands.
        offset: usize,
    },
    /// A string that is not UTF-8.
    #[error("the string at byte {offset} is not UTF-8")]
    NotUtf8 {
        /// Where the string's bytes begin.
        offset: usize,
    },
    /// An extension without a JSON form.
    #[error(
        "unknown extension type {kind} of {bytes} bytes at byte {offset}; expected only what notepack.io writes: 0 or -1"
    )]
    UnknownExtension {
        /// The type found.
        kind: i8,
        /// How many bytes it has.
        bytes: usize,
        /// Where they begin.
        offset: usize,
    },
    /// A key that no object in JavaScript has.
    #[error("a map with {found} as a key; expected a string or an integer")]
    WrongKey {
        /// What was found.
        found: &'static str,
    },
    /// The message is not a packet.
    #[error(
        "the message is {found}; expected a map {{type, data, id, nsp}}: use the msgpack parser on both sides"
    )]
    NotAMap {
        /// What was found.
        found: &'static str,
    },
    /// A number that is not a packet type.
    #[error(
        "packet type {kind} is not in 0..=4; binary events and acks have no types of their own"
    )]
    UnknownKind {
        /// The number found.
        kind: u64,
    },
    /// A part of the packet that is missing or of another type.
    #[error("the packet's {field:?} is wrong: found {found}, expected {expected}")]
    WrongField {
        /// The key.
        field: &'static str,
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// What is wrong has nothing to do with msgpack.
    #[error(transparent)]
    Packet(#[from] packet::DecodeError),
}
