//! Why a task can't be read. The fault of whoever put it; the text says what was found, and what was expected.

use sockeye::event::EncodeError;
use thiserror::Error;

/// Why a task can't be read.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum InvalidTask {
    /// It is no text.
    #[error("the task is not UTF-8; expected JSON")]
    NotText,
    /// It is larger than any task may be.
    #[error("the task has {bytes} bytes; at most {max_bytes} are read")]
    TooLarge {
        /// What was found.
        bytes: usize,
        /// What is allowed.
        max_bytes: usize,
    },
    /// It is no JSON.
    #[error("the task is not JSON: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// It is JSON, but no object.
    #[error(
        "the task is {found}; expected an object, such as {{\"event\":\"message\",\"args\":[\"hi\"]}}"
    )]
    NoObject {
        /// What was found.
        found: String,
    },
    /// A field is missing that every task has.
    #[error(
        "the task has no {field:?}; expected something like {{\"event\":\"message\",\"args\":[\"hi\"]}}, or a mapping that says where it is"
    )]
    Missing {
        /// Which.
        field: String,
    },
    /// The mapping names a place where nothing is.
    #[error("{field}: nothing is at {path}")]
    NotThere {
        /// The field.
        field: String,
        /// The path.
        path: String,
    },
    /// The mapping names a place where several are.
    #[error("{field}: {path} finds more than one: {found}; expected one")]
    Many {
        /// The field.
        field: String,
        /// The path.
        path: String,
        /// The first two.
        found: String,
    },
    /// There is a field that no task has: a typing mistake must not be lost in silence.
    #[error("the task has a field {field:?}, which is none; {hint}")]
    UnknownField {
        /// What was found.
        field: String,
        /// What may have been meant.
        hint: String,
    },
    /// A field is of another type.
    #[error("{field} is {found}; expected {expected}")]
    Type {
        /// The field.
        field: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// An argument can't be read.
    #[error("args: {reason}")]
    Args {
        /// What is wrong.
        reason: String,
    },
}

impl InvalidTask {
    pub(super) fn unknown_field(field: &str, known: &[&str]) -> Self {
        Self::UnknownField { field: super::found::quoted(field), hint: super::hint(field, known) }
    }
}

impl From<EncodeError> for InvalidTask {
    fn from(error: EncodeError) -> Self {
        Self::Args { reason: error.to_string() }
    }
}
