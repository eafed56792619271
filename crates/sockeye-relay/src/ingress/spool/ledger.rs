//! The rows of a spool, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{
    super::{
        Full, Receipt, SpoolOptions,
        record::{Draft, Record},
    },
    Dead,
    changes::Changes,
    now_ms,
};

/// Gaps that are stored past the bound: they are what tells consumers that something is missing.
const MAX_GAPS_PAST_BOUND: u64 = 1_000;
/// How many rows that everybody has had are deleted in one transaction.
const SWEEP: u64 = 4_096;
/// How many of the dead are put back in one transaction.
const REVIVED: i64 = 64;

/// What is known of the rows without asking the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// The number of the last record.
    pub(super) last: u64,
    /// The sinks that are served, and their cursors.
    pub(super) sinks: Vec<(Arc<str>, u64)>,
}

impl Page {
    fn lowest_cursor(&self) -> Option<u64> {
        self.sinks.iter().map(|(_, cursor)| *cursor).min()
    }
}

pub(super) struct Ledger<'t> {
    transaction: &'t Transaction<'t>,
    page: &'t mut Page,
    options: &'t SpoolOptions,
    name: &'t str,
    pub(super) changes: Changes,
}

impl<'t> Ledger<'t> {
    pub(super) fn new(
        transaction: &'t Transaction<'t>,
        page: &'t mut Page,
        options: &'t SpoolOptions,
        name: &'t str,
    ) -> Self {
        Self { transaction, page, options, name, changes: Changes::default() }
    }

    /// Stores what was received, if there is room.
    pub(super) fn store(&mut self, draft: &Draft, id: Option<&str>) -> rusqlite::Result<Receipt> {
        if let Some(id) = id
            && self.transaction.prepare_cached("SELECT 1 FROM known WHERE id = ?")?.exists([id])?
        {
            self.changes.known += 1;
            return Ok(Receipt::Known);
        }
        let is_gap = draft.event.is_none();
        let bytes = draft.bytes();
        if let Some(turned_away) = self.make_room(bytes, is_gap)? {
            return Ok(turned_away);
        }
        let seq = self.insert(draft, None)?;
        if let Some((target, at)) = &draft.ends {
            self.found(target, *at)?;
        }
        if let Some(id) = id {
            self.remember(id)?;
        }
        let counter = if is_gap { &mut self.changes.gaps } else { &mut self.changes.stored };
        *counter += 1;
        Ok(Receipt::Stored { seq })
    }

    fn insert(&mut self, draft: &Draft, only_for: Option<&str>) -> rusqlite::Result<u64> {
        let bytes = draft.bytes();
        self.transaction
            .prepare_cached(
                "INSERT INTO spool (at, kind, nsp, event, bytes, record, only_for) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                draft.at_ms.cast_signed(),
                i64::from(draft.event.is_none()),
                &*draft.namespace,
                draft.event.as_deref().unwrap_or_default(),
                bytes.cast_signed(),
                draft.text,
                only_for,
            ])?;
        let seq = self.transaction.last_insert_rowid().cast_unsigned();
        self.page.records += 1;
        self.page.bytes += bytes;
        self.page.last = seq;
        Ok(seq)
    }

    /// Notes that a target is joined, if nothing is known of it: it can be lost from now on.
    pub(super) fn joined(&self, target: &str) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("INSERT INTO target (name) VALUES (?) ON CONFLICT DO NOTHING")?
            .execute([target])?;
        Ok(())
    }

    /// Notes when a target was lost, unless it was before and no gap has told of that, or a later gap has told of this.
    pub(super) fn lost(&self, target: &str, at_ms: u64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "INSERT INTO target (name, lost_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE
                 SET lost_at = coalesce(lost_at, excluded.lost_at) WHERE excluded.lost_at > told_until",
            )?
            .execute(params![target, at_ms.cast_signed()])?;
        Ok(())
    }

    /// Notes that a gap which ended then is stored.
    fn found(&self, target: &str, at_ms: u64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached(
                "INSERT INTO target (name, told_until) VALUES (?1, ?2) ON CONFLICT DO UPDATE
                 SET lost_at = NULL, told_until = excluded.told_until",
            )?
            .execute(params![target, at_ms.cast_signed()])?;
        Ok(())
    }

    fn remember(&self, id: &str) -> rusqlite::Result<()> {
        self.transaction.prepare_cached("INSERT INTO known (id) VALUES (?)")?.execute([id])?;
        let oldest = self.transaction.last_insert_rowid() - self.options.max_known.cast_signed();
        self.transaction.prepare_cached("DELETE FROM known WHERE seq <= ?")?.execute([oldest])?;
        Ok(())
    }

    /// Makes room for so many bytes, or says what becomes of them.
    fn make_room(&mut self, bytes: u64, is_gap: bool) -> rusqlite::Result<Option<Receipt>> {
        let SpoolOptions { max_records, max_bytes, when_full, .. } = *self.options;
        let has_room = |page: &Page| {
            page.records < max_records && page.bytes.saturating_add(bytes) <= max_bytes
        };
        if has_room(self.page) {
            return Ok(None);
        }
        self.sweep_had()?;
        // One that would not fit into an empty spool does not empty it.
        if when_full == Full::DropOldest && bytes <= max_bytes {
            while !has_room(self.page) && self.drop_oldest(1)? > 0 {}
        }
        if has_room(self.page) || (is_gap && self.page.records < max_records + MAX_GAPS_PAST_BOUND)
        {
            return Ok(None);
        }
        if when_full == Full::Disconnect {
            self.changes.disconnects += 1;
            return Ok(Some(Receipt::Disconnect));
        }
        self.changes.dropped_newest += 1;
        Ok(Some(Receipt::Dropped))
    }

    /// Drops so many of the oldest, whoever has not had them; says how many there were.
    pub(super) fn drop_oldest(&mut self, count: u64) -> rusqlite::Result<u64> {
        let mut statement =
            self.transaction.prepare_cached("SELECT seq, bytes FROM spool ORDER BY seq LIMIT ?")?;
        let rows: Vec<(i64, i64)> = statement
            .query_map([count.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (seq, bytes) in &rows {
            self.lose(*seq, *bytes)?;
            self.changes.dropped_oldest += 1;
        }
        Ok(rows.len() as u64)
    }

    /// Deletes a row, and tells which sinks have not had it.
    fn lose(&mut self, seq: i64, bytes: i64) -> rusqlite::Result<()> {
        self.transaction.prepare_cached("DELETE FROM spool WHERE seq = ?")?.execute([seq])?;
        self.page.records = self.page.records.saturating_sub(1);
        self.page.bytes = self.page.bytes.saturating_sub(bytes.cast_unsigned());
        for (sink, cursor) in &self.page.sinks {
            if *cursor < seq.cast_unsigned() {
                match self.changes.lost.iter_mut().find(|(name, _)| name == sink) {
                    Some((_, count)) => *count += 1,
                    None => self.changes.lost.push((sink.clone(), 1)),
                }
            }
        }
        Ok(())
    }

    /// Deletes what every sink has had, and what is too old.
    pub(super) fn sweep(&mut self) -> rusqlite::Result<()> {
        self.sweep_had()?;
        let Some(age) = self.options.max_age else { return Ok(()) };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let before = now_ms().saturating_sub(age).cast_signed();
        let mut statement = self.transaction.prepare_cached(
            "SELECT seq, bytes FROM (SELECT seq, at, bytes FROM spool ORDER BY seq LIMIT ?) WHERE at < ?",
        )?;
        let rows: Vec<(i64, i64)> = statement
            .query_map([SWEEP.cast_signed(), before], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (seq, bytes) in rows {
            self.lose(seq, bytes)?;
            self.changes.dropped_aged += 1;
        }
        Ok(())
    }

    fn sweep_had(&mut self) -> rusqlite::Result<()> {
        let Some(lowest) = self.page.lowest_cursor() else { return Ok(()) };
        let mut statement = self.transaction.prepare_cached(
            "DELETE FROM spool WHERE seq IN (SELECT seq FROM spool WHERE seq <= ? ORDER BY seq LIMIT ?) RETURNING bytes",
        )?;
        let deleted: Vec<i64> = statement
            .query_map([lowest.cast_signed(), SWEEP.cast_signed()], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        self.page.records = self.page.records.saturating_sub(deleted.len() as u64);
        let bytes: i64 = deleted.iter().sum();
        self.page.bytes = self.page.bytes.saturating_sub(bytes.cast_unsigned());
        Ok(())
    }

    pub(super) fn register(&mut self, names: &[Arc<str>]) -> rusqlite::Result<Vec<u64>> {
        let first: Option<i64> =
            self.transaction.query_row("SELECT min(seq) FROM spool", [], |row| row.get(0))?;
        let begin = first.map_or_else(|| self.page.last.cast_signed(), |first| first - 1);
        let mut known = self.transaction.prepare_cached("SELECT name FROM sink")?;
        let known: Vec<String> =
            known.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for gone in known.iter().filter(|known| !names.iter().any(|name| **name == ***known)) {
            self.transaction.execute("DELETE FROM sink WHERE name = ?", [gone])?;
            tracing::warn!(
                target: "sockeye::relay",
                sink = %gone,
                "a sink that the spool kept records for is not configured any more; nothing is kept for it"
            );
        }
        self.page.sinks.clear();
        for name in names {
            self.transaction.execute(
                "INSERT INTO sink (name, cursor) VALUES (?, ?) ON CONFLICT DO NOTHING",
                params![&**name, begin],
            )?;
            let cursor: i64 = self.transaction.query_row(
                "SELECT cursor FROM sink WHERE name = ?",
                [&**name],
                |row| row.get(0),
            )?;
            self.page.sinks.push((name.clone(), cursor.cast_unsigned()));
        }
        Ok(self.page.sinks.iter().map(|(_, cursor)| *cursor).collect())
    }

    pub(super) fn read(
        &self,
        sink: &str,
        after: u64,
        count: usize,
        bytes: u64,
    ) -> rusqlite::Result<Vec<Record>> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT seq, at, kind, nsp, event, record FROM spool
             WHERE seq > ? AND (only_for IS NULL OR only_for = ?) ORDER BY seq LIMIT ?",
        )?;
        let mut rows = statement.query(params![after.cast_signed(), sink, count as i64])?;
        let (mut records, mut total) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let text: String = row.get(5)?;
            total += text.len() as u64;
            if total > bytes && !records.is_empty() {
                break;
            }
            let is_gap = row.get::<_, i64>(2)? == 1;
            let event: String = row.get(4)?;
            let draft = Draft {
                at_ms: row.get::<_, i64>(1)?.cast_unsigned(),
                namespace: row.get::<_, String>(3)?.into(),
                event: (!is_gap).then(|| event.into()),
                ends: None,
                text,
            };
            records.push(Record::new(self.name, row.get::<_, i64>(0)?.cast_unsigned(), draft));
        }
        Ok(records)
    }

    pub(super) fn advance(&mut self, sink: &Arc<str>, to: u64) -> rusqlite::Result<()> {
        self.transaction
            .prepare_cached("UPDATE sink SET cursor = max(cursor, ?) WHERE name = ?")?
            .execute(params![to.cast_signed(), &**sink])?;
        if let Some((_, cursor)) = self.page.sinks.iter_mut().find(|(name, _)| name == sink) {
            *cursor = to.max(*cursor);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, sink: &Arc<str>) {
        self.page.sinks.retain(|(name, _)| name != sink);
    }

    pub(super) fn lay_dead(
        &mut self,
        sink: &str,
        record: &Record,
        reason: &str,
    ) -> rusqlite::Result<()> {
        let line = String::from_utf8_lossy(&record.line);
        self.transaction
            .prepare_cached(
                "INSERT INTO dead (seq, sink, at, reason, record) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                record.seq.cast_signed(),
                sink,
                now_ms().cast_signed(),
                reason,
                line
            ])?;
        let dropped = self
            .transaction
            .prepare_cached(
                "DELETE FROM dead WHERE number IN (SELECT number FROM dead ORDER BY number DESC LIMIT -1 OFFSET ?)",
            )?
            .execute([self.options.max_dead.cast_signed()])?;
        self.changes.laid_dead += 1;
        self.changes.dropped_dead += dropped as u64;
        Ok(())
    }

    /// How many dead each sink has.
    pub(super) fn dead_by_sink(&self) -> rusqlite::Result<BTreeMap<String, u64>> {
        self.transaction
            .prepare_cached("SELECT sink, count(*) FROM dead GROUP BY sink")?
            .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?
            .collect()
    }

    /// Puts the dead that somebody wants tried again behind what waits, each for its sink alone, as far as there is room.
    pub(super) fn revive(&mut self) -> rusqlite::Result<()> {
        let rows: Vec<(i64, String, String)> = self
            .transaction
            .prepare_cached(
                "SELECT number, sink, record FROM dead WHERE retried = 1 ORDER BY number LIMIT ?",
            )?
            .query_map([REVIVED], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (number, sink, record) in rows {
            let Some(draft) = Draft::of_line(&record, now_ms()) else { continue };
            let bytes = draft.bytes();
            let has_room = self.page.records < self.options.max_records
                && self.page.bytes.saturating_add(bytes) <= self.options.max_bytes;
            if !has_room || !self.page.sinks.iter().any(|(name, _)| **name == *sink) {
                continue;
            }
            self.insert(&draft, Some(&sink))?;
            self.transaction
                .prepare_cached("DELETE FROM dead WHERE number = ?")?
                .execute([number])?;
        }
        Ok(())
    }

    pub(super) fn last(&self) -> u64 {
        self.page.last
    }
}

/// The dead of a file, oldest first.
pub(super) fn dead(
    connection: &Connection,
    skip: usize,
    count: usize,
) -> rusqlite::Result<Vec<Dead>> {
    connection
        .prepare_cached(
            "SELECT number, sink, at, reason, record, retried FROM dead ORDER BY number LIMIT ? OFFSET ?",
        )?
        .query_map(params![count as i64, skip as i64], |row| {
            Ok(Dead {
                number: row.get::<_, i64>(0)?.cast_unsigned(),
                sink: row.get(1)?,
                at_ms: row.get::<_, i64>(2)?.cast_unsigned(),
                reason: row.get(3)?,
                line: row.get(4)?,
                is_retried: row.get(5)?,
            })
        })?
        .collect()
}

/// What the file says of itself.
pub(super) fn page(connection: &Connection) -> rusqlite::Result<Page> {
    let (records, bytes): (i64, i64) =
        connection.query_row("SELECT count(*), coalesce(sum(bytes), 0) FROM spool", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let last: Option<i64> = connection
        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'spool'", [], |row| row.get(0))
        .optional()?;
    Ok(Page {
        records: records.cast_unsigned(),
        bytes: bytes.cast_unsigned(),
        last: last.unwrap_or_default().cast_unsigned(),
        sinks: Vec::new(),
    })
}
