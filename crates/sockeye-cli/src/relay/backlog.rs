//! What the store says of how much there is.

use std::{sync::Arc, time::Duration};

use sockeye_relay::queue::{Queue, Stats};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked whether it is empty, once nothing more comes in.
const ASK_AT_END: Duration = Duration::from_millis(100);

/// What it has said last; it is asked beside the relay, until this is dropped.
pub(super) struct Backlog {
    stats: watch::Receiver<Option<Stats>>,
    asking: JoinHandle<()>,
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Backlog {
    pub(super) fn watch(queue: Arc<dyn Queue>) -> Self {
        let (told, stats) = watch::channel(None);
        let asking = tokio::spawn(async move {
            loop {
                // One that does not answer is told of by the relay.
                if let Ok(stats) = queue.stats().await {
                    told.send_replace(Some(stats));
                }
                sleep(ASK_EVERY).await;
            }
        });
        Self { stats, asking }
    }

    pub(super) fn last(&self) -> Option<Stats> {
        self.stats.borrow().clone()
    }
}

/// Waits until nothing waits, is claimed, or will be due.
pub(super) async fn drained(queue: Arc<dyn Queue>) {
    loop {
        if let Ok(stats) = queue.stats().await
            && stats.ready + stats.delayed + stats.claimed == 0
        {
            return;
        }
        sleep(ASK_AT_END).await;
    }
}
