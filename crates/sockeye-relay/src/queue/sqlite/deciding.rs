//! What people decide: tasks are cancelled, revived and buried.

use std::sync::Arc;

use super::{
    failure::Failure,
    ledger::{DELAYED, Ledger, READY},
    putting::{Row, insert},
    settling::leave_lane,
};
use crate::queue::Which;

/// How many are looked at together.
const AT_ONCE: i64 = 256;

/// Takes out a task that waits.
pub(super) fn cancel(ledger: &mut Ledger<'_>, id: &str) -> Result<bool, Failure> {
    let found = ledger.first(
        "DELETE FROM task WHERE id = ? AND state <> 2 RETURNING seq, lane, state, length(body)",
        [id],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
            ))
        },
    )?;
    let Some((seq, lane, state, bytes)) = found else { return Ok(false) };
    if lane != 0 {
        ledger.execute(
            "UPDATE lane SET head = (SELECT min(seq) FROM task WHERE state = 0 AND lane = lane.id) WHERE id = ? AND head = ?",
            (lane, seq),
        )?;
        leave_lane(ledger, lane)?;
    }
    match state {
        READY => ledger.page.tally.ready -= 1,
        DELAYED => ledger.page.tally.delayed -= 1,
        _ => {}
    }
    ledger.page.tally.bytes -= bytes;
    Ok(true)
}

/// A task among the dead.
struct Dead {
    seq: i64,
    id: String,
    key: Option<String>,
    is_held: bool,
    queued_at: i64,
    body: Vec<u8>,
}

/// Does something to each of the dead that are meant, oldest first.
fn each(
    ledger: &mut Ledger<'_>,
    which: &Which,
    mut act: impl FnMut(&mut Ledger<'_>, &Dead) -> Result<bool, Failure>,
) -> Result<u64, Failure> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Dead {
            seq: row.get(0)?,
            id: row.get(1)?,
            key: row.get(2)?,
            is_held: row.get(3)?,
            queued_at: row.get(4)?,
            body: row.get(5)?,
        })
    };
    let mut count = 0;
    match which {
        Which::Ids(ids) => {
            let sql = "SELECT seq, id, key, is_held, queued_at, body FROM dead WHERE id = ?";
            for id in ids {
                if let Some(one) = ledger.first(sql, [Arc::as_ref(id)], read)? {
                    count += u64::from(act(ledger, &one)?);
                }
            }
        }
        Which::All => {
            let sql = "SELECT seq, id, key, is_held, queued_at, body FROM dead WHERE seq > ? ORDER BY seq LIMIT ?";
            let mut after = i64::MIN;
            loop {
                let some = ledger.all(sql, (after, AT_ONCE), read)?;
                let Some(last) = some.last() else { break };
                after = last.seq;
                for one in &some {
                    count += u64::from(act(ledger, one)?);
                }
            }
        }
    }
    Ok(count)
}

/// Puts dead tasks back at the end of the queue.
pub(super) fn revive(ledger: &mut Ledger<'_>, which: &Which) -> Result<u64, Failure> {
    each(ledger, which, |ledger, one| {
        // One that was put under the same id since then is the one that goes.
        let sql = "SELECT 1 FROM task WHERE id = ?";
        if ledger.first(sql, [&one.id], |_| Ok(()))?.is_some() {
            return Ok(false);
        }
        drop_one(ledger, one)?;
        let row = Row {
            id: &one.id,
            key: one.key.as_deref(),
            due: 0,
            queued_at: one.queued_at,
            body: &one.body,
        };
        insert(ledger, &row)?;
        Ok(true)
    })
}

/// Drops dead tasks.
pub(super) fn bury(ledger: &mut Ledger<'_>, which: &Which) -> Result<u64, Failure> {
    each(ledger, which, |ledger, one| {
        drop_one(ledger, one)?;
        Ok(true)
    })
}

fn drop_one(ledger: &mut Ledger<'_>, one: &Dead) -> Result<(), Failure> {
    ledger.execute("DELETE FROM dead WHERE seq = ?", [one.seq])?;
    let tally = &mut ledger.page.tally;
    *(if one.is_held { &mut tally.held } else { &mut tally.dead }) -= 1;
    tally.dead_bytes -= one.body.len() as i64;
    Ok(())
}
