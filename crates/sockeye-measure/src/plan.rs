//! What is measured: the cases, how often, and what we ask of ourselves.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::comparison::{Bound, Launch, thousands};

/// A server of the comparison.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ServerName {
    /// The system calls alone; what the others are compared with.
    Floor,
    /// Ours: the example `interop_server`.
    Sockeye,
    /// npm `socket.io`.
    Node,
    /// The crate `socketioxide`.
    Oxide,
}

impl ServerName {
    /// As it is written on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Sockeye => "sockeye",
            Self::Node => "node",
            Self::Oxide => "oxide",
        }
    }

    /// As it heads its column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Sockeye => "Sockeye",
            Self::Node => "npm socket.io 4.8",
            Self::Oxide => "socketioxide 0.18",
        }
    }
}

/// A kind of case.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// Memory per idle connection.
    Idle,
    /// CPU per echoed ack.
    Ack,
    /// CPU per broadcast delivery.
    Broadcast,
    /// CPU per ack to a client that polls.
    Poll,
}

/// One figure of the report.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Case {
    /// User memory per connection that has sent one event and got its ack.
    Idle,
    /// CPU per event acknowledged with its argument.
    Ack {
        /// Bytes of the argument.
        bytes: usize,
        /// Events under way per connection.
        in_flight: u64,
        /// Events per connection.
        each: u64,
    },
    /// CPU per socket that a broadcast reaches.
    Broadcast {
        /// Bytes of the argument.
        bytes: usize,
        /// Broadcasts asked for at once.
        burst: u64,
        /// How often.
        bursts: u64,
    },
    /// CPU per event that came with a POST and whose ack left with a GET.
    Poll {
        /// Bytes of the argument.
        bytes: usize,
        /// Events per client, one after the other.
        each: u64,
    },
}

impl Case {
    /// Which kind of case it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Idle => Kind::Idle,
            Self::Ack { .. } => Kind::Ack,
            Self::Broadcast { .. } => Kind::Broadcast,
            Self::Poll { .. } => Kind::Poll,
        }
    }

    /// What Sockeye must not exceed here.
    pub(crate) fn bound(self) -> Bound {
        match self {
            Self::Idle => Bound::Bytes(2_048.0),
            Self::Ack { bytes, .. } if bytes < 1_024 => Bound::Times(1.8),
            Self::Ack { .. } => Bound::Times(2.0),
            Self::Broadcast { burst: 1, .. } => Bound::Times(1.15),
            Self::Broadcast { .. } => Bound::Times(1.25),
            Self::Poll { .. } => Bound::Times(0.5),
        }
    }

    /// Whose figure it is compared with: the floor's, which knows no polling.
    pub(crate) fn compared_with(self) -> ServerName {
        match self {
            Self::Poll { .. } => ServerName::Node,
            _ => ServerName::Floor,
        }
    }

    /// As the report names it.
    pub(crate) fn unit(self) -> &'static str {
        if self == Self::Idle { "bytes" } else { "us" }
    }

    /// What the figure is, for a load on so many `sockets`.
    pub fn title(self, sockets: usize) -> String {
        let sockets = thousands(sockets as u64);
        match self {
            Self::Idle => format!("bytes per idle connection, of {sockets}"),
            Self::Ack { bytes, in_flight, .. } => {
                format!(
                    "us per ack, {} B, {sockets} x {in_flight} in flight",
                    thousands(bytes as u64)
                )
            }
            Self::Broadcast { bytes, burst: 1, .. } => {
                format!("us per delivery, {bytes} B to {sockets}")
            }
            Self::Broadcast { bytes, burst, .. } => {
                format!("us per delivery, {bytes} B to {sockets}, bursts of {burst}")
            }
            Self::Poll { bytes, .. } => {
                format!("us per ack, {bytes} B, polling, {sockets} clients")
            }
        }
    }
}

impl Launch<Case> {
    /// Whether its clients poll; then they do nothing else.
    pub(crate) fn polls(&self) -> bool {
        self.cases.iter().any(|case| case.kind() == Kind::Poll)
    }

    /// Connections that are open at once; a client that polls has two.
    pub(crate) fn open_files(&self) -> usize {
        if self.polls() { 2 * self.clients } else { self.clients }
    }
}

/// The launches of one round: all cases, or only those of one kind; `quick` ones are too small
/// for figures worth keeping and only show that everything works.
pub(crate) fn launches(only: Option<Kind>, quick: bool) -> Vec<Launch<Case>> {
    let ack = |bytes, each| Case::Ack { bytes, in_flight: 8, each };
    let broadcast = |burst, bursts| Case::Broadcast { bytes: 128, burst, bursts };
    let poll = |each| Case::Poll { bytes: 64, each };
    let mut launches = if quick {
        vec![
            Launch { clients: 20, cases: vec![ack(64, 500), ack(4_096, 100)] },
            Launch { clients: 100, cases: vec![broadcast(1, 20), broadcast(4, 10)] },
            Launch { clients: 500, cases: vec![Case::Idle, broadcast(1, 5), broadcast(4, 2)] },
            Launch { clients: 10, cases: vec![poll(100)] },
        ]
    } else {
        vec![
            Launch { clients: 100, cases: vec![ack(64, 2_000), ack(4_096, 1_000)] },
            Launch { clients: 1_000, cases: vec![broadcast(1, 250), broadcast(4, 120)] },
            Launch { clients: 10_000, cases: vec![Case::Idle, broadcast(1, 30), broadcast(4, 12)] },
            Launch { clients: 100, cases: vec![poll(300)] },
        ]
    };
    if let Some(only) = only {
        Launch::retain(&mut launches, |case| case.kind() == only);
    }
    launches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_leaves_only_its_cases() {
        for (only, launch_count) in [
            (None, 4),
            (Some(Kind::Idle), 1),
            (Some(Kind::Ack), 1),
            (Some(Kind::Broadcast), 2),
            (Some(Kind::Poll), 1),
        ] {
            for quick in [false, true] {
                let launches = launches(only, quick);
                assert_eq!(launches.len(), launch_count, "{only:?}");
                let mut cases = launches.iter().flat_map(|launch| &launch.cases);
                assert!(cases.all(|case| only.is_none_or(|only| case.kind() == only)));
            }
        }
    }
}
