//! How the file is laid out: opened, checked that it is ours, and brought to the layout of today.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::{Options, Synchronous, failure::Failure};

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
        match prepare(path, options, steps) {
            Err(Failure::Passing(_)) if Instant::now() < give_up => {
                thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn prepare(path: &Path, options: &Options, steps: &[M<'_>]) -> Result<Connection, Failure> {
    let mut connection = connect(path, options)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(Failure::Lasting(
            "it can't be written; allow this user to write the file and its directory".to_owned(),
        ));
    }
    // Nothing is changed in a file before it is known to be ours, and of a layout that is known.
    is_ours(&connection)?;
    let found = version(&connection)?;
    let known = steps.len() as u32;
    if found > known {
        return Err(Failure::Newer { found, known });
    }
    if found == 0 {
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(
        None,
        "synchronous",
        match options.synchronous {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        },
    )?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    if found < known {
        migrate(&mut connection, found, steps)?;
    }
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn open_to_read(path: &Path, options: &Options) -> Result<Connection, Failure> {
    let connection = connect(path, options)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, options: &Options) -> Result<Connection, Failure> {
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
    Ok(connection)
}

/// Which file a path leads to: writing on in one that was removed or replaced would be writing to nowhere.
#[derive(Debug)]
pub(super) struct Whereabouts {
    path: PathBuf,
    number: u64,
}

impl Whereabouts {
    /// The file as it is now.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        Ok(Self { path: path.to_owned(), number: number_of(path)? })
    }

    /// # Errors
    ///
    /// Another file is there, or none.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if number_of(&self.path)? == self.number {
            return Ok(());
        }
        Err(Failure::Lasting(
            "another file was put in its place while it was open; start again with the one that is meant".to_owned(),
        ))
    }
}

#[cfg(unix)]
fn number_of(path: &Path) -> Result<u64, Failure> {
    use std::os::unix::fs::MetadataExt as _;
    found(path.metadata()).map(|metadata| metadata.ino())
}

#[cfg(not(unix))]
fn number_of(path: &Path) -> Result<u64, Failure> {
    found(path.metadata()).map(|_| 0)
}

fn found(metadata: io::Result<Metadata>) -> Result<Metadata, Failure> {
    metadata.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Lasting(
            "the file was removed or moved while it was open; put it back, and start again"
                .to_owned(),
        ),
        _ => Failure::Passing(format!("the system does not find the file ({error})")),
    })
}

/// Refuses a database that another program has made, before anything in it is changed.
fn is_ours(connection: &Connection) -> Result<(), Failure> {
    // One transaction: another process may be making it between two looks.
    let connection = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
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

fn version(connection: &Connection) -> Result<u32, Failure> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn migrate(connection: &mut Connection, found: u32, steps: &[M<'_>]) -> Result<(), Failure> {
    let known = steps.len() as u32;
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::queue::{QueueError, sqlite::Sqlite};

    /// A file's place, which is empty before and after.
    struct Place(PathBuf);

    impl Place {
        fn new(test: &str) -> Self {
            let name = format!("sockeye-layout-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("queue.db")
        }

        fn open(&self) -> Result<Sqlite, QueueError> {
            let options = Options { busy: Duration::from_millis(50), ..Options::default() };
            Sqlite::open(self.file(), options)
        }

        #[track_caller]
        fn is_unusable(&self, because: &str) {
            match self.open() {
                Err(error @ QueueError::Unusable { .. }) => {
                    assert!(error.to_string().contains(because), "{error}");
                }
                other => panic!("it should be unusable: {other:?}"),
            }
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Today's steps and one more.
    fn steps_of_tomorrow() -> Vec<M<'static>> {
        let mut steps = STEPS.to_vec();
        steps.push(M::up("ALTER TABLE task ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';"));
        steps
    }

    #[test]
    fn the_steps_are_sound() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }

    #[test]
    fn an_older_layout_is_brought_to_the_one_of_today() {
        let place = Place::new("older");
        let options = Options::default();
        let old = open_to_write(&place.file(), &options).unwrap();
        old.execute(
            "INSERT INTO task (id, lane, state, due, attempts, deliveries, owner, stamp, queued_at, body) VALUES ('a', 0, 0, 0, 0, 0, 0, 0, 0, x'00')",
            [],
        )
        .unwrap();
        drop(old);
        let new = open_with(&place.file(), &options, &steps_of_tomorrow()).unwrap();
        let read = "SELECT id, colour FROM task";
        let kept = new.query_row(read, [], |row| <(String, String)>::try_from(row)).unwrap();
        assert_eq!(kept, ("a".to_owned(), "red".to_owned()));
    }

    #[test]
    fn a_newer_layout_is_refused_and_left_alone() {
        let place = Place::new("newer");
        open_with(&place.file(), &Options::default(), &steps_of_tomorrow()).unwrap();
        let before = std::fs::read(place.file()).unwrap();
        let known = STEPS.len() as u32;
        match place.open() {
            Err(QueueError::Newer { found, known: here, .. }) => {
                assert_eq!((found, here), (known + 1, known));
            }
            other => panic!("it is newer: {other:?}"),
        }
        assert!(std::fs::read(place.file()).unwrap() == before);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let place = Place::new("fails");
        open_to_write(&place.file(), &Options::default()).unwrap();
        let mut steps = STEPS.to_vec();
        steps.push(M::up("CREATE TABLE more (a TEXT); CREATE TABLE task (a TEXT);"));
        let failure = open_with(&place.file(), &Options::default(), &steps).unwrap_err();
        assert!(matches!(failure, Failure::Lasting(_)), "{failure:?}");
        drop(place.open().expect("it is as it was"));
    }

    #[test]
    fn what_is_no_queue_is_refused_and_left_alone() {
        let place = Place::new("foreign");
        let text = "no database at all, ".repeat(100);
        std::fs::write(place.file(), &text).unwrap();
        place.is_unusable("no SQLite database");
        assert_eq!(std::fs::read_to_string(place.file()).unwrap(), text);

        std::fs::remove_file(place.file()).unwrap();
        let foreign = Connection::open(place.file()).unwrap();
        foreign.execute_batch("CREATE TABLE task (mine TEXT)").unwrap();
        drop(foreign);
        place.is_unusable("another program");

        std::fs::remove_file(place.file()).unwrap();
        std::fs::create_dir(place.file()).unwrap();
        place.is_unusable("directory");
        std::fs::remove_dir(place.file()).unwrap();

        std::fs::remove_dir_all(&place.0).unwrap();
        place.is_unusable("can't be opened");
    }

    #[test]
    fn a_damaged_file_is_unusable() {
        let place = Place::new("damaged");
        drop(open_to_write(&place.file(), &Options::default()).unwrap());
        let mut bytes = std::fs::read(place.file()).unwrap();
        let page = 4096;
        assert!(bytes.len() > 4 * page, "{} bytes", bytes.len());
        bytes[100..page].fill(0xa5);
        std::fs::write(place.file(), bytes).unwrap();
        place.is_unusable("damaged");
    }

    #[test]
    fn many_may_make_it_at_once() {
        let place = Place::new("many");
        let options = Options::default();
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| open_to_write(&place.file(), &options).map(drop)))
                .collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
    }
}
