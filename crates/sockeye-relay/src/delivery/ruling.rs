//! What an outcome means for a task, by its policy.

use std::time::Duration;

use crate::queue::{Epitaph, Reason, Verdict};

use super::{Confirm, Job, OnUnknown, Outcome, Policy, Retry};

/// A task without a key that waits longer than this for its next attempt waits in the store.
pub(super) const MAX_DELAY_HERE: Duration = Duration::from_secs(5);
/// A task that is under way when this many connections are lost is taken to be what ends them.
const MAX_LOSSES: u32 = 100;

/// What becomes of a task that was sent.
#[derive(Debug)]
pub(super) enum Ruling {
    /// This.
    Final(Verdict),
    /// It has not been sent after all.
    Unsent,
    /// Another attempt, after this delay.
    Again {
        /// At least this long from now.
        delay: Duration,
        /// Why.
        error: String,
    },
}

/// Decides; an attempt that counts is counted.
pub(super) fn rule(job: &mut Job, outcome: Outcome, chance: f64) -> Ruling {
    let (reason, error) = match outcome {
        Outcome::Confirmed { result } => {
            return Ruling::Final(Verdict::Done { result, reply_to: job.reply_to.clone() });
        }
        Outcome::Unwritten { .. } => return Ruling::Unsent,
        // Nothing was sent: it is no attempt.
        Outcome::Invalid { error } => return Ruling::Final(dead(job, Reason::Invalid, error)),
        Outcome::Refused { error, is_retryable } => {
            ((!is_retryable).then_some(Reason::Refused), error)
        }
        Outcome::Lost { error } if job.policy.on_unknown == OnUnknown::Retry => {
            return lost(job, error, chance);
        }
        Outcome::Unknown { error } | Outcome::Lost { error } => {
            let is_retried = job.policy.on_unknown == OnUnknown::Retry;
            ((!is_retried).then_some(Reason::Unknown), error)
        }
    };
    job.attempts = job.attempts.saturating_add(1);
    match reason {
        Some(Reason::Unknown) if job.policy.on_unknown == OnUnknown::Hold => {
            let epitaph = Epitaph { reason: Reason::Unknown, error, attempts: job.attempts };
            Ruling::Final(Verdict::Held(epitaph))
        }
        Some(reason) => Ruling::Final(dead(job, reason, error)),
        None if job.attempts >= job.policy.retry.max_attempts => {
            Ruling::Final(dead(job, Reason::Attempts, error))
        }
        None => Ruling::Again { delay: backoff(job.policy.retry, job.attempts, chance), error },
    }
}

/// The connection was lost under it: that is no attempt, but a task may be what ends connections.
fn lost(job: &mut Job, error: String, chance: f64) -> Ruling {
    job.losses += 1;
    if job.losses >= MAX_LOSSES {
        let error = format!(
            "{MAX_LOSSES} connections were lost while it was under way: perhaps it is what ends them; the last one: {error}"
        );
        return Ruling::Final(dead(job, Reason::Poison, error));
    }
    // Here it is known how often that was, in the store it is not.
    let delay = backoff(job.policy.retry, job.losses, chance).min(MAX_DELAY_HERE);
    Ruling::Again { delay, error }
}

/// Why a task that was just claimed is not even tried.
pub(super) fn hopeless(job: &Job, targets: usize) -> Option<Verdict> {
    let Policy { max_deliveries, retry, .. } = &*job.policy;
    let (reason, error) = if job.target >= targets {
        let error = format!("no target {}; there are {targets}, counted from 0", job.target);
        (Reason::Invalid, error)
    } else if job.deliveries > *max_deliveries {
        let error = format!(
            "claimed {} times, and never settled; expected at most {max_deliveries}",
            job.deliveries
        );
        (Reason::Poison, error)
    } else if job.attempts >= retry.max_attempts {
        let error = format!("{} attempts; expected at most {}", job.attempts, retry.max_attempts);
        (Reason::Attempts, error)
    } else {
        return None;
    };
    Some(dead(job, reason, error))
}

pub(super) fn dead(job: &Job, reason: Reason, error: String) -> Verdict {
    Verdict::Dead(Epitaph { reason, error, attempts: job.attempts })
}

/// Whether it leaves the store before it is sent.
pub(super) fn leaves_first(job: &Job) -> bool {
    job.policy.confirm == Confirm::None
}

/// Exponential, with full jitter: clients that failed together do not come back together.
fn backoff(retry: Retry, attempts: u32, chance: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let bound = retry.first.saturating_mul(1 << doublings).min(retry.max);
    // A chance that is no number waits in full.
    let chance = if chance.is_nan() { 1.0 } else { chance.clamp(0.0, 1.0) };
    bound.mul_f64(chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_backoff(attempts: u32, chance: f64, expect_ms: u64) {
        let retry = Retry {
            max_attempts: 99,
            first: Duration::from_millis(100),
            max: Duration::from_secs(3),
        };
        assert_eq!(backoff(retry, attempts, chance), Duration::from_millis(expect_ms));
    }

    #[test]
    fn delays_double_up_to_their_bound() {
        check_backoff(1, 1.0, 100);
        check_backoff(2, 1.0, 200);
        check_backoff(2, 0.5, 100);
        check_backoff(5, 1.0, 1_600);
        check_backoff(6, 1.0, 3_000);
        check_backoff(u32::MAX, 1.0, 3_000);
        check_backoff(3, 0.0, 0);
        check_backoff(3, -1.0, 0);
        check_backoff(1, 7.0, 100);
        check_backoff(1, f64::NAN, 100);
    }
}
