//! What waits for the thread that writes: events, bounded by what the policy says, and chores of the sinks.

use std::{collections::VecDeque, mem, time::Duration};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{
    super::{Full, Receipt, ReceiveError, SpoolOptions, record::Draft},
    SpoolError,
    ledger::Ledger,
};

/// How many events share a commit at most.
const AT_ONCE: usize = 1024;

/// An event or a gap that waits to be stored.
pub(super) struct Arrival {
    pub(super) draft: Draft,
    pub(super) event_id: Option<String>,
    pub(super) reply: oneshot::Sender<Result<Receipt, ReceiveError>>,
}

/// A piece of work in a transaction that it shares; it is done again if that fails.
pub(super) trait Chore: Send {
    fn run(&mut self, ledger: &mut Ledger<'_>) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, outcome: Result<(), SpoolError>);
}

struct Job<F, T> {
    work: F,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, SpoolError>>,
}

impl<F, T> Chore for Job<F, T>
where
    F: FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send,
    T: Send,
{
    fn run(&mut self, ledger: &mut Ledger<'_>) -> rusqlite::Result<()> {
        self.value = Some((self.work)(ledger)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), SpoolError>) {
        let Self { value, reply, .. } = *self;
        let gone = || SpoolError::Passing { reason: "it was not done".to_owned() };
        // If it is not taken, whoever asked has gone.
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(gone)));
    }
}

pub(super) fn chore<T: Send + 'static>(
    work: impl FnMut(&mut Ledger<'_>) -> rusqlite::Result<T> + Send + 'static,
) -> (Box<dyn Chore>, oneshot::Receiver<Result<T, SpoolError>>) {
    let (reply, answer) = oneshot::channel();
    (Box::new(Job { work, value: None, reply }), answer)
}

/// What waits.
pub(super) struct Inbox {
    queue: Mutex<Waiting>,
    has_come: Condvar,
    max_events: usize,
    max_bytes: u64,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("max_events", &self.max_events).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arrival>,
    bytes: u64,
    /// Bounded by the sinks, each of which waits for its own.
    chores: Vec<Box<dyn Chore>>,
    refuses: bool,
    is_closed: bool,
}

/// What the thread takes up at once.
pub(super) struct Batch {
    pub(super) events: Vec<Arrival>,
    pub(super) chores: Vec<Box<dyn Chore>>,
}

impl Inbox {
    pub(super) fn new(options: &SpoolOptions) -> Self {
        Self {
            queue: Mutex::default(),
            has_come: Condvar::new(),
            max_events: options.max_waiting.max(1),
            max_bytes: options.max_waiting_bytes,
        }
    }

    /// Takes an event, or does with it what the policy says; says how many were turned away.
    pub(super) fn push(&self, arrival: Arrival, when_full: Full) -> u64 {
        let mut turned_away = Vec::new();
        let mut queue = self.queue.lock();
        if queue.refuses {
            drop(queue);
            let _ = arrival.reply.send(Err(ReceiveError::Closed)); // nobody waits for it then
            return 0;
        }
        let bytes = arrival.draft.bytes();
        let is_full = |queue: &Waiting| {
            queue.events.len() >= self.max_events
                || (queue.bytes + bytes > self.max_bytes && !queue.events.is_empty())
        };
        while is_full(&queue) {
            if when_full != Full::DropOldest {
                break;
            }
            let Some(oldest) = queue.events.pop_front() else { break };
            queue.bytes -= oldest.draft.bytes();
            turned_away.push((oldest, Receipt::Dropped));
        }
        if is_full(&queue) {
            let receipt =
                if when_full == Full::Disconnect { Receipt::Disconnect } else { Receipt::Dropped };
            turned_away.push((arrival, receipt));
        } else {
            queue.bytes += bytes;
            queue.events.push_back(arrival);
            self.has_come.notify_one();
        }
        drop(queue);
        let count = turned_away.len() as u64;
        for (arrival, receipt) in turned_away {
            let _ = arrival.reply.send(Ok(receipt)); // nobody waits for it then
        }
        count
    }

    pub(super) fn push_chore(&self, chore: Box<dyn Chore>) {
        let mut queue = self.queue.lock();
        if queue.is_closed {
            return; // dropped: whoever asked is told so
        }
        queue.chores.push(chore);
        self.has_come.notify_one();
    }

    /// Whether no event waits to be taken up.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.lock().events.is_empty()
    }

    /// Takes no more events.
    pub(super) fn refuse(&self) {
        self.queue.lock().refuses = true;
    }

    /// Takes nothing more at all.
    pub(super) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.refuses = true;
        queue.is_closed = true;
        self.has_come.notify_one();
    }

    /// Waits for something to do, for a time; `None` once it is closed and empty.
    pub(super) fn take(&self, time: Duration) -> Option<Batch> {
        let mut queue = self.queue.lock();
        if queue.events.is_empty() && queue.chores.is_empty() && !queue.is_closed {
            self.has_come.wait_for(&mut queue, time);
        }
        if queue.events.is_empty() && queue.chores.is_empty() && queue.is_closed {
            return None;
        }
        let count = queue.events.len().min(AT_ONCE);
        let events: Vec<_> = queue.events.drain(..count).collect();
        queue.bytes -= events.iter().map(|event| event.draft.bytes()).sum::<u64>();
        let chores = mem::take(&mut queue.chores);
        Some(Batch { events, chores })
    }
}
