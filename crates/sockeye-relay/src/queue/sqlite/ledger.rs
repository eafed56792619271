//! One transaction: what is done in it, and how much there is after it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};

use super::{Options, failure::Failure, options::Retention};

/// The states of a row of `task`.
pub(super) const READY: i64 = 0;
pub(super) const DELAYED: i64 = 1;
pub(super) const CLAIMED: i64 = 2;

/// How many pages (of 4 KiB) may lie unused, for the next rush.
const UNUSED_PAGES: i64 = 4096;

/// How much there is of each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    pub(super) ready: i64,
    pub(super) delayed: i64,
    pub(super) claimed: i64,
    pub(super) bytes: i64,
    pub(super) held: i64,
    pub(super) dead: i64,
    pub(super) dead_bytes: i64,
    pub(super) done: i64,
    pub(super) done_bytes: i64,
    pub(super) is_paused: bool,
}

impl Tally {
    /// Reads it.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached(
                "SELECT ready, delayed, claimed, bytes, held, dead, dead_bytes, done, done_bytes, is_paused FROM tally",
            )?
            .query_row([], |row| {
                Ok(Self {
                    ready: row.get(0)?,
                    delayed: row.get(1)?,
                    claimed: row.get(2)?,
                    bytes: row.get(3)?,
                    held: row.get(4)?,
                    dead: row.get(5)?,
                    dead_bytes: row.get(6)?,
                    done: row.get(7)?,
                    done_bytes: row.get(8)?,
                    is_paused: row.get(9)?,
                })
            })
    }

    fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE tally SET ready = ?, delayed = ?, claimed = ?, bytes = ?, held = ?, dead = ?, dead_bytes = ?, done = ?, done_bytes = ?, is_paused = ?",
            )?
            .execute((
                self.ready,
                self.delayed,
                self.claimed,
                self.bytes,
                self.held,
                self.dead,
                self.dead_bytes,
                self.done,
                self.done_bytes,
                self.is_paused,
            ))?;
        Ok(())
    }

    /// Tasks that wait or are claimed.
    pub(super) const fn queued(&self) -> i64 {
        self.ready + self.delayed + self.claimed
    }
}

/// What this instance is to the store.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Own {
    /// The number of its row; 0 before it has claimed, and once it is closed.
    pub(super) instance: u32,
    /// How many claims it has made. With it no two are alike, whatever was claimed.
    pub(super) stamp: u32,
    /// It claims nothing any more.
    pub(super) is_closed: bool,
}

/// What one job of a transaction may change besides the database, and takes back with it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Page {
    pub(super) tally: Tally,
    pub(super) own: Own,
    /// Whether there may be more to claim.
    pub(super) may_claim: bool,
}

/// A transaction under way.
pub(super) struct Ledger<'c> {
    connection: &'c Connection,
    pub(super) options: &'c Options,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) page: Page,
    found: Tally,
    /// Dead that were dropped because there were too many.
    pub(super) dropped: u64,
}

impl<'c> Ledger<'c> {
    /// Begins with what the file says.
    pub(super) fn open(
        connection: &'c Connection,
        options: &'c Options,
        own: Own,
    ) -> Result<Self, Failure> {
        let tally = Tally::read(connection)?;
        let page = Page { tally, own, may_claim: false };
        let now = millis(SystemTime::now());
        Ok(Self { connection, options, now, page, found: tally, dropped: 0 })
    }

    /// Keeps what is over within its bounds, and writes down how much there is.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        self.trim_done()?;
        self.trim_dead()?;
        if self.page.tally != self.found {
            self.page.tally.write(self.connection)?;
        }
        Ok(())
    }

    /// Drops what is older than it may become, a bounded piece at a time.
    pub(super) fn drop_old(&mut self) -> Result<(), Failure> {
        let until = |age: Duration| {
            self.now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
        };
        let (done_until, dead_until) = (until(self.options.done.age), until(self.options.dead.age));
        let dropped = self.all(
            "DELETE FROM done WHERE seq IN (SELECT seq FROM done ORDER BY seq LIMIT 10000) AND at <= ? RETURNING coalesce(length(result), 0)",
            [done_until],
            |row| row.get::<_, i64>(0),
        )?;
        self.page.tally.done -= dropped.len() as i64;
        self.page.tally.done_bytes -= dropped.iter().sum::<i64>();
        self.drop_dead(false, dead_until, 10_000)?;
        self.shrink()
    }

    /// Gives some of the file back to the file system, if much of it is unused.
    fn shrink(&self) -> Result<(), Failure> {
        let unused: i64 =
            self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        if unused > UNUSED_PAGES {
            self.connection.execute_batch("PRAGMA incremental_vacuum(1024)")?;
        }
        Ok(())
    }

    /// The connection that it is on.
    pub(super) const fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// A statement, compiled once.
    pub(super) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
        self.connection.prepare_cached(sql)
    }

    /// Runs a statement; how many rows it has changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.statement(sql)?.execute(params)
    }

    /// The first row, if there is one.
    pub(super) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.statement(sql)?.query_row(params, read).optional()
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.statement(sql)?.query_map(params, read)?.collect()
    }

    /// The row that was put last.
    pub(super) fn last_row(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    fn trim_done(&mut self) -> Result<(), Failure> {
        let keep = self.options.done;
        while let Some(count) = excess(keep, self.page.tally.done, self.page.tally.done_bytes) {
            let dropped = self.all(
                "DELETE FROM done WHERE seq IN (SELECT seq FROM done ORDER BY seq LIMIT ?) RETURNING coalesce(length(result), 0)",
                [count],
                |row| row.get::<_, i64>(0),
            )?;
            if dropped.is_empty() {
                break;
            }
            self.page.tally.done -= dropped.len() as i64;
            self.page.tally.done_bytes -= dropped.iter().sum::<i64>();
        }
        Ok(())
    }

    fn trim_dead(&mut self) -> Result<(), Failure> {
        let keep = self.options.dead;
        loop {
            let tally = self.page.tally;
            let Some(count) = excess(keep, tally.dead + tally.held, tally.dead_bytes) else {
                return Ok(());
            };
            // Who is held waits for somebody: only once there are no dead left to drop.
            let is_held = tally.dead == 0;
            let dropped = self.drop_dead(is_held, i64::MAX, count)?;
            if dropped == 0 {
                return Ok(());
            }
            self.dropped += dropped;
        }
    }

    /// Drops the oldest dead (or held) from before `until`; how many there were.
    pub(super) fn drop_dead(
        &mut self,
        is_held: bool,
        until: i64,
        count: i64,
    ) -> Result<u64, Failure> {
        let dropped = self.all(
            "DELETE FROM dead WHERE seq IN (SELECT seq FROM dead WHERE is_held = ?1 ORDER BY seq LIMIT ?3) AND at < ?2 RETURNING length(body)",
            (is_held, until, count),
            |row| row.get::<_, i64>(0),
        )?;
        let tally = &mut self.page.tally;
        *(if is_held { &mut tally.held } else { &mut tally.dead }) -= dropped.len() as i64;
        tally.dead_bytes -= dropped.iter().sum::<i64>();
        Ok(dropped.len() as u64)
    }
}

/// How many to drop at a time, if there are too many or too much.
fn excess(keep: Retention, count: i64, bytes: i64) -> Option<i64> {
    let over = count.saturating_sub_unsigned(keep.count);
    (over > 0 || bytes > 0 && bytes as u64 > keep.bytes).then(|| over.clamp(1, 10_000))
}

/// Milliseconds since 1970; before it 0.
pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The first millisecond that is not before `time`.
pub(super) fn millis_up(time: SystemTime) -> i64 {
    millis(time + Duration::from_nanos(999_999))
}

/// The time that [`millis`] wrote.
pub(super) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.max(0).unsigned_abs())
}
