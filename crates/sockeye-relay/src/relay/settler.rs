//! Tells the store what became of tasks: what gathers while it is told goes with the next batch, and shares a commit.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::future::BoxFuture;

use crate::{
    crash::{self, Stage},
    queue::{Claim, Queue, QueueError, Settled, Settlement, Verdict},
};

/// As many go at a time.
const MAX_BATCH: usize = 512;

/// A batch, and what the store said.
pub(super) type Told = (Vec<(Claim, Verdict)>, Result<Vec<Settled>, QueueError>);

/// Tells the store what became of tasks.
pub(super) struct Settler {
    queue: Arc<dyn Queue>,
    gathered: Vec<Settlement>,
    telling: Option<BoxFuture<'static, Told>>,
}

impl Settler {
    pub(super) const fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, gathered: Vec::new(), telling: None }
    }

    pub(super) fn push(&mut self, settlement: Settlement) {
        self.gathered.push(settlement);
    }

    /// Forgets what was not told yet: others have those tasks.
    pub(super) fn clear(&mut self) {
        self.gathered.clear();
    }

    /// Begins a batch, unless one is under way.
    pub(super) fn begin(&mut self) {
        if self.telling.is_some() || self.gathered.is_empty() {
            return;
        }
        let batch: Vec<_> = self.gathered.drain(..self.gathered.len().min(MAX_BATCH)).collect();
        let told = batch.iter().map(|it| (it.claim, it.verdict.clone())).collect();
        crash::point(Stage::Settling);
        let queue = Arc::clone(&self.queue);
        self.telling = Some(Box::pin(async move { (told, queue.settle(batch).await) }));
    }

    /// Ready with what the store said to a batch; pending for ever if none is under way.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        let Some(telling) = &mut self.telling else { return Poll::Pending };
        let told = ready!(telling.as_mut().poll(cx));
        self.telling = None;
        Poll::Ready(told)
    }
}
