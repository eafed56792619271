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

/// What a claim has come to.
pub(super) enum Taken {
    /// These, or none: the store has answered.
    Tasks(Vec<Arrival>),
    /// These are claimed, and can't be sent: nothing tells which of them were done before.
    Unsure(Vec<Arrival>, QueueError),
    /// Nothing was claimed, as far as is known.
    Failed(QueueError),
    /// It is time to look again; the store was not asked.
    Ready,
}

/// Takes tasks from the store.
pub(super) struct Claimer {
    queue: Arc<dyn Queue>,
    step: Step,
    backoff: Backoff,
}

enum Step {
    Idle,
    Claiming(BoxFuture<'static, Taken>),
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

    /// Ready with what has come of a claim, or once it is time for another; pending for ever while nothing is to be done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Taken> {
        let taken = match &mut self.step {
            Step::Idle => return Poll::Pending,
            Step::Waiting(changed) => {
                ready!(changed.as_mut().poll(cx));
                Taken::Ready
            }
            Step::Resting(sleep) => {
                ready!(sleep.as_mut().poll(cx));
                Taken::Ready
            }
            Step::Claiming(claiming) => ready!(claiming.as_mut().poll(cx)),
        };
        self.step = match &taken {
            Taken::Tasks(arrivals) if arrivals.is_empty() => {
                let queue = Arc::clone(&self.queue);
                Step::Waiting(Box::pin(async move { queue.changed().await }))
            }
            Taken::Tasks(_) | Taken::Ready => Step::Idle,
            Taken::Failed(_) | Taken::Unsure(..) => {
                Step::Resting(Box::pin(time::sleep(self.backoff.next())))
            }
        };
        if let Taken::Tasks(_) = taken {
            self.backoff.reset();
        }
        Poll::Ready(taken)
    }
}

/// Claims as many as there is room for, reads them, and looks up which were done before.
async fn claim(queue: &dyn Queue, room: usize, reader: &Reader, dedupes: bool) -> Taken {
    let claimed = match queue.claim(room).await {
        Ok(claimed) => claimed,
        Err(error) => return Taken::Failed(error),
    };
    let mut arrivals: Vec<_> = claimed
        .into_iter()
        .map(|claimed| {
            let task = reader.read(&claimed.body).map(|(task, policy)| (Arc::new(task), policy));
            Arrival { claimed, task, is_finished: false }
        })
        .collect();
    if !dedupes {
        return Taken::Tasks(arrivals);
    }
    let with_id =
        |arrival: &&mut Arrival| matches!(&arrival.task, Ok((task, _)) if task.id.is_some());
    let ids: Vec<Arc<str>> =
        arrivals.iter().filter_map(|arrival| arrival.task.as_ref().ok()?.0.id.clone()).collect();
    if ids.is_empty() {
        return Taken::Tasks(arrivals);
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
            Err(error) => return Taken::Unsure(arrivals, error),
        }
    };
    for (arrival, is_finished) in arrivals.iter_mut().filter(with_id).zip(finished) {
        arrival.is_finished = is_finished;
    }
    Taken::Tasks(arrivals)
}
