//! What may be chosen for a queue in Redis, and its bounds.

use std::time::Duration;

use crate::queue::sqlite::Retention;

/// How a queue in Redis is used, and what it may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Whether one instance at a time has the whole queue, and so its order. Default: [`Order::Strict`].
    pub order: Order,
    /// How many tasks may wait or be claimed before [`Queue::put`](crate::queue::Queue::put) refuses more. Producers that
    /// write to Redis themselves are not bound by it. Default: 1,000,000.
    pub max_tasks: u64,
    /// What is remembered of tasks that are done, by count and age; bytes are Redis' own matter (`maxmemory`). Default:
    /// 100,000, 1 hour.
    pub done: Retention,
    /// What is kept of the dead and the held, by count; by age the dead alone. Default: 100,000, 30 days.
    pub dead: Retention,
    /// How long claims stay an instance's that says nothing. Default: 30 s.
    pub lease: Duration,
    /// How long an answer of Redis may take. Default: 5 s.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let usual = crate::queue::sqlite::Options::default();
        Self {
            order: Order::Strict,
            max_tasks: usual.max_tasks,
            done: usual.done,
            dead: usual.dead,
            lease: usual.lease,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Who may claim at the same time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// One instance; the others stand by, and one of them takes over when it is gone. Order is kept.
    #[default]
    Strict,
    /// All of them, each what comes next. Tasks of one key may pass each other.
    None,
}

/// What holds the tasks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A list: producers `LPUSH`, the oldest is at the right end.
    List {
        /// Its key.
        key: String,
    },
    /// A stream, read by a consumer group that is made at its beginning.
    Stream {
        /// Its key.
        key: String,
        /// The group.
        group: String,
        /// The field of an entry that has the task. An entry without it is read as an object of all its fields.
        field: String,
        /// What becomes of entries that are done.
        trim: Trim,
    },
}

impl Source {
    /// The key of the list or stream.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::List { key } | Self::Stream { key, .. } => key,
        }
    }
}

/// What becomes of entries of a stream that are done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Trim {
    /// Deleted at once, as long as the stream has no other group; else as with [`Self::MinId`].
    #[default]
    Acked,
    /// Trimmed now and then, up to what no group needs any more.
    MinId,
    /// Kept.
    None,
}

impl Trim {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::MinId => "minid",
            Self::None => "none",
        }
    }
}
