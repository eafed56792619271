//! Where a relay stands, and how it ended.

use std::{sync::Arc, time::Duration};

use crate::{
    queue::Reason,
    target::{Standing, Target},
};

/// Where a relay stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Its connections, in their order.
    pub targets: Vec<TargetStatus>,
    /// What has been done since it began.
    pub counts: Counts,
    /// Tasks that were sent, and have no outcome yet.
    pub in_flight: usize,
    /// Tasks that are claimed, and not sent yet.
    pub waiting: usize,
    /// Lanes in which a task waits for the one before it.
    pub blocked_lanes: usize,
    /// What is wrong with the store, if it is.
    pub store_error: Option<Arc<str>>,
    /// What went wrong last with a task, or with the store.
    pub last_error: Option<Arc<str>>,
    /// Whether it drains.
    pub is_stopping: bool,
}

/// One connection of a relay.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands.
    pub standing: Standing,
}

/// What a relay has done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counts {
    /// Tasks that were claimed.
    pub claimed: u64,
    /// Sent, each attempt counted.
    pub emitted: u64,
    /// Confirmed.
    pub confirmed: u64,
    /// The server said no.
    pub refused: u64,
    /// Written, and not confirmed.
    pub unknown: u64,
    /// Not written, since the connection was lost.
    pub unwritten: u64,
    /// Held until somebody decides.
    pub held: u64,
    /// Dead, by reason, in the order of [`Reason::ALL`].
    pub dead: [u64; Reason::ALL.len()],
    /// Removed as copies.
    pub deduped: u64,
    /// Settlements that came too late: another instance had taken the task over.
    pub fenced: u64,
}

impl Status {
    pub(super) fn new(targets: &[Arc<Target>]) -> Self {
        Self {
            targets: targets
                .iter()
                .map(|target| TargetStatus {
                    name: Arc::clone(target.name()),
                    standing: target.standing().borrow().clone(),
                })
                .collect(),
            counts: Counts::default(),
            in_flight: 0,
            waiting: 0,
            blocked_lanes: 0,
            store_error: None,
            last_error: None,
            is_stopping: false,
        }
    }

    /// Whether tasks go through: at least one connection is joined, the store answers, and it does not drain.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.is_stopping
            && self.store_error.is_none()
            && self.targets.iter().any(|target| target.standing.is_in())
    }
}

/// How a relay ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// What it has done.
    pub counts: Counts,
    /// Tasks that were sent and had no outcome when it ended; they are claimed again by the next instance.
    pub unknown: usize,
    /// How long it ran.
    pub after: Duration,
}
