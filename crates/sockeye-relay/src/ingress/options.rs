//! How much a spool holds, and what happens past that.

use std::time::Duration;

use serde_json_path::JsonPath;

/// What happens to an event for which the spool has no room.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Full {
    /// The oldest records make room; sinks that have not had them never get them.
    #[default]
    DropOldest,
    /// The event is not stored, and not acknowledged.
    DropNewest,
    /// Nor is it then, and the connection is closed, so that the server knows.
    Disconnect,
}

impl Full {
    /// The word that configurations and metrics know it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DropOldest => "drop_oldest",
            Self::DropNewest => "drop_newest",
            Self::Disconnect => "disconnect",
        }
    }
}

/// How much a spool holds.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    /// Most records. Default: 1_000_000.
    pub max_records: u64,
    /// Most bytes of records. The file is larger by its pages and its log. Default: 1 GiB.
    pub max_bytes: u64,
    /// Records older than this are dropped, whatever the policy: `None` is for ever. Default: none.
    pub max_age: Option<Duration>,
    /// What happens past the first two. Default: [`Full::DropOldest`].
    pub when_full: Full,
    /// Events that may wait for the writer at once; past that the policy decides, too. Default: 8_192.
    pub max_waiting: usize,
    /// Bytes of events that may wait for the writer at once. Default: 64 MiB.
    pub max_waiting_bytes: u64,
    /// Where in the array of its arguments an event has its id, by which copies are known. Default: nowhere.
    pub event_id: Option<JsonPath>,
    /// How many ids are remembered. Default: 100_000.
    pub max_known: u64,
    /// How many records that a sink never takes are kept; past that the oldest are dropped. Default: 10_000.
    pub max_dead: u64,
    /// Most pages of the file, of 4 KiB each; what SQLite itself allows if `None`. Default: none.
    pub max_pages: Option<u32>,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            max_records: 1_000_000,
            max_bytes: 1 << 30,
            max_age: None,
            when_full: Full::default(),
            max_waiting: 8_192,
            max_waiting_bytes: 64 << 20,
            event_id: None,
            max_known: 100_000,
            max_dead: 10_000,
            max_pages: None,
        }
    }
}
