//! What comes in, and what whoever brings it is told: the contract between a target and its ingress.

use std::{fmt, sync::Arc, time::SystemTime};

use futures_util::future::BoxFuture;
use sockeye::event::RawArgs;
use thiserror::Error;

/// An event that the server sent.
#[derive(Clone, Debug)]
pub struct Received {
    /// The name of the target that it came through.
    pub target: Arc<str>,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The event's name.
    pub event: Arc<str>,
    /// Its arguments.
    pub args: RawArgs,
    /// Whether the server asked for an ack. It gets one once the event is stored, and not before.
    pub wants_ack: bool,
    /// The number of that ack, where it is known.
    pub ack_id: Option<u64>,
}

/// A time in which a target was not connected, and what was sent may not have come.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The name of the target.
    pub target: Arc<str>,
    /// When the connection was lost.
    pub from: SystemTime,
    /// When there was one again.
    pub to: SystemTime,
    /// Whether the server said that it sent again what was missed (connection state recovery).
    pub is_recovered: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Receipt {
    /// It is in the spool, committed.
    Stored {
        /// Its number there.
        seq: u64,
    },
    /// One of the same id was stored not long ago: this one is not stored again.
    Known,
    /// No sink wants it.
    Unwanted,
    /// The spool is full, and drops what comes last.
    Dropped,
    /// The spool is full, and the connection is to be closed.
    Disconnect,
}

impl Receipt {
    /// Whether the server may be told that it was received.
    #[must_use]
    pub const fn may_ack(self) -> bool {
        matches!(self, Self::Stored { .. } | Self::Known | Self::Unwanted)
    }
}

/// Takes what a target receives.
pub trait Receiver: fmt::Debug + Send + Sync {
    /// Takes an event; it has its place when this returns, and the future is ready once it is committed. Does not wait for
    /// room, since heartbeats come through the same socket. Dropping the future does not take the event back.
    fn receive(&self, received: Received) -> BoxFuture<'static, Result<Receipt, ReceiveError>>;

    /// Writes a gap into the same stream of records; to be called at each reconnect, before what comes after it.
    fn gap(&self, gap: Gap) -> BoxFuture<'static, Result<Receipt, ReceiveError>>;

    /// Notes that a target is joined, without a gap before it. Nothing, unless implemented.
    fn joined(&self, _target: &Arc<str>) {}

    /// Notes that a target's connection was lost then, so that [`Self::lost_at`] says so in a later process, until a gap tells of
    /// it. Nothing, unless implemented.
    fn parted(&self, _target: &Arc<str>, _at: SystemTime) {}

    /// Since when an earlier process has not had what a target was sent: the first connection ends a gap that began then. `None`,
    /// as it is unless implemented: there was none before.
    fn lost_at(&self, _target: &str) -> Option<SystemTime> {
        None
    }
}

/// Why an event was not stored. The server must not be told that it was received.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ReceiveError {
    /// The spool can't write: its disk is full, or broken.
    #[error("the spool can't store what the server sends: {reason}")]
    Unstored {
        /// What was found, and what to do.
        reason: String,
    },
    /// The ingress was closed.
    #[error("the ingress is closed; what comes now is not stored")]
    Closed,
}
