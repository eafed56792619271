//! Whether the loop still goes round.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A loop that has not gone round for so long is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// When the loop went round last.
#[derive(Clone, Debug)]
pub(super) struct Beat {
    began: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Default for Beat {
    fn default() -> Self {
        Self { began: Instant::now(), last_ms: Arc::default() }
    }
}

impl Beat {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn beat(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    pub(super) fn is_recent(&self) -> bool {
        let last = self.last_ms.load(Ordering::Relaxed);
        u128::from(self.now_ms().saturating_sub(last)) < STUCK.as_millis()
    }
}
