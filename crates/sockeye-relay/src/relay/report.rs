//! Where a relay stands, and how it ended.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    metrics::{self, Class, Metrics},
    queue::{Reason, Stats},
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
    /// How much there was in the queue some seconds ago; `None` until it was asked.
    pub queue: Option<Stats>,
    /// What is wrong with the store, if it is.
    pub store_error: Option<Arc<str>>,
    /// Whether another instance has the order of the queue, and this one waits for its lease to run out.
    pub stands_by: bool,
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
    /// How many times it was lost, by reason.
    pub partings: BTreeMap<&'static str, u64>,
    /// Events that would have answered a task that waits for none any more.
    pub late_replies: u64,
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
    /// Attempts that were made again, or will be, by class: refused, unknown, unwritten.
    pub retried: [u64; 3],
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
                    partings: target.partings(),
                    late_replies: target.late_replies(),
                })
                .collect(),
            counts: Counts::default(),
            in_flight: 0,
            waiting: 0,
            blocked_lanes: 0,
            queue: None,
            store_error: None,
            stands_by: false,
            last_error: None,
            is_stopping: false,
        }
    }

    /// Tells it to those who scrape.
    pub(super) fn record(&self, to: &Metrics) {
        let Counts { claimed, emitted, confirmed, deduped, fenced, held, .. } = self.counts;
        metrics::set(&to.claimed, claimed);
        metrics::set(&to.emitted, emitted);
        metrics::set(&to.confirmed, confirmed);
        metrics::set(&to.deduped, deduped);
        metrics::set(&to.fenced, fenced);
        metrics::set(&to.held, held);
        for (class, count) in Class::ALL.into_iter().zip(self.counts.retried) {
            to.retried(class, count);
        }
        for (reason, count) in Reason::ALL.into_iter().zip(self.counts.dead) {
            to.dead(reason, count);
        }
        to.in_flight.set(metrics::whole(self.in_flight as u64));
        to.lane_blocked.set(metrics::whole(self.blocked_lanes as u64));
        metrics::set(&to.late_replies, self.targets.iter().map(|it| it.late_replies).sum());
        for TargetStatus { name, standing, partings, .. } in &self.targets {
            let out_for = || {
                let since = standing.since();
                SystemTime::now().duration_since(since).unwrap_or_default()
            };
            to.connected(name, (!standing.is_in()).then(out_for));
            for (reason, count) in partings {
                to.reconnects(name, reason, *count);
            }
        }
        if let Some(stats) = &self.queue {
            to.stats(stats);
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
    /// Tasks of which the store could not be told what became of them: confirmed ones among them are sent again.
    pub untold: usize,
    /// How long it ran.
    pub after: Duration,
}
