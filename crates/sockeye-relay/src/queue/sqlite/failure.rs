//! What SQLite says when it fails, and whether trying again is right.

use rusqlite::ErrorCode;

use crate::queue::QueueError;

/// Why a piece of work was not done; one may have to be told to many.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Trying again is right.
    Passing(String),
    /// It is not.
    Lasting(String),
    /// A bound is reached.
    Full {
        held: u64,
        bound: u64,
    },
    Newer {
        found: u32,
        known: u32,
    },
}

impl Failure {
    /// As callers see it.
    pub(super) fn of(self, store: &str) -> QueueError {
        let store = store.to_owned();
        match self {
            Self::Passing(reason) => QueueError::Unavailable { store, reason },
            Self::Lasting(reason) => QueueError::Unusable { store, reason },
            Self::Full { held, bound } => QueueError::Full { store, held, bound },
            Self::Newer { found, known } => QueueError::Newer { store, found, known },
        }
    }

    /// The thread that writes is gone.
    pub(super) fn gone() -> Self {
        Self::Lasting("its writing thread has ended; open the store again".to_owned())
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let said = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Passing(format!(
                "another process keeps it locked ({said}); it goes on once that lets go"
            )),
            Some(ErrorCode::DiskFull) => Self::Passing(format!(
                "no space is left for it ({said}); nothing was changed; free some, and it goes on by itself"
            )),
            Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
                Self::Passing(format!("the system refused to read or write it ({said})"))
            }
            Some(ErrorCode::NotADatabase) => Self::Lasting(format!(
                "it is no SQLite database ({said}); name another file, or move this one away"
            )),
            Some(ErrorCode::DatabaseCorrupt) => Self::Lasting(format!(
                "it is damaged ({said}); stop everybody who uses it, copy it with its -wal file, and recover it with `sqlite3 FILE .recover`"
            )),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::Lasting(format!(
                "it can't be written ({said}); allow this user to write the file and its directory"
            )),
            Some(ErrorCode::CannotOpen) => Self::Lasting(format!(
                "it can't be opened ({said}); expected a file, or a place for one, in a directory that this user may write"
            )),
            _ => Self::Lasting(format!(
                "SQLite refused what was asked ({said}); this is a mistake of this program"
            )),
        }
    }
}
