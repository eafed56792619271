//! How far an emit got: refused, queued, written.

use std::{fmt, sync::Arc};

use thiserror::Error;

use super::socket;
use crate::event::EncodeError;

/// Why an emit did not happen.
#[non_exhaustive]
#[derive(Debug, Error)]
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

/// How many sockets a broadcast was queued for, and how many it was dropped for.
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

/// How far one packet has got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SendState {
    /// It waits in the outbox.
    Queued,
    /// The operating system has taken all of it. Only an ack tells that the peer has.
    Written,
    /// The session ended first.
    Failed,
}

/// Follows one emitted packet. Keeping it costs nothing per packet: it is a number to compare with.
#[derive(Clone)]
pub struct SendHandle {
    pub(super) socket: Arc<socket::Inner>,
    pub(super) number: Number,
}

/// Which packet of the session it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    /// In the outbox.
    Outbox(u64),
    /// Held until the socket has joined.
    Held(usize),
}

impl SendHandle {
    /// How far the packet has got by now.
    pub fn state(&self) -> SendState {
        match self.socket.number(self.number).map(|number| self.socket.conn.is_written(number)) {
            Some(Some(true)) => SendState::Written,
            Some(None) => SendState::Failed,
            Some(Some(false)) => SendState::Queued,
            None if self.socket.has_left() => SendState::Failed,
            None => SendState::Queued,
        }
    }

    /// Waits until the operating system has taken the packet; `false` if the session ended first.
    ///
    /// In a connect handler it returns `false` at once: the packet leaves only after the handler has returned.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn written(&self) -> bool {
        match self.socket.number(self.number) {
            Some(number) => self.socket.conn.written(number).await,
            None => false,
        }
    }
}

impl fmt::Debug for SendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}
