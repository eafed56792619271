//! What can be wrong with a message of another node.

use thiserror::Error;

use crate::wire::{msgpack, packet};

/// Why a message was not understood. None is a reason to leave the bus: drop the message, and go on.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// It is neither JSON nor a message.
    #[error("not a message of a node ({because}); expected a map {{type, data, uid, nsp}}")]
    NotAMessage {
        /// What is wrong with it.
        because: String,
    },
    /// It is no msgpack.
    #[error("not a message of a node: {0}")]
    MsgPack(#[from] msgpack::DecodeError),
    /// A type that this side does not know, such as a heartbeat, or what a newer version says.
    #[error("message type {kind} is not in 3..=6; pass over it")]
    UnknownType {
        /// The number found.
        kind: u64,
    },
    /// A broadcast that asks the clients for acks.
    #[error(
        "a broadcast that asks for acks, which can't be given; clients would miss their callback"
    )]
    WantsAcks,
    /// The packet of a broadcast is no event.
    #[error("a broadcast of packet type {kind}; expected 2 or 5, an event")]
    NotAnEvent {
        /// The type found.
        kind: u64,
    },
    /// The event can't be passed on to clients.
    #[error("the event of a broadcast can't be passed on: {0}")]
    Event(#[from] packet::DecodeError),
    /// Bytes in a place where no node puts any.
    #[error("bytes outside of an event's arguments")]
    StrayBytes,
    /// A name that no namespace has.
    #[error("namespace {name:?} does not begin with \"/\", or has a comma")]
    Namespace {
        /// The name found.
        name: String,
    },
}
