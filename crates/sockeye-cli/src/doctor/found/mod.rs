//! What the checks found, for the judge: values, no text for people.

mod flood;
mod joined;
pub(crate) mod life;
mod network;
mod reception;
mod said;
pub(crate) mod tls;
mod watched;

use std::time::Duration;

use sockeye::client::DialError;
use sockeye_proto::wire::engine::Version;

use self::tls::Examined;
pub(crate) use self::{
    flood::Flood,
    joined::{Joined, Violation},
    network::{Refused, RefusedBy, Tried},
    reception::{Broken, Front, Opened, Raw, Reception, Stranger, excerpt},
    said::{End, Said},
    watched::Watched,
};

/// Everything that is known about the server. What was not reached is absent.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The addresses of its name, or why there is none.
    pub(crate) dns: Option<Result<(), String>>,
    /// What came of connecting to each.
    pub(crate) tcp: Vec<Tried>,
    /// Why no stream could be opened, although an address or a proxy was there.
    pub(crate) dial: Option<DialError>,
    /// What its TLS is like.
    pub(crate) tls: Option<Examined>,
    pub(crate) polling: ByVersion,
    pub(crate) websocket: ByVersion,
    /// Whether the port speaks TLS, where the URL says that it does not.
    pub(crate) speaks_tls: bool,
    pub(crate) paths: Option<Paths>,
    pub(crate) upgrade: Option<Upgrade>,
    /// A session that had just begun was unknown at its next request.
    pub(crate) lost_session: bool,
    /// What the joins went over.
    pub(crate) joined_by: Option<&'static str>,
    /// The namespaces that were asked for.
    pub(crate) joins: Vec<(String, Joined)>,
    /// Those that were tried, too.
    pub(crate) others: Vec<(String, Joined)>,
    /// What came of joining with the other parser.
    pub(crate) other_parser: Option<Joined>,
    pub(crate) heartbeat: Option<Heartbeat>,
    /// More pings than the server may send.
    pub(crate) flood: Option<Flood>,
    /// What of the server's packets can't be read.
    pub(crate) violation: Option<Violation>,
    /// Whether an event came.
    pub(crate) heard_event: bool,
    /// What became of the links that were watched.
    pub(crate) watched: Option<Watched>,
}

impl Found {
    /// All namespaces that were tried, those asked for first.
    pub(crate) fn tried(&self) -> impl Iterator<Item = &(String, Joined)> {
        self.joins.iter().chain(&self.others)
    }
}

/// The answers to both versions of Engine.IO, on one transport.
#[derive(Debug, Default)]
pub(crate) struct ByVersion {
    pub(crate) v4: Option<Reception>,
    pub(crate) v3: Option<Reception>,
}

impl ByVersion {
    pub(crate) fn set(&mut self, version: Version, answer: Reception) {
        match version {
            Version::V3 => self.v3 = Some(answer),
            Version::V4 => self.v4 = Some(answer),
        }
    }

    pub(crate) fn answers(&self) -> impl Iterator<Item = &Reception> {
        self.v4.iter().chain(&self.v3)
    }

    /// Whether a session was opened in this version, whatever was asked for.
    pub(crate) fn speaks(&self, version: Version) -> bool {
        self.answers().any(|answer| answer.speaks(version))
    }

    pub(crate) fn opened(&self) -> Option<&Opened> {
        self.answers().find_map(Reception::opened)
    }

    /// What tells most: the answer in the version that was asked for, else the other.
    pub(crate) const fn asked_for(&self, version: Version) -> Option<&Reception> {
        let (first, second) = match version {
            Version::V3 => (&self.v3, &self.v4),
            Version::V4 => (&self.v4, &self.v3),
        };
        match first {
            Some(answer) => Some(answer),
            None => second.as_ref(),
        }
    }
}

/// What was found where Engine.IO was not.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    pub(crate) tried: Vec<String>,
    /// Where Engine.IO answers.
    pub(crate) engine: Option<String>,
    /// Where a WebSocket of another kind answers.
    pub(crate) raw: Option<(String, Raw)>,
}

/// What came of moving a session on polling to a WebSocket.
#[derive(Debug)]
pub(crate) enum Upgrade {
    Done,
    /// There was no WebSocket for it.
    Refused(Box<Reception>),
    /// There was one, but no answer to the probe; or this one.
    NotProbed(Option<Said>),
}

/// What was seen of the heartbeat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Heartbeat {
    /// It came.
    Seen,
    /// It is not due yet.
    NotDue,
    /// It did not come in its time.
    Missing { within: Duration },
    /// The server sent us away before.
    Disconnected,
    /// The session ended before.
    Ended,
}
