//! A bucket of tokens, kept as the moment at which it is full again: whole nanoseconds, so that a deadline is exact.

use std::time::{Duration, Instant};

use super::Rate;

/// Slower is as good as never.
const MAX_INTERVAL: Duration = Duration::from_secs(366 * 24 * 3600);

/// Lets through `burst` at once, and one each `interval` in the long run.
#[derive(Debug)]
pub(super) struct Bucket {
    burst: u32,
    /// The time that a token takes, rounded up: never faster than asked for.
    interval: Duration,
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(now: Instant, rate: Rate) -> Self {
        Self { burst: rate.burst.max(1), interval: interval(rate.per_second), full_at: now }
    }

    /// Another rate from now on. What was taken stays taken.
    pub(super) fn reload(&mut self, now: Instant, rate: Rate) {
        let missing = self.full_at.saturating_duration_since(now);
        let tokens =
            (missing.as_nanos().div_ceil(self.interval.as_nanos())).min(u128::from(self.burst));
        let next = Self::new(now, rate);
        // At most `burst` tokens, a u32, are missing.
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX).min(next.burst);
        *self = Self { full_at: now + next.interval.saturating_mul(tokens), ..next };
    }

    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }

    /// When there will be a token beside `reserved` ones; it may be past. `None` if there can't be.
    pub(super) fn next_at(&self, reserved: usize) -> Option<Instant> {
        let reserved = u32::try_from(reserved).ok()?;
        let spare = self.burst.checked_sub(1)?.checked_sub(reserved)?;
        // Before the epoch of this clock is past, too.
        Some(self.full_at.checked_sub(self.interval.saturating_mul(spare)).unwrap_or(self.full_at))
    }

    pub(super) fn has(&self, now: Instant, reserved: usize) -> bool {
        let Ok(reserved) = u32::try_from(reserved) else { return false };
        let Some(spare) = (self.burst - 1).checked_sub(reserved) else { return false };
        self.full_at.saturating_duration_since(now) <= self.interval.saturating_mul(spare)
    }
}

fn interval(per_second: f64) -> Duration {
    let nanos = (1e9 / per_second).ceil();
    if nanos.is_nan() || nanos <= 0.0 && per_second < 0.0 {
        return MAX_INTERVAL;
    }
    Duration::try_from_secs_f64(nanos / 1e9)
        .unwrap_or(MAX_INTERVAL)
        .clamp(Duration::from_nanos(1), MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_each_interval() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, Rate { per_second: 4.0, burst: 2 });
        for _ in 0..2 {
            assert!(bucket.has(start, 0));
            bucket.take(start);
        }
        assert!(!bucket.has(start, 0));
        let next = bucket.next_at(0).unwrap();
        assert_eq!(next - start, Duration::from_millis(250));
        assert!(bucket.has(next, 0) && !bucket.has(next - Duration::from_nanos(1), 0));
        assert!(!bucket.has(next, 1));
        assert!(bucket.has(next + Duration::from_millis(250), 1));
    }

    #[test]
    fn what_is_taken_stays_taken_over_a_reload() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start, Rate { per_second: 1.0, burst: 3 });
        bucket.take(start);
        bucket.take(start);
        bucket.reload(start, Rate { per_second: 1_000.0, burst: 2 });
        assert!(!bucket.has(start, 0));
        assert_eq!(bucket.next_at(0).unwrap() - start, Duration::from_millis(1));
    }

    #[test]
    fn odd_rates_neither_panic_nor_run_free() {
        for per_second in [0.0, -1.0, f64::NAN, 1e-300] {
            assert_eq!(interval(per_second), MAX_INTERVAL, "{per_second}");
        }
        assert_eq!(interval(f64::INFINITY), Duration::from_nanos(1));
        assert_eq!(interval(3.0), Duration::from_nanos(333_333_334));
    }
}
