//! Ends the process at a stage that the environment names: how the tests see what a crash there leaves behind.
//!
//! `SOCKEYE_RELAY_CRASH=confirmed:17` ends it, as if killed, when the 17th task is confirmed. Only in builds with debug
//! assertions; others do not look.

use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A boundary between two stages.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// A task was claimed, and nobody has it yet.
    Claimed,
    /// A task is about to be emitted.
    Sending,
    /// A task was emitted; its bytes may have left or not.
    Sent,
    /// What became of it is known here, and nowhere else.
    Confirmed,
    /// The store is about to be told.
    Settling,
    /// The store has been told.
    Settled,
    /// An event of the server was read, and nobody has it yet.
    Received,
    /// It is in the spool, and the server has no ack yet.
    Spooled,
    /// It is in the sink, and still in the spool.
    Sunk,
    /// It has left the spool.
    Deleted,
}

impl Stage {
    /// All of them, in the order in which a task, and then an event, passes them.
    pub const ALL: [Self; 10] = [
        Self::Claimed,
        Self::Sending,
        Self::Sent,
        Self::Confirmed,
        Self::Settling,
        Self::Settled,
        Self::Received,
        Self::Spooled,
        Self::Sunk,
        Self::Deleted,
    ];

    /// As the environment names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Settling => "settling",
            Self::Settled => "settled",
            Self::Received => "received",
            Self::Spooled => "spooled",
            Self::Sunk => "sunk",
            Self::Deleted => "deleted",
        }
    }
}

/// The environment variable.
pub const VARIABLE: &str = "SOCKEYE_RELAY_CRASH";

/// Where this process ends, and how often that is passed before.
struct End {
    stage: Stage,
    left: AtomicU64,
}

/// Says that a stage is reached.
pub(crate) fn point(stage: Stage) {
    static END: OnceLock<Option<End>> = OnceLock::new();

    if !cfg!(debug_assertions) {
        return;
    }
    let end = END.get_or_init(|| env::var(VARIABLE).ok().and_then(|text| parse(&text)));
    if let Some(end) = end
        && end.stage == stage
        && end.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}

fn parse(text: &str) -> Option<End> {
    let (stage, count) = text.split_once(':').unwrap_or((text, "1"));
    let stage = Stage::ALL.into_iter().find(|it| it.as_str() == stage)?;
    Some(End { stage, left: AtomicU64::new(count.parse().ok().filter(|&count| count > 0)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_and_a_count() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(Stage, u64)>) {
            let end = parse(text).map(|end| (end.stage, end.left.into_inner()));
            assert_eq!(end, expect, "{text:?}");
        }
        check("confirmed:17", Some((Stage::Confirmed, 17)));
        check("claimed", Some((Stage::Claimed, 1)));
        check("confirmed:0", None);
        check("confirmed:x", None);
        check("nowhere:1", None);
        check("", None);
        for stage in Stage::ALL {
            check(stage.as_str(), Some((stage, 1)));
        }
    }
}
