//! Who else claims from this file, and who of them has died.
//!
//! An instance is dead when nobody holds the lock on its file, which the system lets go with its process; or when its beat
//! has stood still for its lease, measured by the watcher's own monotonic clock, which is how one that is stopped or hangs is
//! found. No wall clock is asked, so that setting it changes nothing.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{failure::Failure, ledger::Ledger};

/// How often others are looked at, at most.
const LOOKS: Duration = Duration::from_millis(100);

/// Another instance, as it was last seen.
#[derive(Debug)]
struct Watched {
    name: String,
    beat: i64,
    /// For how long its beat has stood still.
    silent: Duration,
}

/// This instance's name and lock, and what it knows of others.
#[derive(Debug)]
pub(super) struct Neighbours {
    database: PathBuf,
    name: String,
    lock: Option<File>,
    watched: HashMap<i64, Watched>,
    looked_at: Option<Instant>,
    /// Who was found dead, with its last beat.
    dead: Vec<(i64, i64)>,
}

impl Neighbours {
    /// Knows nobody yet.
    pub(super) fn new(database: PathBuf) -> Self {
        let name = uuid::Uuid::now_v7().simple().to_string();
        let neighbours = Self {
            database,
            name,
            lock: None,
            watched: HashMap::new(),
            looked_at: None,
            dead: Vec::new(),
        };
        neighbours.clear_away();
        neighbours
    }

    /// Enters this instance among those that claim.
    pub(super) fn enrol(&mut self, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        if self.lock.is_none() {
            // Without a file its lease alone says that it lives.
            self.lock = hold(&self.file_of(&self.name));
        }
        let lease = i64::try_from(ledger.options.lease.as_millis()).unwrap_or(i64::MAX);
        ledger.execute(
            "INSERT INTO instance (name, beat, lease) VALUES (?, 0, ?)",
            (&self.name, lease),
        )?;
        let number = u32::try_from(ledger.last_row());
        ledger.page.own.instance = number.map_err(|_| {
            Failure::Lasting("it has had more instances than it can number".to_owned())
        })?;
        Ok(())
    }

    /// Looks at the others, if that was not done just now; whether one of them has died.
    pub(super) fn look(&mut self, connection: &Connection, own: u32) -> Result<bool, Failure> {
        let now = Instant::now();
        let since = self.looked_at.map_or(Duration::ZERO, |at| now - at);
        if self.looked_at.is_some() && since < LOOKS {
            return Ok(!self.dead.is_empty());
        }
        self.looked_at = Some(now);
        self.dead.clear();

        let mut statement = connection
            .prepare_cached("SELECT id, name, beat, lease FROM instance WHERE id <> ?")?;
        let mut rows = statement.query([own])?;
        let mut before = std::mem::take(&mut self.watched);
        while let Some(row) = rows.next()? {
            let (id, name, beat, lease): (i64, String, i64, i64) = row.try_into()?;
            let lease = Duration::from_millis(lease.max(0).unsigned_abs());
            let silent = match before.remove(&id) {
                // Who was stopped itself has not been watching: a long time between two looks counts for little.
                Some(known) if known.beat == beat => known.silent + since.min(lease / 4),
                _ => Duration::ZERO,
            };
            if silent >= lease || is_let_go(&self.file_of(&name)) {
                self.dead.push((id, beat));
            }
            self.watched.insert(id, Watched { name, beat, silent });
        }
        for gone in before.values() {
            remove_if_let_go(&self.file_of(&gone.name));
        }
        Ok(!self.dead.is_empty())
    }

    /// Gives back what those had who were found dead, in its order.
    pub(super) fn give_back_of_dead(&mut self, ledger: &mut Ledger<'_>) -> Result<(), Failure> {
        for (id, beat) in std::mem::take(&mut self.dead) {
            let is_so =
                ledger.execute("DELETE FROM instance WHERE id = ? AND beat = ?", (id, beat))?;
            if is_so == 1 {
                give_back(ledger, id, 0)?;
            }
        }
        Ok(())
    }

    /// Lets go of this instance's lock: it has nothing any more.
    pub(super) fn leave(&mut self) {
        if self.lock.take().is_some() {
            // Whoever finds the file later removes it.
            let _ = fs::remove_file(self.file_of(&self.name));
        }
    }

    fn file_of(&self, name: &str) -> PathBuf {
        let mut path = self.database.clone().into_os_string();
        path.push("-instance-");
        path.push(name);
        path.into()
    }

    /// Removes the files of instances that are gone from the table and the system.
    fn clear_away(&self) {
        let prefix = self.file_of("");
        let (Some(directory), Some(prefix)) = (prefix.parent(), prefix.file_name()) else { return };
        let Ok(entries) = fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) {
                let old = entry.metadata().and_then(|found| found.modified());
                let age = old.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
                // Long enough that nobody waits for it to be found let go: those in the table are found by their lease, too.
                if age > Duration::from_secs(24 * 3600) {
                    remove_if_let_go(&entry.path());
                }
            }
        }
    }
}

/// Gives back all that an instance has claimed; `peaceful` is 1 if that is to be no delivery.
pub(super) fn give_back(
    ledger: &mut Ledger<'_>,
    instance: i64,
    peaceful: i64,
) -> Result<(), Failure> {
    let count = ledger.execute(
        "UPDATE task SET state = 0, owner = 0, deliveries = deliveries - ?2 WHERE state = 2 AND owner = ?1",
        (instance, peaceful),
    )? as i64;
    ledger.execute(
        "UPDATE lane SET owner = 0, claimed = 0, head = (SELECT min(seq) FROM task WHERE state = 0 AND lane = lane.id) WHERE owner = ?",
        [instance],
    )?;
    ledger.page.tally.claimed -= count;
    ledger.page.tally.ready += count;
    ledger.page.may_claim = true;
    Ok(())
}

/// Makes a file and locks it.
fn hold(path: &Path) -> Option<File> {
    for _ in 0..3 {
        let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
        // Somebody who clears away may have taken it in between, before it was locked.
        if file.try_lock().is_ok() && path.exists() {
            return Some(file);
        }
    }
    None
}

/// Whether nobody holds the lock on a file that is there.
fn is_let_go(path: &Path) -> bool {
    let Ok(file) = File::options().write(true).open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        // Locks that the file system does not have say nothing.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

fn remove_if_let_go(path: &Path) {
    if is_let_go(path) {
        let _ = fs::remove_file(path);
    }
}
