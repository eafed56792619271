//! Decides what becomes of each claimed task: when it is sent, again, later or never. A machine without clock or I/O.
//!
//! ```text
//!            claimed             joined, slot, rate, lane free
//!  (queue) ─────────▶ Waiting ───────────────────────────────▶ Sent ──▶ outcome
//!                        ▲                                              │
//!                        ├── not written: head of its lane, no attempt ─┤
//!                        └── after a delay, an attempt more ────────────┤
//!                                                                       ▼
//!            settled   ◀──────────────── Settling ◀──── done, held, dead, later
//! ```

//!
//! The owner tells what happens and what time it is, then drains [`Delivery::poll_output`], and sleeps until
//! [`Delivery::next_deadline`]. What the machine keeps to:
//!
//! - One of a *lane* is in flight at a time, and the next is sent only when the settlement of the one before is stored.
//!   A lane waits out the delay of its head.
//! - Tasks without a key are sent in order of arrival; what was not written goes back to its place in that order.
//! - Of two tasks of one id the second waits for the first, and is not sent if that is done.
//! - A task that wants no confirmation is sent when the store has let go of it, and never again.
//! - While the store can't be reached nothing is sent, since what is sent could not be recorded.
//! - Tasks of a target that is not joined wait, and hold up nobody. If other targets are joined, they get half of
//!   `max_claimed`. What is beyond and has no key goes back to the store for five seconds, the newest first. What has
//!   one stays, since it would lose its place to those behind it: it is counted apart, up to
//!   [`max_parked`](Limits::max_parked), and past that nothing is claimed until the target is back, or its tasks expire.
//! - A target that is joined and takes nothing is left alone for 10 ms, then twice as long, up to a second.
//!
//! Every task that was [`claimed`](Delivery::claimed) ends in one [`Output::Forget`]: its last settlement is stored or
//! fenced, or the lease was lost.
//!
//! # Examples
//!
//! ```
//! use std::{sync::Arc, time::{Instant, SystemTime}};
//! use sockeye_relay::{
//!     delivery::{Delivery, Job, Limits, Now, Outcome, Output},
//!     queue::{Claim, Settled},
//! };
//!
//! let now = || Now { instant: Instant::now(), wall: SystemTime::now() };
//! let mut delivery = Delivery::new(now(), Limits::new(16), 1);
//! assert_eq!(delivery.room(), 0); // nobody to send to
//! delivery.joined(now(), 0);
//! assert_eq!(delivery.room(), 16); // more, once it is known how large tasks are
//! delivery.claimed(now(), Job::new(Claim::new(7), 0, Arc::default()));
//! let mut done = Vec::new();
//! while let Some(output) = delivery.poll_output(now()) {
//!     match output {
//!         // Emit it; what comes of that is told when it comes, with a random number for the delay of another attempt.
//!         Output::Send { claim, target: 0, attempt: 1 } => {
//!             delivery.outcome(now(), claim, Outcome::Confirmed { result: None }, 0.5);
//!         }
//!         // All that one drain yields is one call of the store, and one answer for each, or `settle_failed`.
//!         Output::Settle(settlement) => delivery.settled(now(), settlement.claim, Settled::Stored),
//!         // What was kept to be sent can be dropped.
//!         Output::Forget { claim } => done.push(claim),
//!         Output::Send { .. } => unreachable!("there is one target, and it has confirmed"),
//!     }
//! }
//! assert_eq!(done, [Claim::new(7)]);
//! assert_eq!(delivery.next_deadline(), None);
//! ```

mod entry;
mod hash;
mod line;
mod machine;
mod policy;
mod rate;
mod ready;
mod ruling;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;

pub use machine::Delivery;
pub use policy::{Confirm, OnUnknown, Policy, Rate, Retry};

use crate::queue::{Claim, Settlement};

/// A claimed task as far as this machine cares: the driver keeps what is sent.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is known by here.
    pub claim: Claim,
    /// Its id, if it has one of its own.
    pub id: Option<Arc<str>>,
    /// Those of one key are sent in the order in which they were claimed, one at a time.
    pub key: Option<Arc<str>>,
    /// Which connection it goes to, by its place in the configuration.
    pub target: usize,
    /// What is promised for it.
    pub policy: Arc<Policy>,
    /// Not sent before.
    pub not_before: Option<SystemTime>,
    /// Not sent after.
    pub deadline: Option<SystemTime>,
    /// Where its result goes.
    pub reply_to: Option<Arc<str>>,
    /// Attempts that have counted.
    pub attempts: u32,
    /// Connections that were lost while it was under way.
    pub losses: u32,
    /// How many times it was claimed.
    pub deliveries: u32,
    /// When it was put, if the store knows.
    pub queued_at: Option<SystemTime>,
    /// How large it is.
    pub bytes: usize,
}

impl Job {
    /// A task that says nothing but where it goes, claimed for the first time.
    #[must_use]
    pub const fn new(claim: Claim, target: usize, policy: Arc<Policy>) -> Self {
        Self {
            claim,
            id: None,
            key: None,
            target,
            policy,
            not_before: None,
            deadline: None,
            reply_to: None,
            attempts: 0,
            losses: 0,
            deliveries: 1,
            queued_at: None,
            bytes: 0,
        }
    }
}

/// What time it is, by both clocks: delays go by the one that only advances, due times and deadlines by the one on the wall.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Now {
    /// The clock that only advances.
    pub instant: Instant,
    /// The clock on the wall.
    pub wall: SystemTime,
}

impl Now {
    /// When the clock on the wall will show this, if it isn't set; `None` beyond what can be told.
    fn instant_of(self, wall: SystemTime) -> Option<Instant> {
        self.instant.checked_add(wall.duration_since(self.wall).unwrap_or_default())
    }
}

/// How much is under way at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Tasks that were sent and have no outcome. Default: 16.
    pub in_flight: usize,
    /// Claimed tasks, sent or not. Default: four times as many.
    pub max_claimed: usize,
    /// Tasks that can't be sent for a while, beyond half of `max_claimed`: they have a key, and their target is not joined, or the
    /// first of their lane waits for another attempt. They can't go back without losing their place. Default: sixteen times
    /// `max_claimed`.
    pub max_parked: usize,
    /// Bytes of claimed tasks; one is always claimed, however large it is. Default: 64 MiB.
    pub max_bytes: usize,
    /// How fast tasks may be sent. Default: no limit.
    pub rate: Option<Rate>,
}

impl Limits {
    /// So many in flight, the rest as usual.
    #[must_use]
    pub const fn new(in_flight: usize) -> Self {
        let max_claimed = in_flight.saturating_mul(4);
        let max_parked = max_claimed.saturating_mul(16);
        Self { in_flight, max_claimed, max_parked, max_bytes: 64 << 20, rate: None }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(16)
    }
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Sent, and without outcome.
    pub in_flight: usize,
    /// Not sent, nor about to be settled.
    pub waiting: usize,
    /// All that are here.
    pub claimed: usize,
    /// Lanes in which a task waits for another.
    pub blocked_lanes: usize,
    /// Of those that wait, the ones whose target is not joined.
    pub parked: usize,
    /// Of lanes whose first waits for another attempt.
    pub held_up: usize,
    /// When the oldest was put, if the store knows.
    pub oldest: Option<SystemTime>,
}

/// What became of a task that was sent.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// What the policy waits for has come: written, acknowledged, or answered.
    Confirmed {
        /// What the server answered, as JSON.
        result: Option<Bytes>,
    },
    /// The server said no.
    Refused {
        /// What it said, for people.
        error: String,
        /// Whether it may say yes later.
        is_retryable: bool,
    },
    /// No byte of it has left: the connection was lost, or refused to take it. Costs no attempt.
    Unwritten {
        /// Why.
        error: String,
    },
    /// It was written, and the connection was lost before an answer came. If it is sent again, that costs no attempt; of a task
    /// that was under way when a hundred connections were lost it is taken that it ends them.
    Lost {
        /// Why.
        error: String,
    },
    /// It was written, and no answer came in time.
    Unknown {
        /// Why.
        error: String,
    },
    /// It can't be sent: too large, a reserved name.
    Invalid {
        /// Why.
        error: String,
    },
}

/// What the owner has to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send it now.
    Send {
        /// The task.
        claim: Claim,
        /// To this connection.
        target: usize,
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// Tell the store, in this order; what one drain yields is one batch, and batches follow one another.
    Settle(Settlement),
    /// It is no longer here: drop what was kept to send it.
    Forget {
        /// The task.
        claim: Claim,
    },
}
