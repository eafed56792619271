//! How slow a peer may be: bytes within a time, counted while it is waited for.

use std::time::{Duration, Instant};

/// The slowest that a peer may send or take bytes.
///
/// It has the time, and each byte earns a part of it back. So who is silent is given up after that time, who dribbles not
/// long after it, and who keeps the pace never.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use sockeye_proto::session::Pace;
///
/// let pace = Pace::new(1_000, Duration::from_secs(10));
/// let start = Instant::now();
/// let until = pace.until(start);
/// assert_eq!(until, start + Duration::from_secs(10));
/// // 100 bytes after 5 s are worth a second, which leaves 6.
/// let later = start + Duration::from_secs(5);
/// assert_eq!(pace.extend(until, later, 100), start + Duration::from_secs(11));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    // Small, for they are kept while idle.
    within_ms: u32,
    nanos_per_byte: u32,
}

impl Default for Pace {
    /// 16 KiB within 30 s: the slowest mobile links are several times as fast.
    fn default() -> Self {
        Self::new(16 * 1024, Duration::from_secs(30))
    }
}

impl Pace {
    /// So many bytes within so long. The slowest there is are 4 s a byte, the longest time are 49 days.
    pub const fn new(bytes: usize, within: Duration) -> Self {
        let bytes = if bytes == 0 { 1 } else { bytes };
        let nanos_per_byte = within.as_nanos() / bytes as u128;
        Self { within_ms: narrow(within.as_millis()), nanos_per_byte: narrow(nanos_per_byte) }
    }

    /// The same pace for who may be silent for so long.
    #[must_use]
    pub const fn with_patience(self, within: Duration) -> Self {
        Self { within_ms: narrow(within.as_millis()), ..self }
    }

    /// Until when somebody may be waited for of whom nothing has come yet.
    pub fn until(self, now: Instant) -> Instant {
        now + self.within()
    }

    /// The same, after bytes of his.
    pub fn extend(self, until: Instant, now: Instant, bytes: usize) -> Instant {
        (until + self.earned(bytes)).min(self.until(now))
    }

    /// Since when somebody may be taken to be silent, after bytes of his.
    pub fn forgive(self, since: Instant, now: Instant, bytes: usize) -> Instant {
        (since + self.earned(bytes)).min(now)
    }

    /// How long somebody may be silent.
    pub const fn within(self) -> Duration {
        Duration::from_millis(self.within_ms as u64)
    }

    fn earned(self, bytes: usize) -> Duration {
        // No more counts than what pays for all of it; so no sum is too large for a clock.
        let nanos = (bytes as u64).saturating_mul(self.nanos_per_byte.max(1).into());
        Duration::from_nanos(nanos).min(self.within())
    }
}

const fn narrow(number: u128) -> u32 {
    if number > u32::MAX as u128 { u32::MAX } else { number as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes come one by one, with a pause before each; after how many seconds is it given up?
    #[track_caller]
    fn check(pause: Duration, given_up: Option<u64>) {
        let pace = Pace::new(100, Duration::from_secs(10));
        let start = Instant::now();
        let (mut now, mut until, mut since) = (start, pace.until(start), start);
        for _ in 0..1_000 {
            if now + pause >= until {
                let found = until - start;
                assert_eq!(Some(found.as_secs()), given_up, "{pause:?}");
                assert_eq!(until, since + pace.within(), "both ways of keeping it agree");
                return;
            }
            now += pause;
            (until, since) = (pace.extend(until, now, 1), pace.forgive(since, now, 1));
        }
        assert_eq!(None, given_up, "{pause:?}");
    }

    #[test]
    fn who_is_slower_than_the_pace_is_given_up() {
        let ms = Duration::from_millis;
        check(ms(20_000), Some(10)); // silence
        check(ms(10_000), Some(10)); // not a byte in time
        check(ms(1_000), Some(11)); // a tenth of the pace
        check(ms(200), Some(19)); // half of it
        check(ms(100), None);
        check(ms(1), None);
    }

    #[test]
    fn numbers_at_their_ends_are_no_trouble() {
        let now = Instant::now();
        for (bytes, within) in [
            (0, Duration::MAX),
            (usize::MAX, Duration::MAX),
            (usize::MAX, Duration::ZERO),
            (1, Duration::from_nanos(1)),
        ] {
            let pace = Pace::new(bytes, within);
            let until = pace.until(now);
            for bytes in [0, 1, usize::MAX] {
                assert!(pace.extend(until, now, bytes) <= pace.until(now));
                assert!(pace.forgive(now, now, bytes) <= now);
            }
        }
    }
}
