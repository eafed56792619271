//! Records as rows of an SQLite table.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior, params};

use super::{Record, Sink, SinkError};

/// Rows of `received(seq, id UNIQUE, at, nsp, event, record)`; `event` is null for a gap, `record` the line of JSON.
#[derive(Debug)]
pub struct TableSink(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    path: PathBuf,
    max_rows: Option<u64>,
    connection: Option<Connection>,
}

impl TableSink {
    /// Inserts into a file, which is made with the first record; past `max_rows` the oldest rows are deleted.
    pub fn new(path: impl Into<PathBuf>, max_rows: Option<u64>) -> Self {
        Self(Arc::new(Mutex::new(Table { path: path.into(), max_rows, connection: None })))
    }
}

impl Sink for TableSink {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        let (table, records) = (self.0.clone(), batch.to_vec());
        async move {
            tokio::task::spawn_blocking(move || table.lock().insert(&records))
                .await
                .map_err(SinkError::unreachable)?
                .map_err(SinkError::unreachable)
        }
        .boxed()
    }
}

impl Table {
    fn insert(&mut self, records: &[Record]) -> rusqlite::Result<usize> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO received (id, at, nsp, event, record) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            )?;
            for record in records {
                insert.execute(params![
                    &*record.id,
                    record.at_ms.cast_signed(),
                    &*record.namespace,
                    record.event.as_deref(),
                    String::from_utf8_lossy(&record.line),
                ])?;
            }
            if let Some(max) = self.max_rows {
                // What is delivered again after a crash was in the last batch: that stays.
                let kept = max.max(records.len() as u64);
                transaction
                    .prepare_cached(
                        "DELETE FROM received WHERE seq <= (SELECT max(seq) FROM received) - ?",
                    )?
                    .execute([kept.cast_signed()])?;
            }
        }
        transaction.commit()?;
        self.connection = Some(connection);
        Ok(records.len())
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS received (
                seq INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                at INTEGER NOT NULL,
                nsp TEXT NOT NULL,
                event TEXT,
                record TEXT NOT NULL
            ) STRICT",
        )?;
        Ok(connection)
    }
}
