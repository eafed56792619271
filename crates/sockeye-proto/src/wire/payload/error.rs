//! Why arguments can't be read as, or written from, the types of the application.

use std::fmt;

use thiserror::Error;

/// Why arguments could not be read as the types that were asked for.
///
/// The packet was well formed: application and peer disagree about its arguments. Answer the peer, keep the connection.
#[non_exhaustive]
#[derive(Error)]
pub enum ArgsError {
    /// An argument is of another type, or holds what Rust can't (half of a surrogate pair, a number that is too large).
    #[error("argument {argument}: {problem}")]
    Mismatch {
        /// Position of the argument, from 1.
        argument: usize,
        /// What was found and what was expected, as serde says it. What is long is cut: it holds what the peer sent.
        problem: Box<str>,
    },
    /// An argument is missing and its type has no `null`.
    #[error("argument {argument} is missing, there are only {given}; send it, or expect an Option")]
    Missing {
        /// Position of the argument, from 1.
        argument: usize,
        /// Number of arguments that were sent.
        given: usize,
    },
}

/// How much of what serde says is kept.
const MAX_PROBLEM_BYTES: usize = 200;

impl ArgsError {
    pub(super) fn mismatch(argument: usize, error: &serde_json::Error) -> Self {
        let mut problem = error.to_string();
        if problem.len() > MAX_PROBLEM_BYTES {
            problem.truncate(problem.floor_char_boundary(MAX_PROBLEM_BYTES));
            problem.push('…');
        }
        Self::Mismatch { argument, problem: problem.into() }
    }
}

/// Why a value can't be sent. The caller's fault.
#[non_exhaustive]
#[derive(Error)]
pub enum EncodeError {
    /// The value has no JSON form.
    #[error("the arguments have no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// The event's name is reserved.
    #[error(
        "event name {name:?} is reserved; only the library itself may raise it, choose another"
    )]
    ReservedEventName {
        /// The name given.
        name: String,
    },
    /// Beside bytes there is an object that the peer would take for one of their placeholders.
    #[error(
        "an object has \"_placeholder\": true, which beside bytes stands for one of them; use another key"
    )]
    FalsePlaceholder,
}

// Both reach the application as they are, whose `main` may return them: what it prints is for people.

impl fmt::Debug for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
