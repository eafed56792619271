//! What a transaction of the spool has changed: counted, and told, once it is committed.

use std::sync::{Arc, atomic::Ordering};

use super::{Tally, add};

/// What a transaction has changed; counted once it is committed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) stored: u64,
    pub(super) known: u64,
    pub(super) gaps: u64,
    pub(super) dropped_oldest: u64,
    pub(super) dropped_newest: u64,
    pub(super) dropped_aged: u64,
    pub(super) laid_dead: u64,
    pub(super) dropped_dead: u64,
    pub(super) disconnects: u64,
    pub(super) lost: Vec<(Arc<str>, u64)>,
}

impl Changes {
    /// Adds it up; says what is missing if something was dropped.
    #[must_use]
    pub(super) fn count(self, tally: &Tally) -> Option<String> {
        add(&tally.stored, self.stored);
        add(&tally.known, self.known);
        add(&tally.gaps, self.gaps);
        add(&tally.dropped_oldest, self.dropped_oldest);
        add(&tally.dropped_newest, self.dropped_newest);
        add(&tally.dropped_aged, self.dropped_aged);
        add(&tally.disconnects, self.disconnects);
        let mut behind = Vec::new();
        if !self.lost.is_empty() {
            let mut lost = tally.lost.lock();
            for (sink, count) in self.lost {
                *lost.entry(sink.clone()).or_default() += count;
                if !behind.contains(&sink) {
                    behind.push(sink);
                }
            }
        }
        let dropped = self.dropped_oldest + self.dropped_newest + self.dropped_aged;
        (dropped + self.disconnects + self.dropped_dead > 0).then(|| {
            let total = [&tally.dropped_oldest, &tally.dropped_newest, &tally.dropped_aged];
            let total: u64 = total.into_iter().map(|it| it.load(Ordering::Relaxed)).sum();
            let mut text = format!("{total} events dropped so far");
            if !behind.is_empty() {
                text += &format!(", before these sinks had them: {}", behind.join(", "));
            }
            text
        })
    }
}
