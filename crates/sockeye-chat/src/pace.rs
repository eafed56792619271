//! How often something may be done: a few at once, then one at a time.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The allowance, the same for every socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How many at once, after a rest.
    pub(crate) burst: u32,
    /// After which time one more is allowed.
    pub(crate) refill: Duration,
}

/// What one socket has used of its allowance.
#[derive(Debug)]
pub(crate) struct Used {
    /// When all of the allowance is back.
    rested_at: Mutex<Instant>,
}

impl Used {
    pub(crate) fn new(now: Instant) -> Self {
        Self { rested_at: Mutex::new(now) }
    }
}

impl Pace {
    /// Takes one, or tells how long to wait for it.
    pub(crate) fn take(self, used: &Used, now: Instant) -> Result<(), Duration> {
        let mut rested_at = used.rested_at.lock();
        let next = (*rested_at).max(now) + self.refill;
        let wait = next.saturating_duration_since(now + self.refill * self.burst);
        if wait.is_zero() {
            *rested_at = next;
            Ok(())
        } else {
            Err(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let ms = Duration::from_millis;
        let pace = Pace { burst: 3, refill: ms(500) };
        let start = Instant::now();
        let used = Used::new(start);
        #[track_caller]
        fn check(pace: Pace, used: &Used, now: Instant, expect: Result<(), Duration>) {
            assert_eq!(pace.take(used, now), expect);
        }
        for _ in 0..3 {
            check(pace, &used, start, Ok(()));
        }
        check(pace, &used, start, Err(ms(500)));
        check(pace, &used, start + ms(200), Err(ms(300)));
        check(pace, &used, start + ms(500), Ok(()));
        check(pace, &used, start + ms(500), Err(ms(500)));
        // A long rest gives the burst back, and no more.
        let later = start + ms(60_000);
        for _ in 0..3 {
            check(pace, &used, later, Ok(()));
        }
        check(pace, &used, later, Err(ms(500)));
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing_away() {
        let pace = Pace { burst: 1, refill: Duration::from_secs(1) };
        let now = Instant::now() + Duration::from_secs(10);
        let used = Used::new(now);
        assert_eq!(pace.take(&used, now), Ok(()));
        assert!(pace.take(&used, now - Duration::from_secs(5)).is_err());
    }
}
