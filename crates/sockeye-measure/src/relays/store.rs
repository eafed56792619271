//! The floor of stores: rows of a table in SQLite, claimed and deleted 64 at a time, each batch with two commits.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior, params};

/// How many are claimed, and deleted, at a time: as many as the relay has in flight.
const BATCH: u32 = 64;

/// Fills a table at `path` with `count` rows, then claims and deletes them all; gives the nanoseconds that this took.
///
/// # Errors
///
/// Whatever SQLite says.
pub fn run(path: &Path, count: u64, body: &str) -> Result<u128, Box<dyn Error>> {
    let mut db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(
        "CREATE TABLE task (seq INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, body BLOB NOT NULL);
         CREATE INDEX waiting ON task (state, seq);",
    )?;
    let fill = db.transaction()?;
    for _ in 0..count {
        fill.execute("INSERT INTO task (body) VALUES (?)", params![body])?;
    }
    fill.commit()?;
    let start = Instant::now();
    loop {
        let claim = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let claimed: Vec<(i64, Vec<u8>)> = claim
            .prepare_cached(
                "UPDATE task SET state = 1 WHERE seq IN
                 (SELECT seq FROM task WHERE state = 0 ORDER BY seq LIMIT ?) RETURNING seq, CAST(body AS BLOB)",
            )?
            .query_map(params![BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        claim.commit()?;
        if claimed.is_empty() {
            return Ok(start.elapsed().as_nanos());
        }
        let delete = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (seq, _) in &claimed {
            delete.prepare_cached("DELETE FROM task WHERE seq = ?")?.execute(params![seq])?;
        }
        delete.commit()?;
    }
}
