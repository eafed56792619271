//! The thread that writes: whatever waits for it at once shares one commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{ErrorCode, TransactionBehavior};
use tokio::sync::watch;

use super::{
    super::{Full, Receipt, ReceiveError, SpoolOptions},
    SpoolError, Tally, add,
    inbox::{Arrival, Batch, Chore, Inbox},
    ledger::Ledger,
    open::{Opened, passing},
};
use crate::{
    alarm::Alarms,
    crash::{self, Stage},
};

/// How often it looks for what has become too old.
const LOOK: Duration = Duration::from_secs(1);

/// What is told again and again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Alarm {
    Unstored,
    Dropped,
}

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
    let desk = Desk { opened, options, tally, tail, alarms: Alarms::default(), looked_at: None };
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
    alarms: Alarms<Alarm>,
    /// When it last looked at what others may have written into the file.
    looked_at: Option<Instant>,
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
                if !events.is_empty() {
                    crash::point(Stage::Spooled);
                }
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
    fn refuse(&mut self, events: Vec<Arrival>, error: &rusqlite::Error) {
        if events.is_empty() {
            return;
        }
        let is_full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        add(&self.tally.failed, events.len() as u64);
        if let Some(more) = self.alarms.raise(Instant::now(), Alarm::Unstored) {
            tracing::error!(
                target: "sockeye::relay",
                "what the server sent can't be stored, and is not acknowledged: {error}{more}"
            );
        }
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
        let looks = self.looked_at.is_none_or(|at| at.elapsed() >= LOOK);
        if looks {
            ledger.revive()?;
        }
        ledger.sweep()?;
        let counts_dead = looks || ledger.changes.laid_dead > 0;
        let dead = counts_dead.then(|| ledger.dead_by_sink()).transpose()?;
        let changes = ledger.changes;
        if !events.is_empty() {
            crash::point(Stage::Received);
        }
        transaction.commit()?;
        if let Some(dropped) = changes.count(&self.tally)
            && let Some(more) = self.alarms.raise(Instant::now(), Alarm::Dropped)
        {
            tracing::warn!(
                target: "sockeye::relay",
                "the spool is full, or what it holds too old: {dropped}; let its sinks catch up, or raise its bounds{more}"
            );
        }
        if looks {
            self.looked_at = Some(Instant::now());
        }
        if let Some(dead) = dead {
            *self.tally.dead.lock() = dead;
        }
        let last = page.last;
        self.tail.send_if_modified(|tail| std::mem::replace(tail, last) != last);
        Ok(receipts)
    }
}
