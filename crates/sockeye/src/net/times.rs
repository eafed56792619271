//! Times that people set: long enough to be counted, and not so long that no deadline holds them.

use std::time::Duration;

use thiserror::Error;

/// Some decades: a longer time, such as [`Duration::MAX`], would not fit into a deadline.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
const SHORTEST: Duration = Duration::from_millis(1);

/// A time that nothing can be timed by. The caller's fault.
#[non_exhaustive]
#[derive(Clone, Eq, Error, PartialEq)]
pub enum TimeError {
    /// A time too short to count.
    #[error("{option} is {time:?}; it must be at least 1 ms")]
    TooShort {
        /// The builder's method, or a field of what it takes.
        option: &'static str,
        /// What it was given.
        time: Duration,
    },
    /// A time so long that deadlines can't hold it.
    #[error("{option} is {time:?}; it must be at most {LONGEST:?}")]
    TooLong {
        /// The builder's method, or a field of what it takes.
        option: &'static str,
        /// What it was given.
        time: Duration,
    },
}

reads_as_text!(TimeError);

/// Checks the times of a builder, each with the option's name.
///
/// # Errors
///
/// [`TimeError`], about the first that is wrong.
pub(crate) fn check_times<const N: usize>(
    times: [(&'static str, Duration); N],
) -> Result<(), TimeError> {
    for (option, time) in times {
        if time < SHORTEST {
            return Err(TimeError::TooShort { option, time });
        }
        if time > LONGEST {
            return Err(TimeError::TooLong { option, time });
        }
    }
    Ok(())
}
