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

mod policy;

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;

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
    /// How many times it was claimed.
    pub deliveries: u32,
    /// When it was put, if the store knows.
    pub queued_at: Option<SystemTime>,
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
    /// It was written, and no confirmation came: in time, or before the connection was lost.
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
    /// Tell the store, in this order.
    Settle(Settlement),
}
