//! What a peer did that ends its session.

use thiserror::Error;

use super::{Reason, Role};
use crate::wire::{engine, msgpack, packet};

/// A message from the peer that no correct peer sends. The session is closed; retrying is pointless.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Violation {
    /// The Engine.IO layer could not read the message.
    #[error("unreadable Engine.IO message: {0}")]
    Engine(#[from] engine::DecodeError),
    /// The Engine.IO message is one that only the other side may send, or not at this point.
    #[error(
        "Engine.IO {kind:?} is not expected here; the peer mixes up the roles or the protocol version"
    )]
    UnexpectedEngine {
        /// The kind found.
        kind: engine::Kind,
    },
    /// The Engine.IO handshake of the server could not be read.
    #[error("unreadable Engine.IO handshake: {0}")]
    Handshake(#[from] engine::HandshakeError),
    /// The Socket.IO layer could not read the packet.
    #[error("unreadable Socket.IO packet: {0}")]
    Packet(#[from] packet::DecodeError),
    /// A packet for a namespace that was not joined.
    #[error("{kind:?} for namespace {namespace:?}, which is not joined; a CONNECT must come first")]
    NotJoined {
        /// The kind of the packet.
        kind: packet::Kind,
        /// The namespace it named.
        namespace: String,
    },
    /// A second CONNECT for the same namespace.
    #[error("second CONNECT for namespace {namespace:?}")]
    JoinedTwice {
        /// The namespace it named.
        namespace: String,
    },
    /// More namespaces on one session than the limit.
    #[error("CONNECT beyond the limit of {limit} namespaces on one session")]
    TooManyNamespaces {
        /// The limit in force.
        limit: usize,
    },
    /// The auth payload of a CONNECT is not a JSON object.
    #[error("the payload of a CONNECT must be a JSON object or absent")]
    AuthNotObject,
    /// A packet kind that only the other side sends.
    #[error("{kind:?} is not for this side to receive")]
    WrongDirection {
        /// The kind of the packet.
        kind: packet::Kind,
    },
    /// A packet that is not msgpack.
    #[error("unreadable msgpack packet: {0}")]
    MsgPack(#[from] msgpack::DecodeError),
    /// Bytes in the auth payload of a CONNECT.
    #[error("the payload of a CONNECT must not contain bytes")]
    BinaryAuth,
    /// A text packet on a session whose packets are msgpack.
    #[error("text packet, but this session's packets are msgpack; give both sides the same parser")]
    TextPacket,
    /// A binary message that no packet announced.
    #[error(
        "binary message of {bytes} bytes, but no packet announced an attachment; if the peer uses msgpack, so must this side"
    )]
    UnannouncedBinary {
        /// Its size.
        bytes: usize,
    },
    /// A text packet in between a packet and its attachments.
    #[error("text packet while {missing} attachments are outstanding")]
    AttachmentsInterrupted {
        /// How many attachments had not arrived.
        missing: u32,
    },
    /// The attachments did not arrive in time.
    #[error("announced attachments did not arrive in time")]
    AttachmentsLate,
}

impl Violation {
    /// The reason the session ends with, in the words of the reference implementation for who it is that says so: its
    /// client tells a packet that can't be read from one that is not allowed, its server does not.
    pub const fn reason(&self, role: Role) -> Reason {
        match (self, role) {
            (Self::Engine(_) | Self::Handshake(_), _) => Reason::ParseError,
            (Self::UnexpectedEngine { .. }, _) => Reason::TransportError,
            (
                Self::Packet(_)
                | Self::MsgPack(_)
                | Self::TextPacket
                | Self::UnannouncedBinary { .. }
                | Self::AttachmentsInterrupted { .. },
                Role::Client,
            ) => Reason::ParseError,
            _ => Reason::ForcedClose,
        }
    }
}
