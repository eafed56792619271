//! What may be chosen for an embedded queue, and its bounds.

use std::time::Duration;

/// How a queue is opened, and what it may hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many tasks may wait or be claimed; more are refused. Default: 1,000,000.
    pub max_tasks: u64,
    /// How many bytes of bodies these may have together. Default: 1 GiB.
    pub max_bytes: u64,
    /// What is remembered of tasks that are done: copies of these are known. Default: 100,000, 256 MiB of results, 1 hour.
    pub done: Retention,
    /// What is kept of the dead and the held. The age is that of the dead alone: who is held waits for somebody. Default:
    /// 100,000, 1 GiB of bodies, 30 days.
    pub dead: Retention,
    /// What a commit survives. Default: [`Synchronous::Full`].
    pub synchronous: Synchronous,
    /// How long claims stay an instance's that says nothing. Default: 30 s.
    pub lease: Duration,
    /// How long is waited for another process that is writing. Default: 5 s.
    pub busy: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_tasks: 1_000_000,
            max_bytes: 1 << 30,
            done: Retention { count: 100_000, bytes: 256 << 20, age: Duration::from_secs(3600) },
            dead: Retention {
                count: 100_000,
                bytes: 1 << 30,
                age: Duration::from_secs(30 * 24 * 3600),
            },
            synchronous: Synchronous::Full,
            lease: Duration::from_secs(30),
            busy: Duration::from_secs(5),
        }
    }
}

/// How much is kept of what is over; past it the oldest is dropped first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// How many.
    pub count: u64,
    /// How many bytes together.
    pub bytes: u64,
    /// For how long.
    pub age: Duration,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Synchronous {
    /// The loss of power: each commit is on the disk before it is answered.
    #[default]
    Full,
    /// The end of the process. When power is lost the last commits may be, too, and the file stays whole.
    Normal,
}
