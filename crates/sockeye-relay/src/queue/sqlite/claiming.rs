//! Tasks are claimed, oldest first, and no task of a lane that is another instance's.
//!
//! Tasks without a key are walked in their order. Of those with one only the heads of lanes that are free, or this instance's,
//! are looked at: a million tasks of a lane that is another's cost nothing.

use std::{cmp::Reverse, collections::BinaryHeap};

use bytes::Bytes;

use super::{
    failure::Failure,
    instance::Neighbours,
    ledger::{Ledger, time},
};
use crate::queue::{Claim, Claimed};

/// How many delayed tasks are made ready at a time.
const DUE_AT_ONCE: i64 = 10_000;

/// The first that are ready and have no key.
pub(super) const KEYLESS: &str =
    "SELECT seq FROM task WHERE state = 0 AND lane = 0 ORDER BY seq LIMIT ?";
/// The lanes of an owner (or of nobody), by their first ready task.
pub(super) const HEADS: &str =
    "SELECT id, head FROM lane WHERE owner = ? AND head IS NOT NULL ORDER BY head LIMIT ?";
/// What comes next in a lane.
const NEXT: &str =
    "SELECT seq FROM task WHERE state = 0 AND lane = ? AND seq > ? ORDER BY seq LIMIT 1";

/// What a claim says of itself: whose it is, the how-manieth, and of which task.
pub(super) fn claim_of(instance: u32, stamp: u32, seq: i64) -> Claim {
    Claim(u128::from(instance) << 96 | u128::from(stamp) << 64 | u128::from(seq.cast_unsigned()))
}

/// What [`claim_of`] has put together.
pub(super) const fn parts_of(claim: Claim) -> (u32, u32, i64) {
    ((claim.0 >> 96) as u32, (claim.0 >> 64) as u32, (claim.0 as u64).cast_signed())
}

/// Claims up to `room` tasks.
pub(super) fn claim(
    ledger: &mut Ledger<'_>,
    neighbours: &mut Neighbours,
    room: usize,
) -> Result<Vec<Claimed>, Failure> {
    let own = ledger.page.own;
    if own.is_closed {
        return Ok(Vec::new());
    }
    if own.instance == 0 {
        neighbours.enrol(ledger)?;
    } else if !is_entered(ledger)? {
        // It was taken for dead. What it believes to have is others' now: it may begin anew once it has been told, by `renew`.
        return Ok(Vec::new());
    }
    neighbours.look(ledger.connection(), ledger.page.own.instance)?;
    neighbours.give_back_of_dead(ledger)?;
    make_ready(ledger, DUE_AT_ONCE)?;
    if ledger.page.tally.is_paused || room == 0 || ledger.page.tally.ready == 0 {
        return Ok(Vec::new());
    }
    let chosen = choose(ledger, room)?;
    take(ledger, &chosen)
}

/// Whether this instance is entered among those that claim.
pub(super) fn is_entered(ledger: &Ledger<'_>) -> Result<bool, Failure> {
    let own = ledger.page.own.instance;
    Ok(ledger.first("SELECT 1 FROM instance WHERE id = ?", [own], |_| Ok(()))?.is_some())
}

/// Makes delayed tasks ready whose time has come.
pub(super) fn make_ready(ledger: &mut Ledger<'_>, count: i64) -> Result<(), Failure> {
    if ledger.page.tally.delayed == 0 {
        return Ok(());
    }
    let due = ledger.all(
        "SELECT seq, lane FROM task WHERE state = 1 AND due <= ? ORDER BY due LIMIT ?",
        (ledger.now, count),
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    )?;
    for &(seq, lane) in &due {
        ledger.execute("UPDATE task SET state = 0 WHERE seq = ?", [seq])?;
        if lane != 0 {
            let sql = "UPDATE lane SET head = ?1 WHERE id = ?2 AND (head IS NULL OR head > ?1)";
            ledger.execute(sql, (seq, lane))?;
        }
    }
    ledger.page.tally.delayed -= due.len() as i64;
    ledger.page.tally.ready += due.len() as i64;
    Ok(())
}

/// A lane of which something is taken.
struct Taken {
    lane: i64,
    count: i64,
    /// Its next ready task.
    head: Option<i64>,
}

struct Chosen {
    /// In order.
    tasks: Vec<i64>,
    lanes: Vec<Taken>,
}

/// Chooses the oldest tasks that this instance may have.
fn choose(ledger: &Ledger<'_>, room: usize) -> Result<Chosen, Failure> {
    let own = ledger.page.own.instance;
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let keyless = ledger.all(KEYLESS, [limit], |row| row.get::<_, i64>(0))?;
    let mut lanes = Vec::new();
    // The first of a lane that is not among these comes after `room` others.
    for owner in [0, own] {
        lanes.extend(ledger.all(HEADS, (owner, limit), |row| {
            Ok(Taken { lane: row.get(0)?, count: 0, head: row.get(1)? })
        })?);
    }
    let mut heads: BinaryHeap<Reverse<(i64, usize)>> = lanes
        .iter()
        .enumerate()
        .filter_map(|(place, lane)| Some(Reverse((lane.head?, place))))
        .collect();

    let mut keyless = keyless.into_iter().peekable();
    let mut tasks = Vec::new();
    while tasks.len() < room {
        let of_lane = heads.peek().map(|&Reverse((seq, _))| seq);
        match (keyless.peek().copied(), of_lane) {
            (None, None) => break,
            (Some(seq), of_lane) if of_lane.is_none_or(|head| seq < head) => {
                tasks.push(seq);
                keyless.next();
            }
            (_, _) => {
                let Some(Reverse((seq, place))) = heads.pop() else { break };
                tasks.push(seq);
                let lane = &mut lanes[place];
                lane.count += 1;
                lane.head = ledger.first(NEXT, (lane.lane, seq), |row| row.get(0))?;
                heads.extend(lane.head.map(|next| Reverse((next, place))));
            }
        }
    }
    lanes.retain(|lane| lane.count > 0);
    Ok(Chosen { tasks, lanes })
}

fn take(ledger: &mut Ledger<'_>, chosen: &Chosen) -> Result<Vec<Claimed>, Failure> {
    let own = &mut ledger.page.own;
    own.stamp = own.stamp.wrapping_add(1);
    let (instance, stamp) = (own.instance, own.stamp);
    // Two statements: `RETURNING` would copy each body once more.
    let mut read =
        ledger.statement("SELECT body, attempts, deliveries, queued_at FROM task WHERE seq = ?")?;
    let mut update = ledger.statement(
        "UPDATE task SET state = 2, owner = ?2, stamp = ?3, deliveries = deliveries + 1 WHERE seq = ?1",
    )?;
    let mut claimed = Vec::with_capacity(chosen.tasks.len());
    for &seq in &chosen.tasks {
        claimed.push(read.query_row([seq], |row| {
            Ok(Claimed {
                claim: claim_of(instance, stamp, seq),
                body: Bytes::from(row.get::<_, Vec<u8>>(0)?),
                attempts: row.get(1)?,
                deliveries: row.get::<_, u32>(2)?.saturating_add(1),
                queued_at: Some(time(row.get(3)?)),
            })
        })?);
        update.execute((seq, instance, stamp))?;
    }
    for lane in &chosen.lanes {
        ledger.execute(
            "UPDATE lane SET owner = ?2, claimed = claimed + ?3, head = ?4 WHERE id = ?1",
            (lane.lane, instance, lane.count, lane.head),
        )?;
    }
    let count = claimed.len() as i64;
    ledger.page.tally.ready -= count;
    ledger.page.tally.claimed += count;
    Ok(claimed)
}
