//! What can be wrong with a typed line, and how to write it.

use thiserror::Error;

use super::words::Unsplit;
use crate::values::Unreadable;

/// A line that was not understood.
#[derive(Debug, Error)]
pub(super) enum Mistake {
    #[error(transparent)]
    Unsplit(#[from] Unsplit),
    #[error(transparent)]
    Argument(#[from] Unreadable),
    #[error(
        "{found} is no name of an event; write a line as EVENT [ARG…], a name with spaces in quotes"
    )]
    Event { found: String },
    #[error("{found} is no command; /help lists them")]
    Command { found: String },
    #[error("write it as {usage}")]
    Usage { usage: &'static str },
    #[error(
        "@- is standard input, which these lines come from; name a file, or write '\"@-\"' for the text"
    )]
    Stdin,
}
