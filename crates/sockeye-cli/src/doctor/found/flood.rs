//! Pings that came faster than anybody can answer them.

use std::time::Duration;

/// More pings than a server may send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Flood {
    pub(crate) pings: u64,
    /// The time in which they came.
    pub(crate) within: Duration,
    /// How often the server said that it pings; `None` if it had not said so yet.
    pub(crate) announced: Option<Duration>,
    /// Whether the server reads what it is answered.
    pub(crate) is_read: bool,
}

impl Flood {
    /// In a few words.
    pub(crate) fn note(&self) -> String {
        let Self { pings, within, is_read, .. } = self;
        let reads = if *is_read { "" } else { ", and reads nothing" };
        format!("sends {pings} pings in {:.1} s{reads}", within.as_secs_f64())
    }
}
