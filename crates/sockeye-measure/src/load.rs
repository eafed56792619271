//! The load: many connections from one lean process, and what they send.

mod ack;
mod broadcast;
mod connection;
mod fleet;
mod http;
mod poll;

use std::io;
use std::time::Duration;

use thiserror::Error;

pub(crate) use ack::AckLoad;
pub(crate) use broadcast::BroadcastLoad;
pub(crate) use fleet::Fleet;
pub(crate) use http::Http;
pub(crate) use poll::PollLoad;

use crate::order::Faults;

/// With nothing arriving for so long, what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one part of a load saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Messages that arrived, once each.
    pub(crate) arrived: u64,
    pub(crate) faults: Faults,
}

/// Why a load ended early.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum LoadError {
    /// The server refused or broke the handshake.
    #[error("the server answered {found:?} while a connection was {phase}")]
    Handshake {
        /// What the connection was waiting for.
        phase: &'static str,
        /// What came instead, shortened.
        found: String,
    },
    /// The server sent something that is not WebSocket, or not needed here.
    #[error("the server sent what the load cannot read: {0}")]
    Frame(String),
    /// The server answered an HTTP request with something else than a whole 200.
    #[error("the server sent an HTTP answer that the load cannot use: {0:?}")]
    Http(String),
    /// The server closed a connection.
    #[error("the server closed a connection during the load")]
    Closed,
    /// The server left connections waiting.
    #[error("only {ready} of {wanted} connections were ready when nothing came any more")]
    NotReady {
        /// Connections that joined the namespace.
        ready: usize,
        /// Connections asked for.
        wanted: usize,
    },
    /// The network said no.
    #[error("network: {0}")]
    Network(#[from] io::Error),
}
