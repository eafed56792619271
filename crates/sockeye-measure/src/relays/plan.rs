//! What is measured of relays, and what we ask of ours.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::comparison::thousands;

/// A way from a queue to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A loop of our client on a list in Redis: claim, emit with an ack, remove; 64 in flight.
    Bare,
    /// `sockeye relay` on a list in Redis.
    List,
    /// `sockeye relay` on a stream in Redis.
    Stream,
    /// `sockeye relay` on its own file.
    Sqlite,
    /// `python-socketio` and `redis`, a call at a time.
    Python,
    /// The same on asyncio, 64 in flight.
    PythonAsyncio,
}

impl Way {
    /// As it heads its column.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare loop, list",
            Self::List => "relay, list",
            Self::Stream => "relay, stream",
            Self::Sqlite => "relay, SQLite",
            Self::Python => "Python, a call at a time",
            Self::PythonAsyncio => "Python, asyncio",
        }
    }

    /// Whether it is `sockeye relay`.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::List | Self::Stream | Self::Sqlite)
    }

    /// Whether it can be asked for this.
    pub(crate) const fn can(self, kind: Kind) -> bool {
        match kind {
            Kind::Drain => true,
            Kind::Latency | Kind::Backlog => self.is_ours(),
            Kind::Store => matches!(self, Self::Sqlite),
        }
    }
}

/// A kind of case.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A queue that is full is emptied: time and CPU per task.
    Drain,
    /// Tasks come at a steady rate: how long each takes to the server.
    Latency,
    /// A great many tasks wait: the memory of the relay.
    Backlog,
    /// The store alone, beside the relay on it.
    Store,
}

/// How large the cases are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Tasks that a slow way drains, and a fast one.
    pub(crate) slow: u64,
    pub(crate) fast: u64,
    /// Tasks a second, and how many.
    pub(crate) per_second: u64,
    pub(crate) steady: u64,
    /// Tasks that wait, and how many of them are sent before memory is read.
    pub(crate) backlog: u64,
    pub(crate) drained: u64,
}

impl Sizes {
    pub(crate) const fn new(quick: bool) -> Self {
        if quick {
            Self {
                slow: 200,
                fast: 2_000,
                per_second: 1_000,
                steady: 1_000,
                backlog: 20_000,
                drained: 5_000,
            }
        } else {
            Self {
                slow: 5_000,
                fast: 100_000,
                per_second: 1_000,
                steady: 20_000,
                backlog: 1_000_000,
                drained: 200_000,
            }
        }
    }

    /// How many tasks `way` drains.
    pub(crate) const fn drain(self, way: Way) -> u64 {
        if matches!(way, Way::Python | Way::PythonAsyncio) { self.slow } else { self.fast }
    }
}

/// One row of the report.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// Microseconds from task to task while a full queue is drained.
    Time,
    /// Microseconds of CPU per task meanwhile.
    Cpu,
    /// The middle one of the times from putting to the server, in milliseconds.
    Middle,
    /// That which 99 of 100 do not exceed.
    Tail,
    /// Resident memory while a great many wait, at its most, in MiB.
    Memory,
    /// Microseconds from row to row of the bare store.
    Store,
}

impl Case {
    /// In the order of the rows.
    pub(crate) const ALL: [Self; 6] =
        [Self::Time, Self::Cpu, Self::Middle, Self::Tail, Self::Memory, Self::Store];

    pub(crate) fn title(self, sizes: Sizes) -> String {
        let (rate, backlog) = (thousands(sizes.per_second), thousands(sizes.backlog));
        match self {
            Self::Time => "us per task, ack, 64 in flight".to_owned(),
            Self::Cpu => "us of CPU per task".to_owned(),
            Self::Middle => format!("ms from putting to the server at {rate}/s, median"),
            Self::Tail => format!("ms from putting to the server at {rate}/s, p99"),
            Self::Memory => format!("MiB at most with {backlog} waiting"),
            Self::Store => "us per row of the bare store".to_owned(),
        }
    }
}

/// What is asked of ours: a figure, at most so much, or at most so many times another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub(crate) case: Case,
    pub(crate) way: Way,
    pub(crate) most: Most,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Most {
    Value(f64),
    /// Times that figure in the same round.
    Times(f64, Case, Way),
}

/// All that is asked.
pub(crate) const PROMISES: &[Promise] = &[
    Promise { case: Case::Time, way: Way::List, most: Most::Times(0.1, Case::Time, Way::Python) },
    Promise {
        case: Case::Time,
        way: Way::List,
        most: Most::Times(1.0 / 3.0, Case::Time, Way::PythonAsyncio),
    },
    Promise { case: Case::Cpu, way: Way::List, most: Most::Times(2.0, Case::Cpu, Way::Bare) },
    Promise { case: Case::Cpu, way: Way::Stream, most: Most::Times(2.0, Case::Cpu, Way::Bare) },
    Promise {
        case: Case::Time,
        way: Way::Sqlite,
        most: Most::Times(2.0, Case::Store, Way::Sqlite),
    },
    Promise { case: Case::Tail, way: Way::List, most: Most::Value(10.0) },
    Promise { case: Case::Tail, way: Way::Stream, most: Most::Value(10.0) },
    Promise { case: Case::Tail, way: Way::Sqlite, most: Most::Value(50.0) },
    Promise { case: Case::Memory, way: Way::List, most: Most::Value(40.0) },
    Promise { case: Case::Memory, way: Way::Stream, most: Most::Value(40.0) },
    Promise { case: Case::Memory, way: Way::Sqlite, most: Most::Value(40.0) },
];

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(most) => write!(f, "{most:.0}"),
            Self::Times(most, Case::Store, _) => write!(f, "{most:.2} x the bare store"),
            Self::Times(most, _, way) => write!(f, "{most:.2} x {}", way.title()),
        }
    }
}
