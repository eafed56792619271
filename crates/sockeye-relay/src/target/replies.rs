//! The tasks that wait for an event to answer them, oldest first.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use sockeye::event::RawArgs;
use tokio::sync::oneshot;

use super::{Judgement, Reply, confirm::values};
use crate::task::Task;

/// Whom an event may answer.
#[derive(Debug)]
pub(super) struct Replies {
    reply: Option<Reply>,
    waiting: Mutex<Waiting>,
    late: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    tasks: BTreeMap<u64, (Arc<Task>, oneshot::Sender<Answer>)>,
}

type Answer = (Judgement, RawArgs);

impl Replies {
    pub(super) fn new(reply: Option<Reply>) -> Arc<Self> {
        Arc::new(Self { reply, waiting: Mutex::default(), late: AtomicU64::new(0) })
    }

    /// A task that waits from now on.
    pub(super) fn wait(self: &Arc<Self>, task: &Arc<Task>) -> Awaiting {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.tasks.insert(number, (Arc::clone(task), sender));
        Awaiting { replies: Arc::clone(self), number, answer }
    }

    /// How many events of that name found no task that they answer: it had run out of time, or was another's.
    pub(super) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Whether such an event answers tasks.
    pub(super) fn are(&self, event: &str) -> bool {
        self.reply.as_ref().is_some_and(|reply| *reply.event == *event)
    }

    /// Gives an event to the oldest task that it answers.
    pub(super) fn tell(&self, event: &str, args: &RawArgs) {
        let Some(reply) = self.reply.as_ref().filter(|reply| *reply.event == *event) else {
            return;
        };
        let values = values(args); // once for all who wait
        let mut waiting = self.waiting.lock();
        let answered = waiting.tasks.iter().find_map(|(&number, (task, _))| {
            reply.judge(task, &values).map(|judgement| (number, judgement))
        });
        let Some((number, judgement)) = answered else {
            self.late.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if let Some((_, sender)) = waiting.tasks.remove(&number) {
            let _ = sender.send((judgement, args.clone())); // it may have run out of time just now
        }
    }
}

/// A task that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Awaiting {
    replies: Arc<Replies>,
    number: u64,
    answer: oneshot::Receiver<Answer>,
}

impl Awaiting {
    /// Waits for the answer, without end.
    pub(super) async fn answer(mut self) -> Answer {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await, // never: only an answer takes the sender away
        }
    }
}

impl Drop for Awaiting {
    fn drop(&mut self) {
        self.replies.waiting.lock().tasks.remove(&self.number);
    }
}
