//! One sink's task: reads its records, delivers them in order, and moves its cursor.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

use super::{
    Filter, Record, SinkPlan, Spool,
    sink::{Sink, SinkError},
    spool::add,
    stats::Marks,
};
use crate::crash::{self, Stage};

/// How many bytes of records a sink is given at once, about.
const MAX_BATCH_BYTES: u64 = 4 << 20;

/// How long to wait before trying again: any time up to a bound that doubles (full jitter).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first bound. Default: 500 ms.
    pub base: Duration,
    /// The greatest bound. Default: 30 s.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    fn delay(&self, failures: u32) -> Duration {
        let bound = self
            .base
            .saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX))
            .min(self.max);
        // Without randomness from the system the whole bound is as good.
        getrandom::u32()
            .map_or(bound, |random| bound.mul_f64(f64::from(random) / f64::from(u32::MAX)))
    }
}

pub(super) struct Delivering {
    spool: Spool,
    name: Arc<str>,
    sink: Box<dyn Sink>,
    filter: Filter,
    max_batch: usize,
    backoff: Backoff,
    max_attempts: u32,
    cursor: u64,
    marks: Arc<Marks>,
    stopped: watch::Receiver<bool>,
}

impl Delivering {
    pub(super) fn new(
        spool: Spool,
        plan: SinkPlan,
        cursor: u64,
        marks: Arc<Marks>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let SinkPlan { name, sink, filter, max_batch, backoff, max_attempts } = plan;
        let max_batch = max_batch.max(1);
        Self { spool, name, sink, filter, max_batch, backoff, max_attempts, cursor, marks, stopped }
    }

    /// Delivers until it is told to stop; says whether the sink has ended by itself.
    pub(super) async fn run(mut self) -> bool {
        let mut tail = self.spool.tail();
        loop {
            let cursor = self.cursor;
            tokio::select! {
                biased;
                () = stop(&mut self.stopped) => return false,
                news = tail.wait_for(|last| *last > cursor) => if news.is_err() { return false },
            }
            // Taken before they are read: what is committed meanwhile must not be passed over.
            let end = *tail.borrow();
            let name = self.name.clone();
            let read = self.spool.read(name, self.cursor, self.max_batch, MAX_BATCH_BYTES);
            let records = match read.await {
                Ok(records) => records,
                Err(error) => {
                    self.tell(&error.to_string());
                    if !self.wait(self.backoff.delay(1)).await {
                        return false;
                    }
                    continue;
                }
            };
            // The last of them are gone: nothing is between the cursor and here.
            let Some(last) = records.last().map(|record| record.seq) else {
                if !self.move_to(end, None).await {
                    return false;
                }
                continue;
            };
            let is_wanted = |record: &Record| {
                record.event.as_ref().is_none_or(|event| self.filter.wants(event))
            };
            let wanted: Vec<_> = records.into_iter().filter(is_wanted).collect();
            match self.deliver(&wanted).await {
                Some(false) => {}
                Some(true) => {
                    while self.spool.release(self.name.clone()).await.is_err() {
                        if !self.wait(self.backoff.delay(1)).await {
                            break;
                        }
                    }
                    return true;
                }
                None => return false,
            }
            self.marks.at_ms.store(0, Ordering::Relaxed);
            if !self.move_to(last, None).await {
                return false;
            }
        }
    }

    /// Delivers these; `None` if it was told to stop, `Some(true)` if the sink has ended.
    async fn deliver(&mut self, mut records: &[Record]) -> Option<bool> {
        let (mut failures, mut attempts) = (0_u32, 0_u32);
        while let Some(first) = records.first() {
            self.marks.at_ms.store(first.at_ms, Ordering::Relaxed);
            let outcome = self.sink.deliver(records).await;
            let (error, pause, counts) = match outcome {
                Ok(count) => {
                    let count = count.clamp(1, records.len());
                    add(&self.marks.delivered, count as u64);
                    *self.marks.error.lock() = None;
                    (failures, attempts) = (0, 0);
                    let last = records[count - 1].seq;
                    records = &records[count..];
                    crash::point(Stage::Sunk);
                    if !records.is_empty() && !self.move_to(last, None).await {
                        return None;
                    }
                    if *self.stopped.borrow() {
                        // What was written is not written again the next time.
                        if records.is_empty() {
                            self.move_to(last, None).await;
                        }
                        return None;
                    }
                    continue;
                }
                Err(SinkError::Ended { reason }) => {
                    tracing::info!(target: "sockeye::relay", sink = %self.name, %reason, "a sink has ended");
                    return Some(true);
                }
                Err(SinkError::Refused { reason }) => {
                    add(&self.marks.failed, 1);
                    (reason, None, self.max_attempts)
                }
                Err(SinkError::Failed { reason, retry_after }) => {
                    add(&self.marks.failed, 1);
                    attempts += 1;
                    (reason, retry_after, attempts)
                }
                Err(SinkError::Unreachable { reason }) => {
                    add(&self.marks.failed, 1);
                    (reason, None, 0)
                }
            };
            self.tell(&error);
            if counts >= self.max_attempts {
                tracing::warn!(target: "sockeye::relay", sink = %self.name, id = %first.id, %error, "a record is laid among the dead");
                if !self.move_to(first.seq, Some((first.clone(), error))).await {
                    return None;
                }
                records = &records[1..];
                (failures, attempts) = (0, 0);
                continue;
            }
            failures += 1;
            // The sink's own word is a lower bound.
            let delay = self.backoff.delay(failures).max(pause.unwrap_or_default());
            if !self.wait(delay).await {
                return None;
            }
        }
        Some(false)
    }

    /// Moves the cursor, however long the spool needs for it; `false` if it was told to stop before that.
    async fn move_to(&mut self, to: u64, dead: Option<(Record, String)>) -> bool {
        loop {
            match self.spool.advance(self.name.clone(), to, dead.clone()).await {
                Ok(()) => {
                    crash::point(Stage::Deleted);
                    self.cursor = self.cursor.max(to);
                    self.marks.cursor.store(self.cursor, Ordering::Relaxed);
                    return true;
                }
                Err(error) => self.tell(&error.to_string()),
            }
            if !self.wait(self.backoff.delay(1)).await {
                return false;
            }
        }
    }

    /// Says what is wrong, once until something else is.
    fn tell(&self, error: &str) {
        let mut last = self.marks.error.lock();
        if last.as_deref() == Some(error) {
            return;
        }
        *last = Some(error.to_owned());
        drop(last);
        tracing::warn!(target: "sockeye::relay", sink = %self.name, error, "a sink does not take records; they wait in the spool");
    }

    /// Waits; `false` if it is told to stop.
    async fn wait(&mut self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = stop(&mut self.stopped) => false,
            () = sleep(time) => true,
        }
    }
}

async fn stop(stopped: &mut watch::Receiver<bool>) {
    // An ingress that was dropped does not wait any more either.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_under_their_bound() {
        let backoff = Backoff { base: Duration::from_millis(10), max: Duration::from_secs(1) };
        for failures in [1, 2, 3, 8, 31, 32, 33, u32::MAX] {
            let bound = backoff.base.saturating_mul(2_u32.saturating_pow(failures - 1));
            assert!(backoff.delay(failures) <= bound.min(backoff.max), "{failures}");
        }
        let spread: Vec<_> = (0..64).map(|_| backoff.delay(9)).collect();
        assert!(spread.iter().any(|delay| *delay != spread[0]));
    }
}
