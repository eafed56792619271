//! The options of `listen`.

use clap::Args;
use sockeye_relay::glob::Glob;

use crate::{
    reach::{Connection, Keep, Talk},
    units::{Count, Time},
    values::Pattern,
};

/// Show events as they come
///
/// Ends when the connection does (exit code 9), unless --reconnect makes it again.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(flatten)]
    pub(super) until: Until,
    /// Answer events that ask for an ack with this one argument; without it they are not answered
    #[arg(long, value_name = "JSON")]
    pub(super) ack_with: Option<String>,
    #[command(flatten)]
    pub(super) keep: Keep,
    #[command(flatten)]
    pub(super) talk: Talk,
}

/// Which events count, and how long to listen.
#[derive(Debug, Args)]
pub(super) struct Until {
    /// Only events with this name, in which * stands for any characters and ? for one; may be repeated
    #[arg(long = "event", value_name = "GLOB")]
    events: Vec<Glob>,
    /// End after so many events; with --for, fewer are exit code 8
    #[arg(long, value_name = "N")]
    pub(super) count: Option<Count>,
    /// End after this time
    #[arg(long = "for", value_name = "TIME")]
    pub(super) limit: Option<Time>,
    /// End with an event that has this: JSON that one argument is (objects may have more keys), or a text in its
    /// arguments or as its name. If it does not come before --count or --for end, exit code 10
    #[arg(long = "until", value_name = "JSON")]
    pub(super) pattern: Option<Pattern>,
}

impl Until {
    /// Whether events of this name count.
    pub(super) fn wants(&self, event: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|glob| glob.matches(event))
    }

    /// Whether this event is the one to wait for.
    pub(super) fn is_met(&self, event: &str, args: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_in(event, args))
    }
}
