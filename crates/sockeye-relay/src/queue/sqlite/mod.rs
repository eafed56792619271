//! The embedded queue: one SQLite file, that any number of processes of one machine may share.
//!
//! Whatever waits for the disk at the same time shares one commit. What is written is written by one thread per store, what is
//! looked at is read beside it. The file is the queue's alone: whoever else has something to store takes one of its own.

mod claiming;
mod deciding;
mod failure;
mod instance;
mod layout;
mod ledger;
mod looking;
mod options;
mod patience;
mod putting;
mod settling;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rusqlite::Connection;

pub use options::{Options, Retention, Synchronous};

use self::{
    failure::Failure,
    instance::Neighbours,
    layout::Whereabouts,
    ledger::{Ledger, millis},
    writer::Writer,
};
use crate::queue::{
    Accepted, Claimed, NewTask, Queue, QueueError, Seen, Settled, Settlement, Stats, Which,
};

/// How long a wait for changes lasts at most.
const WAIT: Duration = Duration::from_secs(2);
/// How often other processes are looked at while much happens, and while nothing does.
const BUSY_LOOKS: Duration = Duration::from_millis(5);
const IDLE_LOOKS: Duration = Duration::from_millis(100);

/// A queue in an SQLite file.
///
/// Order: tasks of one key are claimed in the order in which they were put, by one instance at a time. A task that waits for
/// its time does not hold up the later ones of its key; once that has come, its place is the one from before.
///
/// Copies: a task is known, and not taken again, while one of its id waits, is claimed, is held, or was done within the retention.
/// One that is dead makes room for a new one.
///
/// Results are found by the task's id ([`Queue::find`]) for as long as it is remembered; `reply_to` is written beside them.
///
/// Wall clocks decide when a delayed task is due and what is past its retention; leases do without.
pub struct Sqlite {
    store: Arc<str>,
    options: Options,
    writer: Writer,
    reader: Arc<Mutex<Connection>>,
    /// What the count of changes was when it was last found that there is nothing to claim.
    seen: AtomicU64,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the queue in this file, and makes it if it is not there. Blocks while that takes.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unusable`] if the file can't be opened or written, is damaged, or not a queue;
    /// [`QueueError::Newer`] if a newer program has made it; [`QueueError::Unavailable`] if others keep it locked, or the disk is
    /// full.
    ///
    /// # Examples
    ///
    /// ```
    /// # let directory = std::env::temp_dir().join(format!("sockeye-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let place = directory.join("queue.db");
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use sockeye_relay::queue::{NewTask, Queue as _, sqlite::{Options, Sqlite}};
    ///
    /// let queue = Sqlite::open(&place, Options::default())?;
    /// let task = NewTask { body: br#"{"event":"hello"}"#.as_slice().into(), ..NewTask::default() };
    /// queue.put(vec![task]).await?;
    /// assert_eq!(queue.claim(10).await?.len(), 1);
    /// # queue.close().await
    /// # })?;
    /// # std::fs::remove_dir_all(directory)?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, QueueError> {
        let path = path.as_ref();
        let store: Arc<str> = path.display().to_string().into();
        Self::open_at(path, store.clone(), options).map_err(|failure| failure.of(&store))
    }

    fn open_at(path: &Path, store: Arc<str>, options: Options) -> Result<Self, Failure> {
        let connection = layout::open_to_write(path, &options)?;
        // The file that is meant, whatever links lead to it: others have to find this instance's lock beside it.
        let path = path
            .canonicalize()
            .map_err(|error| Failure::Passing(format!("it can't be found again ({error})")))?;
        let reader = layout::open_to_read(&path, &options)?;
        let whereabouts = Whereabouts::of(&path)?;
        let writer =
            Writer::start(connection, whereabouts, options.clone(), Neighbours::new(path))?;
        Ok(Self {
            store,
            options,
            writer,
            reader: Arc::new(Mutex::new(reader)),
            seen: AtomicU64::new(0),
        })
    }

    /// Has something done in a transaction, shared with whatever else waits.
    async fn write<F, T>(&self, work: F) -> Result<T, QueueError>
    where
        F: FnOnce(&mut Ledger<'_>, &mut Neighbours) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.run(work).await.map_err(|failure| failure.of(&self.store))
    }

    /// Reads, beside whatever is written.
    async fn read<F, T>(&self, look: F) -> Result<T, QueueError>
    where
        F: FnOnce(&mut Connection) -> Result<T, Failure> + Send + 'static,
        T: Send + 'static,
    {
        let reader = self.reader.clone();
        tokio::task::spawn_blocking(move || look(&mut reader.lock()))
            .await
            .unwrap_or_else(|_| {
                Err(Failure::Lasting("reading failed by a mistake of this program".to_owned()))
            })
            .map_err(|failure| failure.of(&self.store))
    }

    async fn wait_for_changes(&self) {
        let mut changes = self.writer.changes.clone();
        let mut pause = BUSY_LOOKS;
        loop {
            if *changes.borrow_and_update() != self.seen.load(Ordering::Acquire) {
                return;
            }
            let until_due = self.writer.next_due().saturating_sub(millis(SystemTime::now()));
            let until_due = Duration::from_millis(until_due.max(1).unsigned_abs());
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    // The thread is gone: the next claim says so.
                    return;
                },
                () = tokio::time::sleep(pause.min(until_due)) => self.writer.look(),
            }
            pause = (pause * 2).min(IDLE_LOOKS);
        }
    }
}

impl Queue for Sqlite {
    fn claim(&self, room: usize) -> BoxFuture<'_, Result<Vec<Claimed>, QueueError>> {
        Box::pin(async move {
            let before = *self.writer.changes.borrow();
            let claimed =
                self.write(move |ledger, others| claiming::claim(ledger, others, room)).await?;
            // As many as were asked for: there may be more, and the next wait is none.
            let seen = if claimed.len() < room { before } else { 0 };
            self.seen.store(seen, Ordering::Release);
            Ok(claimed)
        })
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Past it the caller looks by itself.
            let _ = tokio::time::timeout(WAIT, self.wait_for_changes()).await;
        })
    }

    fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> BoxFuture<'_, Result<Vec<Settled>, QueueError>> {
        Box::pin(self.write(move |ledger, _| settling::settle(ledger, settlements)))
    }

    /// What was claimed is this instance's as a whole: `claims` are not asked for one by one. An instance that was taken for dead
    /// claims nothing until it has been told here.
    fn renew(&self) -> BoxFuture<'_, Result<bool, QueueError>> {
        Box::pin(self.write(|ledger, others| {
            let own = ledger.page.own;
            if own.is_closed {
                return Ok(true);
            }
            if own.instance == 0 {
                others.enrol(ledger)?;
                return Ok(true);
            }
            let sql = "UPDATE instance SET beat = beat + 1 WHERE id = ?";
            if ledger.execute(sql, [own.instance])? == 1 {
                return Ok(true);
            }
            others.enrol(ledger)?;
            Ok(false)
        }))
    }

    fn lease(&self) -> Duration {
        self.options.lease
    }

    fn finished(&self, ids: Vec<Arc<str>>) -> BoxFuture<'_, Result<Vec<bool>, QueueError>> {
        let age = self.options.done.age;
        Box::pin(self.read(move |reader| looking::finished(reader, &ids, age)))
    }

    fn put(&self, tasks: Vec<NewTask>) -> BoxFuture<'_, Result<Vec<Accepted>, QueueError>> {
        Box::pin(self.write(move |ledger, _| putting::put(ledger, tasks)))
    }

    fn peek(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        Box::pin(self.read(move |reader| looking::peek(reader, skip, count)))
    }

    fn find(&self, id: &str) -> BoxFuture<'_, Result<Option<Seen>, QueueError>> {
        let id = id.to_owned();
        Box::pin(self.read(move |reader| looking::find(reader, &id)))
    }

    fn cancel(&self, id: &str) -> BoxFuture<'_, Result<bool, QueueError>> {
        let id = id.to_owned();
        Box::pin(self.write(move |ledger, _| deciding::cancel(ledger, &id)))
    }

    fn stats(&self) -> BoxFuture<'_, Result<Stats, QueueError>> {
        Box::pin(self.read(looking::stats))
    }

    fn pause(&self, is_paused: bool) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(self.write(move |ledger, _| {
            ledger.page.tally.is_paused = is_paused;
            ledger.page.may_claim = true;
            Ok(())
        }))
    }

    fn dead(&self, skip: usize, count: usize) -> BoxFuture<'_, Result<Vec<Seen>, QueueError>> {
        Box::pin(self.read(move |reader| looking::dead(reader, skip, count)))
    }

    fn revive(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        Box::pin(self.write(move |ledger, _| deciding::revive(ledger, &which)))
    }

    fn bury(&self, which: Which) -> BoxFuture<'_, Result<u64, QueueError>> {
        Box::pin(self.write(move |ledger, _| deciding::bury(ledger, &which)))
    }

    fn sweep(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(self.write(|ledger, others| {
            others.look(ledger.connection(), ledger.page.own.instance)?;
            others.give_back_of_dead(ledger)?;
            ledger.drop_old()
        }))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), QueueError>> {
        Box::pin(async move {
            self.write(|ledger, _| {
                let own = ledger.page.own;
                ledger.page.own = ledger::Own { instance: 0, is_closed: true, ..own };
                ledger.execute("DELETE FROM instance WHERE id = ?", [own.instance])?;
                instance::give_back(ledger, own.instance.into(), 1)
            })
            .await?;
            self.write(|_, others| {
                others.leave();
                Ok(())
            })
            .await
        })
    }
}
