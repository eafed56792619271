//! The dead of a spool, looked at and decided upon from beside: a relay may be at work on the file.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::{Dead, SpoolError, ledger, open};

/// The records of a spool that its sinks refused. Every method blocks for as long as the file needs.
pub struct DeadRecords {
    connection: Connection,
    path: PathBuf,
}

impl DeadRecords {
    /// Opens a spool for that; a relay may have it open, too.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]: it is not there, another program's, or of another layout.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SpoolError> {
        let path = path.as_ref().to_owned();
        let unusable = |reason: String| SpoolError::Unusable { path: path.clone(), reason };
        if !path.is_file() {
            return Err(unusable(
                "there is no such file; name that of the relay with --spool FILE".to_owned(),
            ));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| unusable(error.to_string()))?;
        connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(|error| unusable(error.to_string()))?;
        let (found, known) = open::layout(&connection, &path)?;
        if found < known {
            return Err(unusable(format!(
                "its layout is of version {found}, and this program knows {known}; start the relay once, which brings it there"
            )));
        }
        Ok(Self { connection, path })
    }

    /// The dead, oldest first, from the `skip`th on.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Passing`]: the file can't be read now.
    pub fn list(&self, skip: usize, count: usize) -> Result<Vec<Dead>, SpoolError> {
        ledger::dead(&self.connection, skip, count).map_err(|error| open::passing(&error))
    }

    /// Has some of them tried again, or all: whoever serves their sinks takes them up within about a second, or when it is started,
    /// and puts them behind what waits. Says how many there were.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]: one of the numbers is none, or the file can't be written now; then nothing has changed.
    pub fn retry(&mut self, numbers: Option<&[u64]>) -> Result<u64, SpoolError> {
        self.change(
            numbers,
            "UPDATE dead SET retried = 1 WHERE number = ?",
            "UPDATE dead SET retried = 1",
        )
    }

    /// Drops some of them for good, or all; says how many there were.
    ///
    /// # Errors
    ///
    /// As of [`Self::retry`].
    pub fn drop(&mut self, numbers: Option<&[u64]>) -> Result<u64, SpoolError> {
        self.change(numbers, "DELETE FROM dead WHERE number = ?", "DELETE FROM dead")
    }

    fn change(&mut self, numbers: Option<&[u64]>, one: &str, all: &str) -> Result<u64, SpoolError> {
        let failed = |error: rusqlite::Error| open::passing(&error);
        let transaction = self.connection.transaction().map_err(failed)?;
        let mut count = 0;
        match numbers {
            None => count = transaction.execute(all, []).map_err(failed)?,
            Some(numbers) => {
                for number in numbers {
                    let changed =
                        transaction.execute(one, [number.cast_signed()]).map_err(failed)?;
                    if changed == 0 {
                        return Err(SpoolError::NoSuchDead {
                            path: self.path.clone(),
                            number: *number,
                        });
                    }
                    count += changed;
                }
            }
        }
        transaction.commit().map_err(failed)?;
        Ok(count as u64)
    }
}

impl fmt::Debug for DeadRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadRecords").field("path", &self.path).finish_non_exhaustive()
    }
}
