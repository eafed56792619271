//! Where tasks wait: what every store does, whatever it is made of.
//!
//! A task is *put*, *claimed* by one instance of the relay, and *settled*: removed, put back, or laid among the dead. A
//! claim belongs to its instance for as long as that renews its lease; then others take it over, and what the first one
//! still settles is refused ([`Settled::Fenced`]).

mod open;
mod place;
pub mod redis;
pub mod sqlite;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use thiserror::Error;

pub use open::{Options, check, open};

/// A claimed task, as its store knows it. Opaque to everybody else, and not used twice by one instance.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Claim(pub(crate) u128);

impl Claim {
    /// For stores: a number that this instance has not used for another claim, nor uses again once its lease was lost.
    #[must_use]
    pub const fn new(number: u128) -> Self {
        Self(number)
    }
}

/// A task that was claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// What the store knows it by.
    pub claim: Claim,
    /// The task as it was put, not yet read: an envelope, or whatever its producer writes.
    pub body: Bytes,
    /// How many attempts have counted so far.
    pub attempts: u32,
    /// How many times it has been claimed, this time included, and not given back by who had claimed it ([`Verdict::Later`],
    /// [`Verdict::Release`], [`Queue::close`]). One that is claimed again and again by instances that die of it is poison.
    pub deliveries: u32,
    /// When it was put, if the store knows.
    pub queued_at: Option<SystemTime>,
}

/// What becomes of a claimed task.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which.
    pub claim: Claim,
    /// The task's id, as producers know it; by it the store remembers that it is done. `None` if it has none of its own, or could
    /// not be read.
    pub id: Option<Arc<str>>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a claimed task. Each is one transaction: it has happened as a whole, or not at all.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Removed. Its id and result are remembered for as long as the store keeps them, and the result goes where the task
    /// asked for it.
    Done {
        /// What the server answered, as JSON.
        result: Option<Bytes>,
        /// Where the task wants it.
        reply_to: Option<Arc<str>>,
    },
    /// Removed: another of the same id is done.
    Duplicate,
    /// Stays claimed; the store remembers how many attempts have counted, so that a crash does not forget them.
    Tried {
        /// Attempts so far.
        attempts: u32,
    },
    /// Back in the queue, and not claimed before `due`.
    Later {
        /// When it may be claimed.
        due: SystemTime,
        /// Attempts so far.
        attempts: u32,
    },
    /// Back at the head of the queue, before all that was not claimed; it has cost nothing. Several of one batch keep their
    /// order.
    Release,
    /// Out of the queue, until somebody decides: sent, and perhaps not received.
    Held(Epitaph),
    /// Out of the queue for good.
    Dead(Epitaph),
}

/// What is known of a task that nobody sends any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Epitaph {
    /// Why.
    pub reason: Reason,
    /// In words: what was found, what was expected.
    pub error: String,
    /// Attempts that counted.
    pub attempts: u32,
}

/// Why a task is not sent any more.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// It can't be read, or says what can't be done.
    Invalid,
    /// The server said no, and would again.
    Refused,
    /// As many attempts as there may be.
    Attempts,
    /// Its deadline, or the greatest age, has passed.
    Expired,
    /// Claimed again and again by instances that died of it.
    Poison,
    /// Written, not confirmed, and not to be sent twice.
    Unknown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Invalid, Self::Refused, Self::Attempts, Self::Expired, Self::Poison, Self::Unknown];

    /// The word that stores, metrics and people know it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Attempts => "attempts",
            Self::Expired => "expired",
            Self::Poison => "poison",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a settlement was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settled {
    /// It has happened, durably as far as the store is durable.
    Stored,
    /// Another instance has taken the task over meanwhile, or this claim was settled before: nothing was changed.
    Fenced,
}

/// A task to put.
#[derive(Clone, Debug, Default)]
pub struct NewTask {
    /// The task's id; one is made if there is none.
    pub id: Option<Arc<str>>,
    /// Tasks of one key are sent in their order.
    pub key: Option<Arc<str>>,
    /// Not claimed before.
    pub not_before: Option<SystemTime>,
    /// What is claimed later, as it is.
    pub body: Bytes,
}

/// What became of a task that was put.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// It is in the queue, under this id.
    Queued(Arc<str>),
    /// One of this id waits, or was done not long ago: this one is not taken again.
    Known(Arc<str>),
}

/// How much there is in a queue. What a store can't tell cheaply is `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Not claimed, and due.
    pub ready: u64,
    /// Not claimed, and not due.
    pub delayed: u64,
    /// Claimed.
    pub claimed: u64,
    /// Held until somebody decides.
    pub held: u64,
    /// Dead.
    pub dead: u64,
    /// Done, and still remembered.
    pub done: Option<u64>,
    /// How long the oldest that is due has waited.
    pub oldest: Option<Duration>,
    /// Whether claiming is paused.
    pub is_paused: bool,
    /// Instances of the relay at work here.
    pub instances: Vec<String>,
}

/// A task as it lies in the queue, for people to look at.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its id, or what the store calls it; empty if it has neither.
    pub id: Arc<str>,
    /// Where it stands.
    pub state: State,
    /// The task as it was put.
    pub body: Bytes,
    /// Attempts that counted.
    pub attempts: u32,
    /// What the server answered, once it is done.
    pub result: Option<Bytes>,
    /// Why it is not sent any more, if it is not.
    pub epitaph: Option<Epitaph>,
    /// When it came into this state, or was put; if the store knows.
    pub since: Option<SystemTime>,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// Waits to be claimed.
    Queued,
    /// Waits for its time.
    Delayed,
    /// An instance has it.
    Claimed,
    /// Done.
    Done,
    /// Out of the queue until somebody decides.
    Held,
    /// Out of the queue for good.
    Dead,
}

impl State {
    /// The word that programs and people know it by.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delayed => "delayed",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Held => "held",
            Self::Dead => "dead",
        }
    }
}

/// Which of the dead (and held) are meant.
#[derive(Clone, Debug)]
pub enum Which {
    /// All of them.
    All,
    /// These, by id.
    Ids(Vec<Arc<str>>),
}

/// A store of tasks. Every clone of one (`Arc`) is the same instance; another process, or a second store opened on the same
/// place, is another. It is one of those at work from its first claim or renewal on: who puts and looks is none.
///
/// Futures are driven to their end by whoever calls: only [`Self::changed`] may be dropped half-way.
pub trait Queue: fmt::Debug + Send + Sync {
    /// Takes up to `room` tasks that are due, oldest first; none if there are none, the queue is paused, or its order
    /// is another instance's at present. Does not wait for tasks.
    ///
    /// In order: of two tasks of one key the earlier is never claimed after the later, nor while another instance has an earlier
    /// one.
    fn claim(&self, room: usize) -> BoxFuture<'_, Result<Vec<Claimed>, QueueError>>;

    /// Waits until a claim may find something: a task was put, or came due, or another instance died. It may come too early,
    /// and it comes at least every two seconds. Cancel safe.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// Settles claims, in this order; the answer has one entry for each. Those of a batch share a commit.
    ///
    /// After an error whoever asked asks again for all of them: what was carried out although its answer was lost is stored
    /// then, as long as this instance has not lost its lease.
    fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> BoxFuture<'_, Result<Vec<Settled>, QueueError>>;

    /// Says that this instance lives. To be called every third of [`Self::lease`].
    ///
    /// `false`: the lease had run out, and others may have taken over what was claimed; the store begins anew as another instance, and every
    /// claim from before is fenced.
    fn renew(&self) -> BoxFuture<'_, Result<bool, QueueError>>;

    /// How long claims stay this instance's without being renewed.
    fn lease(&self) -> Duration;

    /// Which of these ids were done not long ago. A store may refuse copies when they are put, too.
    fn finished(&self, ids: Vec<Arc<str>>) -> BoxFuture<'_, Result<Vec<bool>, QueueError>>;

    /// Puts tasks, all or none; committed when it is ready.
    fn put(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Accepted>, QueueError>>;

    /// The first `count` that wait, in the order in which they will be claimed, from the `skip`th on.
    fn peek(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>>;

    /// Whether the last claim took nothing because another instance has the order of all tasks. Default: no, as where each lane has an
    /// owner of its own.
    fn stands_by(&self) -> bool {
        false
    }

    /// Whether [`Self::find`] and [`Self::cancel`] know tasks that wait. Default: yes.
    fn finds_waiting(&self) -> bool {
        true
    }

    /// How far [`Self::peek`] looks: past so many it finds nothing, whatever is there. Default: to the end.
    fn horizon(&self) -> usize {
        usize::MAX
    }

    /// Whether anything was ever put or claimed here. A store that is made when it is opened says so always.
    fn is_begun(&self) -> BoxFuture<'_, Result<bool, QueueError>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// One task by its id, whatever its state.
    fn find(&self, id: &str) -> BoxFuture<'_, Result<Option<Seen>, QueueError>>;

    /// Takes a task out that waits; `false` if it does not wait (any more).
    fn cancel(&self, id: &str) -> BoxFuture<'_, Result<bool, QueueError>>;

    /// How much there is.
    fn stats(&self) -> BoxFuture<'_, Result<Stats, QueueError>>;

    /// Pauses claiming for all instances, or goes on; it outlives them.
    fn pause(&self, is_paused: bool) -> BoxFuture<'_, Result<(), QueueError>>;

    /// The dead and the held, oldest first, from the `skip`th on.
    fn dead(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>>;

    /// Puts dead or held tasks back at the end of the queue, with no attempt counted; says how many there were.
    fn revive(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>>;

    /// Drops dead or held tasks; says how many there were.
    fn bury(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>>;

    /// Drops what is past its retention, gives back what dead instances had, trims; a bounded piece of work, to be called every
    /// few seconds.
    fn sweep(&self) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Gives back all that this instance has claimed, and its place. Nothing may be claimed any more.
    fn close(&self) -> BoxFuture<'_, Result<(), QueueError>>;
}

/// Why a store did not do what it was asked.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum QueueError {
    /// Not now: the store can't be reached, is busy, has no memory or no disk. Trying again is right.
    #[error("{store}: {reason}")]
    Unavailable {
        /// The store, as people may see it.
        store: String,
        /// What it said.
        reason: String,
    },
    /// It holds as much as it may.
    #[error("{store} is full: {held} of {bound}; let it drain, or raise the bound")]
    Full {
        /// The store, as people may see it.
        store: String,
        /// What there is.
        held: u64,
        /// What there may be.
        bound: u64,
    },
    /// It was made by a newer version of this program.
    #[error(
        "{store} has version {found} of its layout, and this program knows {known}; use the newer program, or another place"
    )]
    Newer {
        /// The store, as people may see it.
        store: String,
        /// What was found.
        found: u32,
        /// What is known here.
        known: u32,
    },
    /// It can't be used as it is named: a wrong URL, a file that is none, a key of another type.
    #[error("{store}: {reason}")]
    Unusable {
        /// The store, as people may see it.
        store: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl QueueError {
    /// Whether trying again may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Full { .. })
    }
}
