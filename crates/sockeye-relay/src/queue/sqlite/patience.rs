//! Waits for another process that is writing: in short steps, since SQLite's own grow to a tenth of a second, and a commit takes
//! a hundredth of that.

use std::{
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

const STEP: Duration = Duration::from_micros(500);

/// Begins to write, once nobody else does; waits at most so long. The connection has no patience of its own.
pub(super) fn begin(
    connection: &Connection,
    at_most: Duration,
) -> rusqlite::Result<Transaction<'_>> {
    let give_up = Instant::now() + at_most;
    loop {
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < give_up =>
            {
                thread::sleep(STEP);
            }
            begun => return begun,
        }
    }
}
