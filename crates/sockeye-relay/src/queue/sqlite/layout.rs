//! How the file is laid out: opened, checked that it is ours, and brought to the layout of today.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::{Options, Sync, failure::Failure};

/// Says in the file's head whose it is: "SokQ".
const APPLICATION: i32 = 0x536f_6b51;

/// Each step from one layout to the next. Steps that were released are never changed: a file remembers how many it has had.
const STEPS: &[M<'static>] = &[M::up(include_str!("layout.sql"))];

/// Opens the connection that writes, and makes or migrates the file.
pub(super) fn open_to_write(path: &Path, options: &Options) -> Result<Connection, Failure> {
    open_with(path, options, STEPS)
}

fn open_with(path: &Path, options: &Options, steps: &[M<'_>]) -> Result<Connection, Failure> {
    // Whoever opens a new file at the same time may be half-way through making it: what fails then succeeds later.
    let give_up = Instant::now() + options.busy;
    loop {
        let attempt = connect(path, options, false).and_then(|mut connection| {
            migrate(&mut connection, steps)?;
            Ok(connection)
        });
        match attempt {
            Err(Failure::Passing(_)) if Instant::now() < give_up => {
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// Opens a connection that only reads.
pub(super) fn open_to_read(path: &Path, options: &Options) -> Result<Connection, Failure> {
    connect(path, options, true)
}

fn connect(path: &Path, options: &Options, reads_only: bool) -> Result<Connection, Failure> {
    if path.is_dir() {
        return Err(Failure::Lasting("it is a directory; name a file in it".to_owned()));
    }
    // Without URIs: a name is a name, whatever it begins with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(options.busy)?;
    connection.set_prepared_statement_cache_capacity(96);
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    if reads_only {
        connection.pragma_update(None, "query_only", true)?;
        return Ok(connection);
    }
    let is_writable = !connection.is_readonly(rusqlite::MAIN_DB)?;
    if !is_writable {
        return Err(Failure::Lasting(
            "it can't be written; allow this user to write the file and its directory".to_owned(),
        ));
    }
    is_ours(&connection)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    let sync = match options.sync {
        Sync::Full => "FULL",
        Sync::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", sync)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// Refuses a database that another program has made, before anything in it is changed.
fn is_ours(connection: &Connection) -> Result<(), Failure> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_new = application == 0 && version == 0 && objects == 0;
    if is_new || application == APPLICATION {
        return Ok(());
    }
    Err(Failure::Lasting(format!(
        "it is a database of another program (application id {application}, version {version}); name a file of its own for the queue"
    )))
}

fn migrate(connection: &mut Connection, steps: &[M<'_>]) -> Result<(), Failure> {
    let known = steps.len() as u32;
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
    };
    let found = version(connection)?;
    if found > known {
        return Err(Failure::Newer { found, known });
    }
    if found == known {
        return Ok(());
    }
    match Migrations::from_slice(steps).to_latest(connection) {
        Ok(()) => Ok(()),
        // Another process was quicker.
        Err(_) if version(connection)? == known => Ok(()),
        Err(rusqlite_migration::Error::RusqliteError { err, .. })
            if err.sqlite_error_code().is_some() =>
        {
            Err(err.into())
        }
        Err(error) => Err(Failure::Lasting(format!(
            "its layout can't be brought from version {found} to {known} ({error}); nothing was changed"
        ))),
    }
}
