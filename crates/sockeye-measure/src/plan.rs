//! What is measured: the cases, how often, and what we ask of ourselves.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

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

/// What a case must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// So many bytes.
    Bytes(f64),
    /// So many times the floor.
    TimesFloor(f64),
    /// So many times npm `socket.io`; there is no floor for it.
    TimesNode(f64),
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
    pub fn target(self) -> Target {
        match self {
            Self::Idle => Target::Bytes(2_048.0),
            Self::Ack { bytes, .. } if bytes < 1_024 => Target::TimesFloor(1.8),
            Self::Ack { .. } => Target::TimesFloor(2.0),
            Self::Broadcast { burst: 1, .. } => Target::TimesFloor(1.15),
            Self::Broadcast { .. } => Target::TimesFloor(1.25),
            Self::Poll { .. } => Target::TimesNode(0.5),
        }
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

/// Cases that share one start of a server and one set of connections.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Launch {
    /// Clients, all in the namespace `/`.
    pub sockets: usize,
    /// What is measured on them, one after the other.
    pub cases: Vec<Case>,
}

impl Launch {
    /// Whether its clients poll; then they do nothing else.
    pub fn polls(&self) -> bool {
        self.cases.iter().any(|case| case.kind() == Kind::Poll)
    }

    /// Connections that are open at once; a client that polls has two.
    pub fn open_files(&self) -> usize {
        if self.polls() { 2 * self.sockets } else { self.sockets }
    }
}

/// The launches of one round: all cases, or only those of one kind; `quick` ones are too small
/// for figures worth keeping and only show that everything works.
pub fn launches(only: Option<Kind>, quick: bool) -> Vec<Launch> {
    let ack = |bytes, each| Case::Ack { bytes, in_flight: 8, each };
    let broadcast = |burst, bursts| Case::Broadcast { bytes: 128, burst, bursts };
    let poll = |each| Case::Poll { bytes: 64, each };
    let mut launches = if quick {
        vec![
            Launch { sockets: 20, cases: vec![ack(64, 500), ack(4_096, 100)] },
            Launch { sockets: 100, cases: vec![broadcast(1, 20), broadcast(4, 10)] },
            Launch { sockets: 500, cases: vec![Case::Idle, broadcast(1, 5), broadcast(4, 2)] },
            Launch { sockets: 10, cases: vec![poll(100)] },
        ]
    } else {
        vec![
            Launch { sockets: 100, cases: vec![ack(64, 2_000), ack(4_096, 1_000)] },
            Launch { sockets: 1_000, cases: vec![broadcast(1, 250), broadcast(4, 120)] },
            Launch { sockets: 10_000, cases: vec![Case::Idle, broadcast(1, 30), broadcast(4, 12)] },
            Launch { sockets: 100, cases: vec![poll(300)] },
        ]
    };
    if let Some(only) = only {
        for launch in &mut launches {
            launch.cases.retain(|case| case.kind() == only);
        }
        launches.retain(|launch| !launch.cases.is_empty());
    }
    launches
}

/// `12345` as `12,345`.
pub(crate) fn thousands(number: u64) -> String {
    if number < 1_000 {
        return number.to_string();
    }
    format!("{},{:03}", thousands(number / 1_000), number % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (10_007, "10,007"), (1_000_000, "1,000,000")]
        {
            assert_eq!(thousands(number), text);
        }
    }

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
