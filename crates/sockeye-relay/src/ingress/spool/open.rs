//! Opens the file of a spool: one relay's alone, ours, and of the layout of today.

use std::{
    collections::HashMap,
    fs::{self, File, TryLockError},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use rusqlite_migration::{M, Migrations};

use super::{
    super::{SpoolOptions, record::millis},
    SpoolError,
    ledger::{self, Page},
};

/// Says in the file's head whose it is: "SokS".
const APPLICATION: i32 = 0x536f_6b53;

/// Each step from one layout to the next. Steps that were released are never changed: a file remembers how many it has had.
const STEPS: &[M<'static>] = &[
    M::up(include_str!("layout.sql")),
    M::up(include_str!("targets.sql")),
    M::up(include_str!("retries.sql")),
];

pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) page: Page,
    pub(super) name: Arc<str>,
    /// Since when each target is lost, of those that were joined before.
    pub(super) lost: HashMap<String, SystemTime>,
    /// The same of all others, which the file does not know: when somebody last wrote to it. `None` if it is new.
    pub(super) all_lost: Option<SystemTime>,
    /// Held for as long as the file is open; the system lets go of it when the process ends, however it ends.
    pub(super) _lock: File,
}

pub(super) fn open(path: &Path, options: &SpoolOptions) -> Result<Opened, SpoolError> {
    let unusable = |reason: String| SpoolError::Unusable { path: path.to_owned(), reason };
    if path.is_dir() {
        return Err(unusable("it is a directory; name a file in it".to_owned()));
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| unusable(format!("its lock can't be made beside it ({error})")))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(SpoolError::InUse { path: path.to_owned() });
        }
        Err(TryLockError::Error(error)) => {
            return Err(unusable(format!("it can't be locked ({error})")));
        }
    }
    let used_at = used_at(path);
    let mut connection = prepare(path, options)?;
    let (page, name, lost) = (|| {
        let name = name(&mut connection)?;
        let lost = lost(&mut connection, used_at)?;
        Ok((ledger::page(&connection)?, name, lost))
    })()
    .map_err(|error: rusqlite::Error| unusable(error.to_string()))?;
    Ok(Opened { connection, page, name, lost, all_lost: used_at, _lock: lock })
}

/// When a file was last written to, or its log; `None` if there is no such file.
fn used_at(path: &Path) -> Option<SystemTime> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let written = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    let at = written(path)?;
    Some(written(Path::new(&log)).map_or(at, |log| log.max(at)))
}

fn prepare(path: &Path, options: &SpoolOptions) -> Result<Connection, SpoolError> {
    let unusable = |reason: String| SpoolError::Unusable { path: path.to_owned(), reason };
    let failed = |error: rusqlite::Error| unusable(error.to_string());
    // Without URIs: a name is a name, whatever it begins with.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Nothing is changed in a file before it is known to be ours, and of a layout that is known.
    let (_, known) = layout(&connection, path)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(failed)?;
    Migrations::from_slice(STEPS).to_latest(&mut connection).map_err(|error| {
        unusable(format!("its layout can't be brought to version {known} ({error})"))
    })?;
    if let Some(pages) = options.max_pages {
        connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(failed)?;
    }
    Ok(connection)
}

/// Which version of the layout a file has, 0 of one that is new, and which is that of today.
///
/// # Errors
///
/// It is another program's, or newer.
pub(super) fn layout(connection: &Connection, path: &Path) -> Result<(u32, u32), SpoolError> {
    let unusable = |reason: String| SpoolError::Unusable { path: path.to_owned(), reason };
    let failed = |error: rusqlite::Error| unusable(error.to_string());
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(failed)?;
    let found = number("user_version").map_err(failed)?;
    let objects: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let is_new = application == 0 && found == 0 && objects == 0;
    if !is_new && application != APPLICATION {
        return Err(unusable(format!(
            "it is a database of another program (application id {application}); name a file of its own for the spool"
        )));
    }
    let (found, known) = (found.cast_unsigned(), STEPS.len() as u32);
    if found > known {
        return Err(SpoolError::Newer { path: path.to_owned(), found, known });
    }
    Ok((found, known))
}

/// Since when each target is lost that was joined before. Those that were joined until the end were lost with it: the last time that
/// somebody wrote. That is kept, for the file is written to again before they are joined.
fn lost(
    connection: &mut Connection,
    used_at: Option<SystemTime>,
) -> rusqlite::Result<HashMap<String, SystemTime>> {
    let transaction = connection.transaction()?;
    if let Some(at) = used_at {
        transaction.execute(
            "UPDATE target SET lost_at = ? WHERE lost_at IS NULL",
            [millis(at).cast_signed()],
        )?;
    }
    let lost = transaction
        .prepare("SELECT name, lost_at FROM target WHERE lost_at IS NOT NULL")?
        .query_map([], |row| {
            let at: i64 = row.get(1)?;
            Ok((row.get(0)?, UNIX_EPOCH + Duration::from_millis(at.max(0).cast_unsigned())))
        })?
        .collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(lost)
}

/// The spool's name: by it sinks know whether they have had its records.
fn name(connection: &mut Connection) -> rusqlite::Result<Arc<str>> {
    let transaction = connection.transaction()?;
    let found: Option<String> =
        transaction.query_row("SELECT name FROM self", [], |row| row.get(0)).optional()?;
    let name = match found {
        Some(name) => name,
        None => {
            let made = uuid::Uuid::now_v7().simple().to_string();
            transaction.execute("INSERT INTO self (name) VALUES (?)", [&made])?;
            made
        }
    };
    transaction.commit()?;
    Ok(name.into())
}

/// What a sink's chore is told of an error of the file.
pub(super) fn passing(error: &rusqlite::Error) -> SpoolError {
    SpoolError::Passing { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_sound() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }

    #[test]
    fn what_is_another_program_s_or_newer_is_refused_and_left_alone() {
        let name = format!("sockeye-spool-open-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let options = SpoolOptions::default();
        let refused = |path: &Path| open(path, &options).err().unwrap();

        let foreign = folder.join("foreign.db");
        Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
        let before = std::fs::read(&foreign).unwrap();
        let error = refused(&foreign).to_string();
        assert!(error.contains("another program"), "{error}");
        assert!(std::fs::read(&foreign).unwrap() == before);

        let ours = folder.join("spool.db");
        let first = open(&ours, &options).ok().unwrap().name;
        // It keeps its name, by which sinks know what they have.
        assert_eq!(open(&ours, &options).ok().unwrap().name, first);
        Connection::open(&ours).unwrap().pragma_update(None, "user_version", 9).unwrap();
        let error = refused(&ours);
        assert!(matches!(error, SpoolError::Newer { found: 9, known: 3, .. }), "{error}");

        let text = folder.join("text");
        std::fs::write(&text, "no database at all, ".repeat(100)).unwrap();
        for path in [&text, &folder] {
            let error = refused(path);
            assert!(matches!(error, SpoolError::Unusable { .. }), "{error}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
