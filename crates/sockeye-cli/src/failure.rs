//! Why a subcommand could not do its work, and the exit code that says so.

use std::{error::Error, fmt, io};

use thiserror::Error;

use crate::exit::Exit;

/// An error that a subcommand ends by. Each module says it of its own.
pub(crate) trait Ends: Error + Send + Sync + 'static {
    /// How the process ends by it.
    fn exit(&self) -> Exit;
}

/// A subcommand's failure: what there is to say of it, and how the process ends.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    error: Box<dyn Error + Send + Sync>,
}

impl<E: Ends> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit: error.exit(), error: Box::new(error) }
    }
}

impl Failure {
    /// The options don't go together; the text says what to change.
    pub(crate) fn usage(text: &'static str) -> Self {
        Usage(text).into()
    }

    pub(crate) const fn exit(&self) -> Exit {
        self.exit
    }

    /// Whether it is an `E`.
    pub(crate) fn is<E: Ends>(&self) -> bool {
        self.error.is::<E>()
    }

    /// The same with what `change` makes of its error, if that is an `E`.
    pub(crate) fn map<E: Ends, F: Ends>(self, change: impl FnOnce(E) -> F) -> Self {
        let Self { exit, error } = self;
        match error.downcast::<E>() {
            Ok(error) => change(*error).into(),
            Err(error) => Self { exit, error },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// Options that don't go together.
#[derive(Debug, Error)]
#[error("{0}")]
struct Usage(&'static str);

impl Ends for Usage {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// The system lacks what the work begins with: a thread, a signal.
#[derive(Debug, Error)]
#[error("the system does not let us start: {0}")]
pub(crate) struct NotStarted(#[from] pub(crate) io::Error);

impl Ends for NotStarted {
    fn exit(&self) -> Exit {
        Exit::Fault
    }
}
