//! What came of asking for a namespace.

use serde_json::Value;
use sockeye_proto::wire::words::names_no_namespace;

use super::{End, Reception};

/// What came of asking for a namespace.
#[derive(Clone, Debug)]
pub(crate) enum Joined {
    /// We are in.
    In,
    /// The server says no: its message, and what else it says.
    Refused { message: String, data: Option<Value> },
    /// The session ended instead.
    Ended(End),
    /// A request of the session was refused.
    Lost(Box<Reception>),
    /// Nothing came in time.
    NoReply,
}

impl Joined {
    pub(crate) const fn is_in(&self) -> bool {
        matches!(self, Self::In)
    }

    /// Whether the server says that there is no such namespace, in the words of each server.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if names_no_namespace(message))
    }

    /// Whether there is such a namespace, although it may want something of us.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self, Self::In | Self::Refused { .. }) && !self.is_unknown()
    }
}

/// A packet that can't be read: a client ends the connection there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Violation {
    /// What is wrong with it.
    pub(crate) error: String,
    /// How it begins.
    pub(crate) packet: String,
}
