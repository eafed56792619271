//! Where a target stands, for those who wait for it and for those who ask.

use std::{sync::Arc, time::SystemTime};

/// Where a target stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Its namespace is not joined; no task is claimed for it.
    Out {
        /// Since when.
        since: SystemTime,
        /// Why, as far as is known.
        because: Arc<str>,
        /// How many times it had been joined before.
        times: u64,
    },
    /// It is joined, and what has to be emitted first has been.
    In {
        /// Since when.
        since: SystemTime,
        /// How many times it has been joined, this one included.
        times: u64,
    },
}

impl Standing {
    /// Whether tasks can be emitted.
    #[must_use]
    pub const fn is_in(&self) -> bool {
        matches!(self, Self::In { .. })
    }

    /// How many times it has been joined.
    #[must_use]
    pub const fn times(&self) -> u64 {
        match self {
            Self::Out { times, .. } | Self::In { times, .. } => *times,
        }
    }

    /// Since when it stands there.
    #[must_use]
    pub const fn since(&self) -> SystemTime {
        match self {
            Self::Out { since, .. } | Self::In { since, .. } => *since,
        }
    }
}
