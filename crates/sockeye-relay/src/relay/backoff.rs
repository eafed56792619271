//! Delays between two looks at a store that says no: they double, up to a bound.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_secs(2);

/// Counts the times that a store said no.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    pub(super) fn next(&mut self) -> Duration {
        self.0 = (self.0 + 1).min(10);
        FIRST.saturating_mul(1 << (self.0 - 1)).min(MAX)
    }

    pub(super) const fn reset(&mut self) {
        self.0 = 0;
    }
}
