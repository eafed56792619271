//! What comes of an emit: why it was refused, or where it was queued.

use thiserror::Error;

use crate::event::EncodeError;

/// Why an emit did not happen.
#[non_exhaustive]
#[derive(Error)]
pub enum EmitError {
    /// The socket has left its namespace or its session is over. The peer's doing, or the network's.
    #[error("the socket is disconnected; nothing was queued")]
    Disconnected,
    /// The peer reads too slowly: its outbox is full, and the session is being cut.
    #[error("the peer's outbox is full; its session is being closed")]
    SlowConsumer,
    /// The connect handler emitted too much before it returned. The caller's fault.
    #[error(
        "a socket that is joining holds at most {limit} packets; emit the rest once it has joined"
    )]
    TooManyHeld {
        /// The limit in force.
        limit: usize,
    },
    /// The packet was volatile, and the transport was busy or the socket still joining.
    #[error("the transport is busy; the volatile packet was dropped")]
    Busy,
    /// The arguments can't be encoded. The caller's fault.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The event's name is one that Socket.IO keeps for itself. The caller's fault.
    #[error("{name:?} is reserved by Socket.IO; emit another event name")]
    ReservedName {
        /// The name.
        name: String,
    },
}

reads_as_text!(EmitError);

/// How many sockets of this node a broadcast was queued for, and how many it was dropped for.
///
/// Dropped are those that are leaving, whose outbox is full, or who are busy while the packet is volatile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// Sockets whose outbox took the packet.
    pub queued: usize,
    /// Sockets that will not get it.
    pub dropped: usize,
}

impl Sent {
    pub(super) fn count(&mut self, queued: bool) {
        if queued {
            self.queued += 1;
        } else {
            self.dropped += 1;
        }
    }
}

/// Which packet of the session it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// In the outbox.
    Outbox(u64),
    /// Held until the socket has joined.
    Held(usize),
}
