//! The thread that writes: whatever waits for it at once shares one commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use rusqlite::{ErrorCode, TransactionBehavior};
use tokio::sync::watch;

use super::{
    super::{Full, Receipt, ReceiveError, SpoolOptions},
    SpoolError, Tally, add,
    inbox::{Arrival, Batch, Chore, Inbox},
    ledger::{Ledger, Page},
    open::{Opened, passing},
};

/// How often it looks for what has become too old.
const LOOK: Duration = Duration::from_secs(1);

/// Starts the thread; says what tells the number of the last record.
pub(super) fn start(
    opened: Opened,
    options: SpoolOptions,
    inbox: Arc<Inbox>,
    tally: Arc<Tally>,
) -> Result<watch::Receiver<u64>, SpoolError> {
    let (tail, changes) = watch::channel(opened.page.last);
    tally.records.store(opened.page.records, Ordering::Relaxed);
    tally.bytes.store(opened.page.bytes, Ordering::Relaxed);
    let desk = Desk { opened, options, tally, tail };
    thread::Builder::new()
        .name("sockeye-spool".to_owned())
        .spawn(move || {
            // Whatever ends it, nobody goes on waiting.
            let _closing = Closing(inbox.clone());
            desk.work(&inbox);
        })
        .map_err(|error| SpoolError::Passing {
            reason: format!("no thread can be started ({error})"),
        })?;
    Ok(changes)
}

struct Closing(Arc<Inbox>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
        while self.0.take(Duration::ZERO).is_some() {}
    }
}

struct Desk {
    opened: Opened,
    options: SpoolOptions,
    tally: Arc<Tally>,
    tail: watch::Sender<u64>,
}

impl Desk {
    fn work(mut self, inbox: &Inbox) {
        while let Some(batch) = inbox.take(LOOK) {
            self.serve(batch);
        }
    }

    fn serve(&mut self, batch: Batch) {
        let Batch { mut events, mut chores } = batch;
        let mut outcome = self.commit(&events, &mut chores, 0);
        let mut is_done = outcome.is_ok();
        if !is_done && !chores.is_empty() {
            // What makes room must not fail with what needs it.
            let done = self.commit(&[], &mut chores, 0).map(drop).map_err(|error| passing(&error));
            for chore in chores.drain(..) {
                chore.answer(done.clone());
            }
            if !events.is_empty() {
                outcome = self.commit(&events, &mut [], 0);
                is_done = outcome.is_ok();
            }
        }
        if let Err(error) = &outcome
            && !is_done
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
            && self.options.when_full == Full::DropOldest
        {
            // The file can't grow: the oldest make room for as many again, and some more for the pages they share.
            let room = (events.len() as u64 * 2).max(16);
            outcome =
                self.commit(&[], &mut [], room).and_then(|_| self.commit(&events, &mut [], 0));
        }
        match outcome {
            Ok(receipts) => {
                // Crash point `spool`: committed, and nobody told.
                for (arrival, receipt) in events.drain(..).zip(receipts) {
                    let _ = arrival.reply.send(Ok(receipt)); // nobody waits for it then
                }
                for chore in chores {
                    chore.answer(Ok(()));
                }
            }
            Err(error) => {
                let failure = passing(&error);
                self.refuse(events, &error);
                for chore in chores {
                    chore.answer(Err(failure.clone()));
                }
            }
        }
    }

    /// Tells those whose events could not be stored.
    fn refuse(&self, events: Vec<Arrival>, error: &rusqlite::Error) {
        if events.is_empty() {
            return;
        }
        let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        add(&self.tally.failed, events.len() as u64);
        tracing::error!(
            target: "sockeye::relay",
            events = events.len(),
            %error,
            "what the server sent could not be stored; it was not acknowledged"
        );
        for arrival in events {
            let answer = match self.options.when_full {
                Full::Disconnect if is_full => Ok(Receipt::Disconnect),
                _ => Err(ReceiveError::Unstored { reason: error.to_string() }),
            };
            let _ = arrival.reply.send(answer); // nobody waits for it then
        }
    }

    /// Does all of it in one transaction; nothing has happened if it fails.
    fn commit(
        &mut self,
        events: &[Arrival],
        chores: &mut [Box<dyn Chore>],
        room: u64,
    ) -> rusqlite::Result<Vec<Receipt>> {
        let before = self.opened.page.clone();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.try_commit(events, chores, room)))
            .unwrap_or_else(|_| Err(rusqlite::Error::InvalidQuery));
        if outcome.is_err() {
            self.opened.page = before;
        }
        self.tally.records.store(self.opened.page.records, Ordering::Relaxed);
        self.tally.bytes.store(self.opened.page.bytes, Ordering::Relaxed);
        outcome
    }

    fn try_commit(
        &mut self,
        events: &[Arrival],
        chores: &mut [Box<dyn Chore>],
        room: u64,
    ) -> rusqlite::Result<Vec<Receipt>> {
        let Opened { connection, page, name, .. } = &mut self.opened;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ledger = Ledger::new(&transaction, page, &self.options, name);
        if room > 0 {
            ledger.drop_oldest(room)?;
        }
        let mut receipts = Vec::with_capacity(events.len());
        for event in events {
            receipts.push(ledger.store(&event.draft, event.event_id.as_deref())?);
        }
        for chore in chores {
            chore.run(&mut ledger)?;
        }
        ledger.sweep()?;
        let changes = ledger.changes;
        // Crash point `read`: taken from the socket, and not stored.
        transaction.commit()?;
        changes.count(&self.tally);
        let last = page.last;
        self.tail.send_if_modified(|tail| std::mem::replace(tail, last) != last);
        Ok(receipts)
    }
}

/// What a transaction has changed; counted once it is committed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) stored: u64,
    pub(super) known: u64,
    pub(super) gaps: u64,
    pub(super) dropped_oldest: u64,
    pub(super) dropped_newest: u64,
    pub(super) dropped_aged: u64,
    pub(super) dropped_dead: u64,
    pub(super) disconnects: u64,
    pub(super) lost: Vec<(Arc<str>, u64)>,
}

impl Changes {
    fn count(self, tally: &Tally) {
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
        if dropped + self.disconnects + self.dropped_dead > 0 {
            tracing::warn!(
                target: "sockeye::relay",
                dropped,
                refused = self.disconnects,
                dead = self.dropped_dead,
                sinks_behind = behind.join(", "),
                "the spool is full or what it holds too old; let its sinks catch up, or raise its bounds"
            );
        }
    }
}

impl Page {
    pub(super) fn lowest_cursor(&self) -> Option<u64> {
        self.sinks.iter().map(|(_, cursor)| *cursor).min()
    }
}
