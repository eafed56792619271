//! The thread that writes: whatever waits for it at once shares one commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Options,
    failure::Failure,
    instance::Neighbours,
    layout::Whereabouts,
    ledger::{Ledger, Own, Page},
    patience,
};

/// How many jobs may wait to be taken up; who comes then waits.
const WAITING: usize = 1024;
/// How many jobs share a commit at most.
const AT_ONCE: usize = 256;
/// For how long each job has a commit of its own after one that was shared has failed: when the disk is full what needs room
/// must not take those down with it that make some.
const ALONE: Duration = Duration::from_secs(5);

/// What the thread is told.
enum Message {
    Work(Box<dyn Work>),
    /// Look whether others have changed something.
    Look,
}

/// A piece of work in a transaction that it may share.
trait Work: Send {
    fn run(&mut self, ledger: &mut Ledger<'_>, neighbours: &mut Neighbours) -> Result<(), Failure>;
    fn answer(self: Box<Self>, outcome: Result<(), Failure>);
}

struct Job<F, T> {
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, Failure>>,
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce(&mut Ledger<'_>, &mut Neighbours) -> Result<T, Failure> + Send,
    T: Send,
{
    fn run(&mut self, ledger: &mut Ledger<'_>, neighbours: &mut Neighbours) -> Result<(), Failure> {
        if let Some(work) = self.work.take() {
            self.value = Some(work(ledger, neighbours)?);
        }
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Failure>) {
        let Self { value, reply, .. } = *self;
        // If it is not taken, whoever asked has gone.
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(Failure::gone)));
    }
}

/// The way to the thread. It ends once all of these are gone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    /// Counts what may have made something claimable.
    pub(super) changes: watch::Receiver<u64>,
    /// When the first delayed task comes due: milliseconds since 1970.
    next_due: Arc<AtomicI64>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        whereabouts: Whereabouts,
        options: Options,
        neighbours: Neighbours,
    ) -> Result<Self, Failure> {
        connection.busy_timeout(Duration::ZERO)?; // see `patience`
        let (messages, inbox) = mpsc::channel(WAITING);
        let (changed, changes) = watch::channel(1);
        let next_due = Arc::new(AtomicI64::new(i64::MAX));
        let desk = Desk {
            connection,
            whereabouts,
            options,
            neighbours,
            own: Own::default(),
            changed,
            data_version: 0,
            next_due: next_due.clone(),
            alone_until: None,
        };
        thread::Builder::new()
            .name("sockeye-queue".to_owned())
            .spawn(move || desk.work(inbox))
            .map_err(|error| Failure::Passing(format!("no thread can be started ({error})")))?;
        Ok(Self { messages, changes, next_due })
    }

    /// Has something done in a transaction, and waits for its commit.
    pub(super) async fn run<F, T>(&self, work: F) -> Result<T, Failure>
    where
        F: FnOnce(&mut Ledger<'_>, &mut Neighbours) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { work: Some(work), value: None, reply };
        self.messages.send(Message::Work(Box::new(job))).await.map_err(|_| Failure::gone())?;
        answer.await.map_err(|_| Failure::gone())?
    }

    /// Has the thread look whether others have changed something, if it has time.
    pub(super) fn look(&self) {
        // A full channel is a busy thread: what it does is looked at anyway.
        let _ = self.messages.try_send(Message::Look);
    }

    /// When the first delayed task comes due, as far as is known.
    pub(super) fn next_due(&self) -> i64 {
        self.next_due.load(Ordering::Relaxed)
    }
}

/// What the thread owns.
struct Desk {
    connection: Connection,
    whereabouts: Whereabouts,
    options: Options,
    neighbours: Neighbours,
    own: Own,
    changed: watch::Sender<u64>,
    data_version: i64,
    next_due: Arc<AtomicI64>,
    /// Until when nothing is shared.
    alone_until: Option<Instant>,
}

impl Desk {
    fn work(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut batch = Vec::new();
        while let Some(first) = inbox.blocking_recv() {
            let mut next = Some(first);
            let mut has_to_look = false;
            self.alone_until = self.alone_until.filter(|until| Instant::now() < *until);
            let at_once = if self.alone_until.is_some() { 1 } else { AT_ONCE };
            while let Some(message) = next {
                match message {
                    Message::Work(work) => batch.push(work),
                    Message::Look => has_to_look = true,
                }
                next = if batch.len() < at_once { inbox.try_recv().ok() } else { None };
            }
            if !batch.is_empty() {
                self.serve(&mut batch);
            }
            if has_to_look {
                self.look();
            }
        }
    }

    /// Runs a batch, commits it, and answers each.
    fn serve(&mut self, batch: &mut Vec<Box<dyn Work>>) {
        match self.commit(batch) {
            Ok((outcomes, page, dropped)) => {
                self.own = page.own;
                if page.may_claim {
                    self.changed.send_modify(|count| *count += 1);
                }
                if dropped > 0 {
                    tracing::warn!(
                        target: "sockeye::relay",
                        dropped,
                        "more dead tasks than may be kept: the oldest were dropped"
                    );
                }
                for (work, outcome) in batch.drain(..).zip(outcomes) {
                    work.answer(outcome);
                }
            }
            Err(failure) => {
                self.alone_until = Some(Instant::now() + ALONE);
                for work in batch.drain(..) {
                    work.answer(Err(failure.clone()));
                }
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "it is taken apart where it is called")]
    fn commit(
        &mut self,
        batch: &mut [Box<dyn Work>],
    ) -> Result<(Vec<Result<(), Failure>>, Page, u64), Failure> {
        let transaction = patience::begin(&self.connection, self.options.busy)?;
        let mut ledger = Ledger::open(&transaction, &self.options, self.own)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for work in batch {
            let before = ledger.page;
            ledger.execute("SAVEPOINT job", [])?;
            // Whatever a job has half done is rolled back with it.
            let outcome =
                catch_unwind(AssertUnwindSafe(|| work.run(&mut ledger, &mut self.neighbours)))
                    .unwrap_or_else(|_| {
                        Err(Failure::Lasting("a mistake of this program, told above".to_owned()))
                    });
            if let Err(failure) = &outcome {
                if transaction.is_autocommit() {
                    // SQLite has rolled back all of it, as it does when the disk is full.
                    return Err(failure.clone());
                }
                ledger.execute("ROLLBACK TO job", [])?;
                ledger.page = before;
            }
            ledger.execute("RELEASE job", [])?;
            outcomes.push(outcome);
        }
        ledger.close()?;
        self.whereabouts.check()?;
        let (page, dropped) = (ledger.page, ledger.dropped);
        transaction.commit()?;
        Ok((outcomes, page, dropped))
    }

    /// Looks whether others have committed, died, or a task has come due.
    fn look(&mut self) {
        match self.has_news() {
            Ok(true) => self.changed.send_modify(|count| *count += 1),
            Ok(false) => {}
            // Whoever claims is told the reason.
            Err(_) => self.changed.send_modify(|count| *count += 1),
        }
    }

    fn has_news(&mut self) -> Result<bool, Failure> {
        let version: i64 = self
            .connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        let mut has_news = version != std::mem::replace(&mut self.data_version, version);
        let due: Option<i64> = self
            .connection
            .prepare_cached("SELECT min(due) FROM task WHERE state = 1")?
            .query_row([], |row| row.get(0))?;
        let due = due.unwrap_or(i64::MAX);
        self.next_due.store(due, Ordering::Relaxed);
        has_news |= due <= super::ledger::millis(std::time::SystemTime::now());
        has_news |= self.neighbours.look(&self.connection, self.own.instance)?;
        Ok(has_news)
    }
}
