//! Deadlines that every clock can hold.

use std::time::{Duration, Instant};

/// Some decades.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When so much time has passed. Times come from configurations and from peers: one that no clock reaches is as good as
/// never.
pub(super) fn after(now: Instant, time: Duration) -> Instant {
    now + time.min(NEVER)
}
