//! Tasks are put: all of a call, or none.

use std::sync::Arc;

use super::{
    failure::Failure,
    ledger::{DELAYED, Ledger, READY, millis_up},
};
use crate::queue::{Accepted, NewTask};

/// Puts tasks.
pub(super) fn put(ledger: &mut Ledger<'_>, tasks: Vec<NewTask>) -> Result<Vec<Accepted>, Failure> {
    tasks.into_iter().map(|task| put_one(ledger, task)).collect()
}

fn put_one(ledger: &mut Ledger<'_>, task: NewTask) -> Result<Accepted, Failure> {
    let id = match task.id {
        Some(id) if is_known(ledger, &id)? => return Ok(Accepted::Known(id)),
        Some(id) => id,
        None => Arc::from(uuid::Uuid::now_v7().to_string()),
    };
    let due = task.not_before.map_or(0, millis_up);
    insert(
        ledger,
        &Row { id: &id, key: task.key.as_deref(), due, queued_at: ledger.now, body: &task.body },
    )?;
    Ok(Accepted::Queued(id))
}

/// A task to insert.
pub(super) struct Row<'r> {
    pub(super) id: &'r str,
    pub(super) key: Option<&'r str>,
    pub(super) due: i64,
    pub(super) queued_at: i64,
    pub(super) body: &'r [u8],
}

/// Inserts a task at the end, within the bounds.
pub(super) fn insert(ledger: &mut Ledger<'_>, row: &Row<'_>) -> Result<(), Failure> {
    let tally = ledger.page.tally;
    let bytes = tally.bytes + row.body.len() as i64;
    full(tally.queued() + 1, tally.queued(), ledger.options.max_tasks)?;
    full(bytes, tally.bytes, ledger.options.max_bytes)?;

    let is_ready = row.due <= ledger.now;
    let state = if is_ready { READY } else { DELAYED };
    let lane = row.key.map_or(Ok(0), |key| lane_of(ledger, key))?;
    ledger.execute(
        "INSERT INTO task (id, lane, state, due, attempts, deliveries, owner, stamp, queued_at, body) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?, ?)",
        (row.id, lane, state, row.due, row.queued_at, row.body),
    )?;
    if lane != 0 {
        let head = is_ready.then(|| ledger.last_row());
        ledger.execute(
            "UPDATE lane SET tasks = tasks + 1, head = coalesce(head, ?) WHERE id = ?",
            (head, lane),
        )?;
    }

    let tally = &mut ledger.page.tally;
    *(if is_ready { &mut tally.ready } else { &mut tally.delayed }) += 1;
    tally.bytes = bytes;
    // Whoever waits also has to learn of a time that is sooner than the one it waits for.
    ledger.page.may_claim = true;
    Ok(())
}

/// The lane of a key; it is made if there is none.
fn lane_of(ledger: &Ledger<'_>, key: &str) -> Result<i64, Failure> {
    let sql = "SELECT id FROM lane WHERE key = ?";
    if let Some(lane) = ledger.first(sql, [key], |row| row.get(0))? {
        return Ok(lane);
    }
    let sql = "INSERT INTO lane (key, owner, claimed, tasks, head) VALUES (?, 0, 0, 0, NULL)";
    ledger.execute(sql, [key])?;
    Ok(ledger.last_row())
}

fn full(would_be: i64, held: i64, bound: u64) -> Result<(), Failure> {
    let (would_be, held) = (would_be.max(0).unsigned_abs(), held.max(0).unsigned_abs());
    if would_be > bound { Err(Failure::Full { held, bound }) } else { Ok(()) }
}

/// Whether one of this id waits, is held, or was done not long ago. One that is dead makes room for the new one.
fn is_known(ledger: &mut Ledger<'_>, id: &str) -> Result<bool, Failure> {
    if ledger.first("SELECT 1 FROM task WHERE id = ?", [id], |_| Ok(()))?.is_some() {
        return Ok(true);
    }
    let tally = ledger.page.tally;
    if tally.held + tally.dead > 0 {
        let sql = "SELECT 1 FROM dead WHERE id = ? AND is_held = 1";
        if ledger.first(sql, [id], |_| Ok(()))?.is_some() {
            return Ok(true);
        }
        let sql = "DELETE FROM dead WHERE id = ? RETURNING length(body)";
        if let Some(bytes) = ledger.first(sql, [id], |row| row.get::<_, i64>(0))? {
            ledger.page.tally.dead -= 1;
            ledger.page.tally.dead_bytes -= bytes;
        }
    }
    if tally.done == 0 {
        return Ok(false);
    }
    let Some(at) = ledger.first("SELECT at FROM done WHERE id = ?", [id], |row| row.get(0))? else {
        return Ok(false);
    };
    if is_within(ledger, at) {
        return Ok(true);
    }
    forget_done(ledger, id)?;
    Ok(false)
}

/// Whether what was done then is still remembered.
fn is_within(ledger: &Ledger<'_>, at: i64) -> bool {
    let age = i64::try_from(ledger.options.done.age.as_millis()).unwrap_or(i64::MAX);
    at > ledger.now.saturating_sub(age)
}

/// Forgets that a task was done.
pub(super) fn forget_done(ledger: &mut Ledger<'_>, id: &str) -> Result<(), Failure> {
    let sql = "DELETE FROM done WHERE id = ? RETURNING coalesce(length(result), 0)";
    if let Some(bytes) = ledger.first(sql, [id], |row| row.get::<_, i64>(0))? {
        ledger.page.tally.done -= 1;
        ledger.page.tally.done_bytes -= bytes;
    }
    Ok(())
}
