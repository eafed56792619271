//! Takes tasks from the store, one claim after the other, and reads them. A claim is never given up half-way.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::future::BoxFuture;
use tokio::time::{self, Sleep};

use super::{Reader, backoff::Backoff};
use crate::{
    delivery::Policy,
    queue::{Claimed, Queue, QueueError},
    task::Task,
};

/// A task that was claimed, and what it is.
pub(super) struct Arrival {
    pub(super) claimed: Claimed,
    /// The task and what is promised for it, or why it can't be read.
    pub(super) task: Result<(Arc<Task>, Arc<Policy>), String>,
    /// Whether one of its id was done not long ago.
    pub(super) is_finished: bool,
}

/// Takes tasks from the store.
pub(super) struct Claimer {
    queue: Arc<dyn Queue>,
    step: Step,
    backoff: Backoff,
}

enum Step {
    Idle,
    Claiming(BoxFuture<'static, Result<Vec<Arrival>, QueueError>>),
    /// There was nothing; the store says when to look again.
    Waiting(BoxFuture<'static, ()>),
    /// The store could not be reached.
    Resting(Pin<Box<Sleep>>),
}

impl Claimer {
    pub(super) fn new(queue: Arc<dyn Queue>) -> Self {
        Self { queue, step: Step::Idle, backoff: Backoff::default() }
    }

    /// Whether a claim is under way, whose tasks are this instance's although nobody has them yet.
    pub(super) const fn is_claiming(&self) -> bool {
        matches!(self.step, Step::Claiming(_))
    }

    /// Begins a claim, unless there is no room, one is under way, or nothing is there.
    pub(super) fn begin(&mut self, room: usize, reader: &Reader, dedupes: bool) {
        if room > 0 && matches!(self.step, Step::Idle) {
            let (queue, reader) = (Arc::clone(&self.queue), reader.clone());
            self.step =
                Step::Claiming(Box::pin(
                    async move { claim(&*queue, room, &reader, dedupes).await },
                ));
        }
    }

    /// Ready with what was claimed, or why nothing was; pending for ever while nothing is to be done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Arrival>, QueueError>> {
        loop {
            self.step = match &mut self.step {
                Step::Idle => return Poll::Pending,
                Step::Waiting(changed) => {
                    ready!(changed.as_mut().poll(cx));
                    Step::Idle
                }
                Step::Resting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    Step::Idle
                }
                Step::Claiming(claiming) => {
                    let claimed = ready!(claiming.as_mut().poll(cx));
                    self.step = match &claimed {
                        Ok(arrivals) if arrivals.is_empty() => {
                            let queue = Arc::clone(&self.queue);
                            Step::Waiting(Box::pin(async move { queue.changed().await }))
                        }
                        Ok(_) => Step::Idle,
                        Err(_) => Step::Resting(Box::pin(time::sleep(self.backoff.next()))),
                    };
                    if claimed.is_ok() {
                        self.backoff.reset();
                    }
                    return Poll::Ready(claimed);
                }
            };
            if matches!(self.step, Step::Idle) {
                // Whoever owns it looks whether there is room.
                return Poll::Ready(Ok(Vec::new()));
            }
        }
    }
}

/// Claims as many as there is room for, reads them, and looks up which were done before.
async fn claim(
    queue: &dyn Queue,
    room: usize,
    reader: &Reader,
    dedupes: bool,
) -> Result<Vec<Arrival>, QueueError> {
    let claimed = queue.claim(room).await?;
    let mut arrivals: Vec<_> = claimed
        .into_iter()
        .map(|claimed| {
            let task = reader.read(&claimed.body).map(|(task, policy)| (Arc::new(task), policy));
            Arrival { claimed, task, is_finished: false }
        })
        .collect();
    if !dedupes {
        return Ok(arrivals);
    }
    let with_id =
        |arrival: &&mut Arrival| matches!(&arrival.task, Ok((task, _)) if task.id.is_some());
    let ids: Vec<Arc<str>> =
        arrivals.iter().filter_map(|arrival| arrival.task.as_ref().ok()?.0.id.clone()).collect();
    if ids.is_empty() {
        return Ok(arrivals);
    }
    // The tasks are claimed: they are not to be forgotten because this answer is late.
    let mut backoff = Backoff::default();
    let finished = loop {
        match queue.finished(ids.clone()).await {
            Ok(finished) => break finished,
            Err(error) if error.is_passing() => {
                tracing::warn!(target: "sockeye::relay", %error, "what was done can't be looked up; trying again");
                time::sleep(backoff.next()).await;
            }
            Err(error) => return Err(error),
        }
    };
    for (arrival, is_finished) in arrivals.iter_mut().filter(with_id).zip(finished) {
        arrival.is_finished = is_finished;
    }
    Ok(arrivals)
}
