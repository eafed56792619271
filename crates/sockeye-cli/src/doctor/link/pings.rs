//! Counts pings, of which some servers send more than anybody can answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::doctor::found::Flood;

/// So many may come at any time: servers under load catch up, and some ping on two layers.
const TOLERATED: f64 = 50.0;
/// How much faster than it said a server may be.
const HASTE: f64 = 10.0;

/// The pings that came over one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pings {
    count: u64,
    /// When the first came, and the last.
    span: Option<(Instant, Instant)>,
}

impl Pings {
    /// One more has come.
    pub(crate) fn add(&mut self) {
        let now = Instant::now();
        self.count += 1;
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
    }

    /// Whether they are too many for a server that announced this interval.
    pub(crate) fn flood(&self, announced: Option<Duration>, is_read: bool) -> Option<Flood> {
        let within = self.span.map(|(first, last)| last - first).unwrap_or_default();
        let interval = announced.unwrap_or(Duration::MAX).max(Duration::from_millis(1));
        is_flood(self.count, within, interval).then_some(Flood {
            pings: self.count,
            within,
            announced,
            is_read,
        })
    }
}

fn is_flood(pings: u64, within: Duration, interval: Duration) -> bool {
    pings as f64 > TOLERATED + HASTE * within.as_secs_f64() / interval.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_be_hasty_but_not_for_long() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(pings: u64, within: u64, interval: u64, expect: bool) {
            let (within, interval) =
                (Duration::from_millis(within), Duration::from_millis(interval));
            assert_eq!(is_flood(pings, within, interval), expect);
        }
        check(0, 0, 25_000, false);
        check(50, 0, 25_000, false);
        check(51, 0, 25_000, true);
        check(60, 60_000, 25_000, false);
        // It said so.
        check(2_000, 2_000, 1, false);
        check(200, 60_000, 300, false);
        check(1_000_000, 2_000, 1, true);
    }
}
