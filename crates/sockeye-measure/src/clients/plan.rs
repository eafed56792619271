//! What is measured of clients, how often, and what we ask of ours.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::comparison::{Bound, Launch, thousands};

/// A client of the comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    /// The system calls alone, and the bytes of the messages: what no client can do without.
    Floor,
    /// Ours.
    Sockeye,
    /// The crate `rust_socketio`, with a thread for each client.
    Rust,
    /// The same crate on tokio.
    RustAsync,
    /// npm `socket.io-client`.
    Node,
    /// `python-socketio` on asyncio and aiohttp.
    Python,
}

impl Client {
    /// As it heads its column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Sockeye => "Sockeye",
            Self::Rust => "rust_socketio 0.6",
            Self::RustAsync => "rust_socketio 0.6, async",
            Self::Node => "npm socket.io-client 4.8",
            Self::Python => "python-socketio 5, asyncio",
        }
    }

    /// Whether ours is compared with it.
    pub(crate) const fn is_rival(self) -> bool {
        !matches!(self, Self::Floor | Self::Sockeye)
    }

    /// Whether it can be asked for this.
    pub(crate) fn can(self, kind: Kind) -> bool {
        self != Self::Floor || matches!(kind, Kind::Ack | Kind::Receive)
    }
}

/// A kind of case.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// CPU per echoed ack.
    Ack,
    /// CPU per event received.
    Receive,
    /// Memory per idle client.
    Idle,
    /// The way back once the server has died.
    Storm,
}

/// One row of the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Case {
    /// CPU per event acknowledged with its argument.
    Ack { bytes: usize, in_flight: usize, count: u64 },
    /// CPU per event of a burst.
    Receive { bytes: usize, count: u64 },
    /// Memory per client that has joined its namespace.
    Idle { clients: usize },
    /// CPU per client from the server's death until all are back.
    StormCpu { clients: usize },
    /// The time that takes; the delay before the first attempt, half a second to one and a half, is in it.
    StormTime { clients: usize },
}

impl Case {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Ack { .. } => Kind::Ack,
            Self::Receive { .. } => Kind::Receive,
            Self::Idle { .. } => Kind::Idle,
            Self::StormCpu { .. } | Self::StormTime { .. } => Kind::Storm,
        }
    }

    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Ack { .. } | Self::Receive { .. } | Self::StormCpu { .. } => "us",
            Self::Idle { .. } => "bytes",
            Self::StormTime { .. } => "ms",
        }
    }

    /// What ours must not exceed: so many times the best of the others, as a rule.
    pub(crate) const fn bound(self) -> Option<Bound> {
        match self {
            Self::Ack { .. } | Self::Receive { .. } | Self::StormCpu { .. } => {
                Some(Bound::Times(0.5))
            }
            Self::Idle { .. } => Some(Bound::Bytes(8_192.0)),
            Self::StormTime { .. } => None, // chance rules it: the longest of many random delays
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ack { bytes, in_flight, .. } => {
                let bytes = thousands(*bytes as u64);
                write!(f, "us of CPU per ack, {bytes} B, {in_flight} in flight")
            }
            Self::Receive { bytes, .. } => write!(f, "us of CPU per event received, {bytes} B"),
            Self::Idle { clients } => {
                write!(f, "bytes per idle client, of {}", thousands(*clients as u64))
            }
            Self::StormCpu { clients } => {
                let clients = thousands(*clients as u64);
                write!(f, "us of CPU per client to reconnect, of {clients}")
            }
            Self::StormTime { clients } => {
                write!(f, "ms until {} are back", thousands(*clients as u64))
            }
        }
    }
}

/// The launches of one round: all cases, or only those of one kind; `quick` ones only show that everything works.
pub(crate) fn launches(only: Option<Kind>, quick: bool) -> Vec<Launch<Case>> {
    let share = if quick { 50 } else { 1 };
    let ack = |bytes, in_flight, count| Case::Ack { bytes, in_flight, count: count / share };
    let clients = if quick { 50 } else { 1_000 };
    // One program each: some do not survive them all.
    let alone = |case| Launch { clients: 1, cases: vec![case] };
    let mut launches = vec![
        alone(ack(64, 1, 20_000)),
        alone(ack(64, 64, 50_000)),
        alone(ack(4_096, 1, 10_000)),
        alone(ack(4_096, 64, 20_000)),
        alone(Case::Receive { bytes: 64, count: 100_000 / share }),
        Launch {
            clients,
            cases: vec![
                Case::Idle { clients },
                Case::StormCpu { clients },
                Case::StormTime { clients },
            ],
        },
    ];
    if let Some(only) = only {
        Launch::retain(&mut launches, |case| case.kind() == only);
    }
    launches
}
