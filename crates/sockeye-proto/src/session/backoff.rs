//! How long to wait between two attempts to connect: longer each time, up to a bound, and never all clients together.

use std::time::Duration;

/// The delays between attempts; the defaults are those of npm `socket.io-client`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sockeye_proto::session::{Backoff, Delays};
///
/// let mut backoff = Backoff::new(Delays { jitter: 0.0, ..Delays::default() });
/// let waits: Vec<_> = (0..4).map(|_| backoff.next(0.0).unwrap().as_secs()).collect();
/// assert_eq!(waits, [1, 2, 4, 5]);
/// backoff.reset();
/// assert_eq!(backoff.next(0.0), Some(Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delays {
    /// Before the first attempt. Default: 1 s. Zero means: at once, one time; after that as with the default.
    pub first: Duration,
    /// The longest. Default: 5 s.
    pub max: Duration,
    /// How many times longer each is than the one before; not below 1. Default: 2.
    pub factor: f64,
    /// How far chance may move a delay, as a part of it from 0 to 1. Default: 0.5, which is half as long to half as
    /// long again.
    pub jitter: f64,
    /// How many attempts there are; `None` is without end, which is the default.
    pub attempts: Option<u32>,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            max: Duration::from_secs(5),
            factor: 2.0,
            jitter: 0.5,
            attempts: None,
        }
    }
}

/// Counts attempts and says how long to wait before the next.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    delays: Delays,
    attempts: u32,
}

impl Backoff {
    /// No attempt has been made yet.
    #[must_use]
    pub const fn new(delays: Delays) -> Self {
        Self { delays, attempts: 0 }
    }

    /// The wait before the next attempt; `None` if there has been the last. `chance` is a random number from 0 to 1.
    pub fn next(&mut self, chance: f64) -> Option<Duration> {
        let Delays { first, max, factor, jitter, attempts } = self.delays;
        if attempts.is_some_and(|attempts| self.attempts >= attempts) {
            return None;
        }
        let made = self.attempts;
        self.attempts += 1;
        let (first, exponent) = match (first.is_zero(), made) {
            (true, 0) => return Some(Duration::ZERO),
            (true, made) => (Delays::default().first, made - 1),
            (false, made) => (first, made),
        };
        // Past every bound the power is infinite, which the bound below takes in.
        let grown = factor.max(1.0).powi(i32::try_from(exponent).unwrap_or(i32::MAX));
        let delay = (first.as_secs_f64() * grown).min(max.as_secs_f64());
        let moved = delay * (1.0 + jitter.clamp(0.0, 1.0) * (2.0 * chance.clamp(0.0, 1.0) - 1.0));
        Some(Duration::try_from_secs_f64(moved).unwrap_or(max).min(max))
    }

    /// How many attempts there were since the last [`Self::reset`].
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// It is connected: the next time it begins anew.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEADY: Delays = Delays {
        first: Duration::from_millis(100),
        max: Duration::from_secs(1),
        factor: 3.0,
        jitter: 0.0,
        attempts: None,
    };

    #[track_caller]
    fn check(delays: Delays, chance: f64, expect: &[Option<u64>]) {
        let mut backoff = Backoff::new(delays);
        let waits: Vec<_> = expect
            .iter()
            .map(|_| backoff.next(chance).map(|wait| wait.as_millis().try_into().unwrap()))
            .collect();
        assert_eq!(waits, expect, "{delays:?}");
    }

    #[test]
    fn delays_grow_to_their_bound() {
        check(STEADY, 0.5, &[Some(100), Some(300), Some(900), Some(1_000), Some(1_000)]);
        check(Delays { factor: 0.1, ..STEADY }, 0.5, &[Some(100), Some(100)]);
        check(Delays { first: Duration::from_secs(9), ..STEADY }, 0.5, &[Some(1_000)]);
    }

    #[test]
    fn chance_moves_them_both_ways_but_never_past_the_bound() {
        let delays = Delays { jitter: 0.5, ..STEADY };
        check(delays, 0.0, &[Some(50), Some(150), Some(450), Some(500)]);
        check(delays, 1.0, &[Some(150), Some(450), Some(1_000)]);
    }

    #[test]
    fn a_delay_of_zero_is_for_once() {
        let delays = Delays { first: Duration::ZERO, max: Duration::from_secs(10), ..STEADY };
        check(delays, 0.5, &[Some(0), Some(1_000), Some(3_000), Some(9_000), Some(10_000)]);
    }

    #[test]
    fn attempts_end_and_begin_anew() {
        let delays = Delays { attempts: Some(2), ..STEADY };
        check(delays, 0.5, &[Some(100), Some(300), None, None]);
        let mut backoff = Backoff::new(delays);
        backoff.next(0.5);
        backoff.reset();
        assert_eq!((backoff.attempts(), backoff.next(0.5)), (0, Some(Duration::from_millis(100))));
    }

    proptest! {
        #[test]
        fn no_numbers_break_it(first: u64, max: u64, factor: f64, jitter: f64, chance: f64) {
            let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
            let mut backoff = Backoff::new(Delays { first, max, factor, jitter, attempts: None });
            for _ in 0..100 {
                prop_assert!(backoff.next(chance).unwrap() <= max);
            }
        }
    }
}
