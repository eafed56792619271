//! What an ingress has done so far.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;

/// What an ingress has done since it was started, and what it holds.
#[derive(Clone, Debug, Default)]
pub struct IngressStats {
    /// Events that targets brought.
    pub received: u64,
    /// Events that were stored.
    pub stored: u64,
    /// Events of an id that was stored before.
    pub known: u64,
    /// Events that no sink wants.
    pub unwanted: u64,
    /// Records that made room for later ones.
    pub dropped_oldest: u64,
    /// Events for which there was no room.
    pub dropped_newest: u64,
    /// Records that became too old.
    pub dropped_aged: u64,
    /// Events for which there was no room, and for which the connection was to be closed.
    pub disconnects: u64,
    /// Events that could not be written.
    pub failed: u64,
    /// Gaps that were stored.
    pub gaps: u64,
    /// Records in the spool.
    pub spool_records: u64,
    /// Their bytes.
    pub spool_bytes: u64,
    /// Each sink, in the order in which they were given.
    pub sinks: Vec<SinkStats>,
}

/// What one sink has had.
#[derive(Clone, Debug, Default)]
pub struct SinkStats {
    /// Its name.
    pub name: Arc<str>,
    /// Records that it took.
    pub delivered: u64,
    /// Times that it did not take one.
    pub failed: u64,
    /// Records that it did not take, and that lie among the dead now, also those of an earlier process.
    pub dead: u64,
    /// Records that were dropped before it had them.
    pub lost: u64,
    /// How many numbers it is behind the last record.
    pub lag_records: u64,
    /// How long the record that it is at has waited.
    pub lag: Duration,
    /// Whether it has ended, such as a pipe that nobody reads any more.
    pub has_ended: bool,
    /// What it said when it last did not take a record; `None` since it did.
    pub error: Option<String>,
}

/// What a sink's task writes down.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) cursor: AtomicU64,
    /// When the record that it is at came, in milliseconds since 1970; 0 if it is at none.
    pub(super) at_ms: AtomicU64,
    pub(super) error: Mutex<Option<String>>,
}
