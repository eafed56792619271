//! Claims are settled, if they still are this instance's.

use super::{
    claiming::parts_of,
    failure::Failure,
    ledger::{Ledger, millis_up},
    putting::forget_done,
};
use crate::queue::{Epitaph, Settled, Settlement, Verdict};

/// Settles claims in their order.
pub(super) fn settle(
    ledger: &mut Ledger<'_>,
    settlements: Vec<Settlement>,
) -> Result<Vec<Settled>, Failure> {
    settlements.iter().map(|one| settle_one(ledger, one)).collect()
}

/// What is known of a claimed task.
struct Row {
    seq: i64,
    id: String,
    lane: i64,
    bytes: i64,
}

fn settle_one(ledger: &mut Ledger<'_>, settlement: &Settlement) -> Result<Settled, Failure> {
    let (instance, stamp, seq) = parts_of(settlement.claim);
    if instance != ledger.page.own.instance {
        return Ok(Settled::Fenced);
    }
    let found = ledger.first(
        "SELECT id, lane, length(body) FROM task WHERE seq = ? AND state = 2 AND owner = ? AND stamp = ?",
        (seq, instance, stamp),
        |row| Ok(Row { seq, id: row.get(0)?, lane: row.get(1)?, bytes: row.get(2)? }),
    )?;
    let Some(row) = found else { return Ok(Settled::Fenced) };

    match &settlement.verdict {
        Verdict::Done { result, reply_to } => {
            remove(ledger, &row)?;
            remember(ledger, &row.id, result.as_deref(), reply_to.as_deref())?;
            // The id that its body says, if who put it did not.
            if let Some(id) = settlement.id.as_deref().filter(|&id| id != row.id) {
                remember(ledger, id, result.as_deref(), reply_to.as_deref())?;
            }
        }
        Verdict::Duplicate => remove(ledger, &row)?,
        Verdict::Tried { attempts } => {
            ledger.execute("UPDATE task SET attempts = ? WHERE seq = ?", (attempts, seq))?;
        }
        Verdict::Later { due, attempts } => {
            ledger.execute(
                "UPDATE task SET state = 1, owner = 0, due = ?, attempts = ?, deliveries = deliveries - 1 WHERE seq = ?",
                (millis_up(*due), attempts, seq),
            )?;
            let_go(ledger, row.lane, None)?;
            ledger.page.tally.claimed -= 1;
            ledger.page.tally.delayed += 1;
            ledger.page.may_claim = true;
        }
        Verdict::Release => {
            // It keeps its place, and all that was not claimed is after it.
            ledger.execute(
                "UPDATE task SET state = 0, owner = 0, deliveries = deliveries - 1 WHERE seq = ?",
                [seq],
            )?;
            let_go(ledger, row.lane, Some(seq))?;
            ledger.page.tally.claimed -= 1;
            ledger.page.tally.ready += 1;
            ledger.page.may_claim = true;
        }
        Verdict::Held(epitaph) => lay(ledger, &row, true, epitaph)?,
        Verdict::Dead(epitaph) => lay(ledger, &row, false, epitaph)?,
    }
    Ok(Settled::Stored)
}

/// Takes a claimed task out.
fn remove(ledger: &mut Ledger<'_>, row: &Row) -> Result<(), Failure> {
    ledger.execute("DELETE FROM task WHERE seq = ?", [row.seq])?;
    ledger.page.tally.claimed -= 1;
    ledger.page.tally.bytes -= row.bytes;
    if row.lane == 0 {
        return Ok(());
    }
    ledger.execute(
        "UPDATE lane SET owner = CASE WHEN claimed > 1 THEN owner ELSE 0 END, claimed = claimed - 1, tasks = tasks - 1 WHERE id = ?",
        [row.lane],
    )?;
    close_lane(ledger, row.lane)
}

/// A task is no longer claimed; with the last one its lane is free. `head` is the task, if it is ready again.
fn let_go(ledger: &mut Ledger<'_>, lane: i64, head: Option<i64>) -> Result<(), Failure> {
    if lane != 0 {
        ledger.execute(
            "UPDATE lane SET owner = CASE WHEN claimed > 1 THEN owner ELSE 0 END, claimed = claimed - 1, head = CASE WHEN head < ?2 OR ?2 IS NULL THEN head ELSE ?2 END WHERE id = ?1",
            (lane, head),
        )?;
    }
    Ok(())
}

/// A task of a lane that was not claimed is gone; with the last one the lane is, too.
pub(super) fn leave_lane(ledger: &mut Ledger<'_>, lane: i64) -> Result<(), Failure> {
    ledger.execute("UPDATE lane SET tasks = tasks - 1 WHERE id = ?", [lane])?;
    close_lane(ledger, lane)
}

fn close_lane(ledger: &Ledger<'_>, lane: i64) -> Result<(), Failure> {
    ledger.execute("DELETE FROM lane WHERE id = ? AND tasks = 0", [lane])?;
    Ok(())
}

/// Remembers that a task is done.
fn remember(
    ledger: &mut Ledger<'_>,
    id: &str,
    result: Option<&[u8]>,
    reply_to: Option<&str>,
) -> Result<(), Failure> {
    let sql = "INSERT OR IGNORE INTO done (id, at, reply_to, result) VALUES (?, ?, ?, ?)";
    let params = (id, ledger.now, reply_to, result);
    if ledger.execute(sql, params)? == 0 {
        forget_done(ledger, id)?;
        ledger.execute(sql, params)?;
    }
    ledger.page.tally.done += 1;
    ledger.page.tally.done_bytes += result.map_or(0, |result| result.len() as i64);
    Ok(())
}

/// Lays a task among the dead or the held.
fn lay(
    ledger: &mut Ledger<'_>,
    row: &Row,
    is_held: bool,
    epitaph: &Epitaph,
) -> Result<(), Failure> {
    ledger.execute(
        "INSERT INTO dead (id, key, is_held, at, reason, error, attempts, queued_at, body) SELECT id, (SELECT key FROM lane WHERE lane.id = task.lane), ?2, ?3, ?4, ?5, ?6, queued_at, body FROM task WHERE seq = ?1",
        (
            row.seq,
            is_held,
            ledger.now,
            epitaph.reason.as_str(),
            &epitaph.error,
            epitaph.attempts,
        ),
    )?;
    let tally = &mut ledger.page.tally;
    *(if is_held { &mut tally.held } else { &mut tally.dead }) += 1;
    tally.dead_bytes += row.bytes;
    remove(ledger, row)
}
