//! One claimed task, and where it stands.

use std::time::{Instant, SystemTime};

use crate::queue::Verdict;

use super::{Job, Now};

/// A task's place in the order of arrival.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Turn(pub(super) u64);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) stage: Stage,
    /// In how many lines (its lane, the copies of its id) somebody stands before it.
    pub(super) behind: u8,
    /// Not sent from then on: its deadline, or the greatest age.
    pub(super) expires: Option<SystemTime>,
    /// When it is looked at again, if at all.
    pub(super) timer: Option<Instant>,
    /// It has left the store already, and is sent all the same: it wants no confirmation.
    pub(super) is_removed: bool,
    /// One of its id was done while the store was told of this one.
    pub(super) is_copy: bool,
}

/// Where a task stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// Behind another of its lane, or of its id.
    Blocked,
    /// Sent as soon as its target, a slot and the rate allow.
    Ready,
    /// Waits for its next attempt.
    Delayed(Instant),
    /// Its outcome is awaited.
    Sent,
    /// The store is to be told, or has not answered yet.
    Settling(Settling),
}

#[derive(Debug)]
pub(super) struct Settling {
    pub(super) verdict: Verdict,
    /// Its place among the settlements.
    pub(super) order: u64,
    pub(super) is_offered: bool,
    pub(super) then: Then,
}

/// What becomes of a task once its settlement is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// Nothing: it is no longer here.
    Leave,
    /// Its next attempt is due then.
    Retry(Instant),
    /// It is sent: nothing more is awaited.
    Send,
}

impl Entry {
    pub(super) fn new(job: Job) -> Self {
        let of_age =
            job.queued_at.zip(job.policy.max_age).and_then(|(at, age)| at.checked_add(age));
        let expires = job.deadline.into_iter().chain(of_age).min();
        Self {
            job,
            stage: Stage::Blocked,
            behind: 0,
            expires,
            timer: None,
            is_removed: false,
            is_copy: false,
        }
    }

    /// Not sent, nor about to be settled.
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Blocked | Stage::Ready | Stage::Delayed(_))
    }

    pub(super) fn is_expired(&self, now: Now) -> bool {
        self.expires.is_some_and(|at| at <= now.wall)
    }

    /// When something happens to it by itself.
    pub(super) fn next_at(&self, now: Now) -> Option<Instant> {
        if !self.is_waiting() {
            return None;
        }
        let expires = self.expires.and_then(|at| now.instant_of(at));
        let retry = if let Stage::Delayed(at) = self.stage { Some(at) } else { None };
        expires.into_iter().chain(retry).min()
    }
}
