//! What the nodes of a cluster tell each other about groups of sockets, as the reference's cluster adapters do.
//!
//! A message is a map `{type, data, uid, nsp}`: JSON, or msgpack if an event in it has bytes. Which channel, stream or
//! table carries it, and who has sent it, is for a bus to know.
//!
//! | type | in the reference | here |
//! |---|---|---|
//! | 3 | `BROADCAST` | [`Action::Emit`] |
//! | 4, 5 | `SOCKETS_JOIN`, `SOCKETS_LEAVE` | [`Action::Join`], [`Action::Leave`] |
//! | 6 | `DISCONNECT_SOCKETS` | [`Action::Disconnect`] |
//! | others | heartbeats, questions and their answers | [`DecodeError::UnknownType`]: pass over them |
//!
//! Maps are read in any order of their keys, and keys that nobody knows are passed over, as other nodes do.

mod decode;
mod encode;
mod error;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::error::DecodeError;
use super::prepared::Prepared;

/// One action on a group of sockets, told to the other nodes.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{cluster::{Action, Message, Target}, packet::Limits};
///
/// let target = Target { rooms: vec!["r1".into()], except: Vec::new() };
/// let action = Action::Join { rooms: vec!["r2".into()] };
/// let bytes = Message { namespace: "/".into(), target, action }.encode("4380c636613b290c");
///
/// let (uid, message) = Message::decode(&bytes, &Limits::default())?;
/// assert_eq!(uid, "4380c636613b290c");
/// assert!(matches!(message.action, Action::Join { rooms } if *rooms[0] == *"r2"));
/// # Ok::<_, sockeye_proto::wire::cluster::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Message {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The sockets that are meant.
    pub target: Target,
    /// What is done to them.
    pub action: Action,
}

/// The sockets of a namespace that an action is meant for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// Rooms to reach; empty means the whole namespace.
    pub rooms: Vec<Arc<str>>,
    /// Rooms to leave out.
    pub except: Vec<Arc<str>>,
}

/// What is done to a group. Nobody can pass over a new one: who carries actions out has to know them all.
#[derive(Clone, Debug)]
pub enum Action {
    /// An event is sent to them.
    Emit {
        /// The event, made by [`Prepared::packet`].
        packet: Prepared,
        /// Only to those who are ready for it.
        volatile: bool,
    },
    /// They are put into rooms.
    Join {
        /// The rooms.
        rooms: Vec<Arc<str>>,
    },
    /// They are taken out of rooms.
    Leave {
        /// The rooms.
        rooms: Vec<Arc<str>>,
    },
    /// They are disconnected.
    Disconnect {
        /// Their whole sessions are ended.
        close: bool,
    },
}

/// The numbers of the reference's `MessageType`.
mod kind {
    pub(super) const BROADCAST: u64 = 3;
    pub(super) const SOCKETS_JOIN: u64 = 4;
    pub(super) const SOCKETS_LEAVE: u64 = 5;
    pub(super) const DISCONNECT_SOCKETS: u64 = 6;
}
