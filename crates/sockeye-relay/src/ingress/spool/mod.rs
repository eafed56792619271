//! The spool: a file in which what was received lies until every sink has had it.

mod beside;
mod changes;
mod desk;
mod inbox;
mod ledger;
mod open;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

pub use self::beside::DeadRecords;
use self::{
    inbox::{Arrival, Inbox},
    ledger::Ledger,
};
use super::{
    Full, Receipt, ReceiveError, SpoolOptions,
    record::{Draft, Record},
};

/// A spool, open. Clones are the same one; the thread that writes ends with the last of them.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inbox: Arc<Inbox>,
    tally: Arc<Tally>,
    tail: watch::Receiver<u64>,
    name: Arc<str>,
    lost: HashMap<String, SystemTime>,
    all_lost: Option<SystemTime>,
    options: SpoolOptions,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// A record that a sink never took.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Its number among the dead.
    pub number: u64,
    /// The sink's name.
    pub sink: String,
    /// When the sink gave up, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why, in words.
    pub reason: String,
    /// The record's line of JSON.
    pub line: String,
    /// Whether somebody wants it tried again; then it is soon no longer here.
    pub is_retried: bool,
}

/// What a spool has counted since it was opened, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) stored: AtomicU64,
    pub(super) known: AtomicU64,
    pub(super) dropped_oldest: AtomicU64,
    pub(super) dropped_newest: AtomicU64,
    pub(super) dropped_aged: AtomicU64,
    pub(super) disconnects: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// What was dropped before each sink had it, by the sinks' places.
    pub(super) lost: parking_lot::Mutex<std::collections::BTreeMap<Arc<str>, u64>>,
    /// How many dead there are of each sink, by the sinks' places.
    pub(super) dead: parking_lot::Mutex<std::collections::BTreeMap<String, u64>>,
}

pub(super) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

impl Spool {
    /// Opens a spool, or makes one. Blocks for the time that takes.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]: it is in use, newer than this program, another program's, or the disk does not allow it.
    pub fn open(path: impl AsRef<Path>, options: SpoolOptions) -> Result<Self, SpoolError> {
        let opened = open::open(path.as_ref(), &options)?;
        let (name, lost, all_lost) = (opened.name.clone(), opened.lost.clone(), opened.all_lost);
        let inbox = Arc::new(Inbox::new(&options));
        let tally = Arc::new(Tally::default());
        let tail = desk::start(opened, options.clone(), inbox.clone(), tally.clone())?;
        Ok(Self { shared: Arc::new(Shared { inbox, tally, tail, name, lost, all_lost, options }) })
    }

    /// Since when what a target was sent is not in it, as it was when it was opened: since the connection was lost, or since an earlier
    /// process ended. `None` if it is new.
    #[must_use]
    pub fn lost_at(&self, target: &str) -> Option<SystemTime> {
        self.shared.lost.get(target).copied().or(self.shared.all_lost)
    }

    /// Notes that a target is joined, so that a later process knows of a gap.
    pub(super) fn joined(&self, target: Arc<str>) {
        self.note(move |ledger| ledger.joined(&target));
    }

    /// Notes when a target was lost, for a later process.
    pub(super) fn parted(&self, target: Arc<str>, at: SystemTime) {
        let at_ms = super::record::millis(at);
        self.note(move |ledger| ledger.lost(&target, at_ms));
    }

    /// Has something done that nobody waits for. If it fails, a later process takes the last time that somebody wrote.
    fn note(&self, work: impl FnMut(&mut Ledger<'_>) -> rusqlite::Result<()> + Send + 'static) {
        let (chore, _) = inbox::chore(work);
        self.shared.inbox.push_chore(chore);
    }

    /// Stores a draft; it has its place when this returns.
    pub(super) fn store(
        &self,
        draft: Draft,
        event_id: Option<String>,
    ) -> BoxFuture<'static, Result<Receipt, ReceiveError>> {
        let (reply, answer) = oneshot::channel();
        let shared = &self.shared;
        let turned_away =
            shared.inbox.push(Arrival { draft, event_id, reply }, shared.options.when_full);
        if turned_away > 0 {
            let counter = match shared.options.when_full {
                Full::DropOldest => &shared.tally.dropped_oldest,
                Full::DropNewest => &shared.tally.dropped_newest,
                Full::Disconnect => &shared.tally.disconnects,
            };
            add(counter, turned_away);
        }
        Box::pin(async move { answer.await.unwrap_or(Err(ReceiveError::Closed)) })
    }

    /// Says which sinks there are; what only others have not had is not kept for them. Says how many records each has to come.
    pub(super) async fn register(&self, names: Vec<Arc<str>>) -> Result<Vec<u64>, SpoolError> {
        self.run(move |ledger| ledger.register(&names)).await
    }

    /// Records for a sink after a number, at most so many of them and about so many bytes.
    pub(super) async fn read(
        &self,
        sink: Arc<str>,
        after: u64,
        count: usize,
        bytes: u64,
    ) -> Result<Vec<Record>, SpoolError> {
        self.run(move |ledger| ledger.read(&sink, after, count, bytes)).await
    }

    /// Moves a sink's cursor; with it goes the record that the sink will never take.
    pub(super) async fn advance(
        &self,
        sink: Arc<str>,
        to: u64,
        dead: Option<(Record, String)>,
    ) -> Result<(), SpoolError> {
        self.run(move |ledger| {
            if let Some((record, reason)) = &dead {
                ledger.lay_dead(&sink, record, reason)?;
            }
            ledger.advance(&sink, to)
        })
        .await
    }

    /// Keeps nothing more for a sink that has ended.
    pub(super) async fn release(&self, sink: Arc<str>) -> Result<(), SpoolError> {
        self.run(move |ledger| {
            ledger.release(&sink);
            Ok(())
        })
        .await
    }

    /// Takes nothing more; what has its place is still committed.
    pub(super) fn close(&self) {
        self.shared.inbox.refuse();
    }

    /// Waits until all that had its place is committed; says the number of the last record.
    pub(super) async fn flush(&self) -> Result<u64, SpoolError> {
        loop {
            // What was taken up before this chore is committed before it, or with it.
            let was_empty = self.shared.inbox.is_empty();
            let last = self.run(|ledger| Ok(ledger.last())).await?;
            if was_empty {
                return Ok(last);
            }
        }
    }

    /// The number of the last record that was committed, and its changes.
    pub(super) fn tail(&self) -> watch::Receiver<u64> {
        self.shared.tail.clone()
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.shared.tally
    }

    pub(super) fn options(&self) -> &SpoolOptions {
        &self.shared.options
    }

    /// What the ids of its records begin with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Has something done in a transaction, and waits for its commit.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let (chore, answer) = inbox::chore(work);
        self.shared.inbox.push_chore(chore);
        answer.await.unwrap_or_else(|_| {
            Err(SpoolError::Passing { reason: "the spool's writer has ended".to_owned() })
        })
    }
}

/// Why a spool can't be used.
#[non_exhaustive]
#[derive(Clone, Debug, Error)]
pub enum SpoolError {
    /// Not now: the disk is full, or slow. Trying again is right.
    #[error("the spool can't be written or read now: {reason}")]
    Passing {
        /// What was found.
        reason: String,
    },
    /// Another relay has it open.
    #[error("{} is in use by another relay; give each a spool of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was made by a newer version of this program.
    #[error(
        "{} has version {found} of its layout, and this program knows {known}; use the newer program, or another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: u32,
        /// What is known here.
        known: u32,
    },
    /// None of the dead has this number.
    #[error(
        "{}: there is no dead record {number}; `sockeye relay spool dead ls` lists them",
        path.display()
    )]
    NoSuchDead {
        /// The file.
        path: PathBuf,
        /// What was given.
        number: u64,
    },
    /// It can't be used as it is named.
    #[error("{} can't be a spool: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}

pub(super) fn now_ms() -> u64 {
    super::record::millis(SystemTime::now())
}
