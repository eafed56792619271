//! What people see: read from a connection of its own, that waits for no writer.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{
    failure::Failure,
    ledger::{CLAIMED, DELAYED, Tally, millis, time},
};
use crate::queue::{Epitaph, Reason, Seen, State, Stats};

const OF_TASK: &str = "id, state, due, body, attempts, queued_at";
const OF_DEAD: &str = "id, is_held, at, reason, error, attempts, body";

/// The first tasks that wait: those that are ready, then those that wait for their time.
pub(super) fn peek(
    connection: &mut Connection,
    skip: usize,
    count: usize,
) -> Result<Vec<Seen>, Failure> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Deferred)?;
    let (skip, count) = (number(skip), number(count));
    let ready = Tally::read(&transaction)?.ready;
    // In the order of the table: sorting all of a long queue for its first few takes long.
    let sql = format!(
        "SELECT {OF_TASK} FROM task NOT INDEXED WHERE state = 0 ORDER BY seq LIMIT ? OFFSET ?"
    );
    let mut seen: Vec<Seen> = if skip < ready {
        transaction
            .prepare_cached(&sql)?
            .query_map((count, skip), task)?
            .collect::<Result<_, _>>()?
    } else {
        Vec::new()
    };
    let sql = format!("SELECT {OF_TASK} FROM task WHERE state = 1 ORDER BY due LIMIT ? OFFSET ?");
    let left = count - number(seen.len());
    if left > 0 {
        let skip = (skip - ready).max(0);
        for one in transaction.prepare_cached(&sql)?.query_map((left, skip), task)? {
            seen.push(one?);
        }
    }
    Ok(seen)
}

/// A task by its id.
pub(super) fn find(connection: &mut Connection, id: &str) -> Result<Option<Seen>, Failure> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Deferred)?;
    let sql = format!("SELECT {OF_TASK} FROM task WHERE id = ?");
    if let Some(seen) = transaction.prepare_cached(&sql)?.query_row([id], task).optional()? {
        return Ok(Some(seen));
    }
    let sql = format!("SELECT {OF_DEAD} FROM dead WHERE id = ?");
    if let Some(seen) = transaction.prepare_cached(&sql)?.query_row([id], dead_one).optional()? {
        return Ok(Some(seen));
    }
    let done = |row: &Row<'_>| {
        Ok(Seen {
            id: row.get(0)?,
            state: State::Done,
            body: Bytes::new(),
            attempts: 0,
            result: row.get::<_, Option<Vec<u8>>>(2)?.map(Bytes::from),
            epitaph: None,
            since: Some(time(row.get(1)?)),
        })
    };
    let sql = "SELECT id, at, result FROM done WHERE id = ?";
    Ok(transaction.prepare_cached(sql)?.query_row([id], done).optional()?)
}

/// The dead and the held, oldest first.
pub(super) fn dead(
    connection: &mut Connection,
    skip: usize,
    count: usize,
) -> Result<Vec<Seen>, Failure> {
    let sql = format!("SELECT {OF_DEAD} FROM dead ORDER BY seq LIMIT ? OFFSET ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let seen = statement.query_map((number(count), number(skip)), dead_one)?;
    Ok(seen.collect::<Result<_, _>>()?)
}

/// Which of these were done within `age`.
pub(super) fn finished(
    connection: &mut Connection,
    ids: &[Arc<str>],
    age: Duration,
) -> Result<Vec<bool>, Failure> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let since = millis(SystemTime::now()).saturating_sub(age);
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Deferred)?;
    let mut statement = transaction.prepare_cached("SELECT 1 FROM done WHERE id = ? AND at > ?")?;
    let known = ids.iter().map(|id| statement.exists((Arc::as_ref(id), since)));
    Ok(known.collect::<Result<_, _>>()?)
}

/// How much there is.
pub(super) fn stats(connection: &mut Connection) -> Result<Stats, Failure> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Deferred)?;
    let now = millis(SystemTime::now());
    let tally = Tally::read(&transaction)?;
    let due: i64 = transaction
        .prepare_cached("SELECT count(*) FROM task WHERE state = 1 AND due <= ?")?
        .query_row([now], |row| row.get(0))?;
    let oldest: Option<i64> = transaction
        .prepare_cached(
            "SELECT queued_at FROM task WHERE seq = (SELECT min(seq) FROM (SELECT min(seq) AS seq FROM task WHERE state = 0 AND lane = 0 UNION ALL SELECT min(head) FROM lane))",
        )?
        .query_row([], |row| row.get(0))
        .optional()?;
    let mut instances = transaction.prepare_cached("SELECT name FROM instance ORDER BY id")?;
    let instances = instances.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let count = |number: i64| number.max(0).unsigned_abs();
    Ok(Stats {
        ready: count(tally.ready + due),
        delayed: count(tally.delayed - due),
        claimed: count(tally.claimed),
        held: count(tally.held),
        dead: count(tally.dead),
        done: Some(count(tally.done)),
        oldest: oldest.map(|at| Duration::from_millis(count(now - at))),
        is_paused: tally.is_paused,
        instances,
    })
}

fn task(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let due: i64 = row.get(2)?;
    let state = match row.get(1)? {
        CLAIMED => State::Claimed,
        DELAYED if due > millis(SystemTime::now()) => State::Delayed,
        _ => State::Queued,
    };
    Ok(Seen {
        id: row.get(0)?,
        state,
        body: Bytes::from(row.get::<_, Vec<u8>>(3)?),
        attempts: row.get(4)?,
        result: None,
        epitaph: None,
        since: Some(time(row.get(5)?)),
    })
}

fn dead_one(row: &Row<'_>) -> rusqlite::Result<Seen> {
    let word: String = row.get(3)?;
    // A word that only a newer program knows: it is dead all the same.
    let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
    let attempts = row.get(5)?;
    Ok(Seen {
        id: row.get(0)?,
        state: if row.get(1)? { State::Held } else { State::Dead },
        body: Bytes::from(row.get::<_, Vec<u8>>(6)?),
        attempts,
        result: None,
        epitaph: Some(Epitaph {
            reason: reason.unwrap_or(Reason::Unknown),
            error: row.get(4)?,
            attempts,
        }),
        since: Some(time(row.get(2)?)),
    })
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
