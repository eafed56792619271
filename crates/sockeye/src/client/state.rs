//! Where a client's connection stands, and how one ended.

use std::{fmt, sync::Arc, time::Duration};

use sockeye_proto::{
    session::{Reason, websocket::Close},
    wire::engine::Version,
};

use super::{Left, OpenError, Transport};

/// Where a client's connection stands; [`Client::state`](super::Client::state) is told of each change.
///
/// ```text
/// Connecting ──▶ Connected ◀──▶ Reconnecting
///      └─────────────┴───────────────┴──────▶ Closed
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum ConnectionState {
    /// It has not been connected yet.
    Connecting {
        /// Which attempt this is, from 1.
        attempt: u32,
        /// How long it waits before the attempt begins; `None` while it is under way.
        next_delay: Option<Duration>,
        /// Why the attempt before it failed.
        last_error: Option<Arc<OpenError>>,
    },
    /// All namespaces that could be joined are joined.
    Connected {
        /// What carries it. When it moves from polling to WebSocket, the state is told anew.
        transport: Transport,
        /// The version of Engine.IO that it speaks.
        version: Version,
    },
    /// The connection was lost, and is made again.
    Reconnecting {
        /// How the last one ended.
        because: Arc<Disconnect>,
        /// Which attempt this is, from 1.
        attempt: u32,
        /// How long it waits before the attempt begins; `None` while it is under way.
        next_delay: Option<Duration>,
        /// Why the attempt before it failed.
        last_error: Option<Arc<OpenError>>,
    },
    /// It is over, and will not be connected again.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl ConnectionState {
    /// Whether it is [`Self::Connected`].
    pub const fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. })
    }
}

/// How a connection ended.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Disconnect {
    /// Why.
    pub reason: Reason,
    /// What the server closed the WebSocket with, if it did and said why.
    pub close: Option<Close>,
    /// What was wrong, for people, where there is more to say than the reason: what the server sent that can't be read, or
    /// the request that failed, and how.
    pub cause: Option<String>,
    /// Whether that cause is something that the server sent and must not, for which this side ended the connection. It will
    /// send it again.
    pub is_violation: bool,
    /// How long it had lasted.
    pub after: Duration,
    /// How long before the end the server had last shown that it lives: by a ping in version 4, by a pong in version 3, or
    /// by whatever else it sent.
    pub last_heard: Option<Duration>,
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(cause) = &self.cause {
            write!(f, " ({cause})")?;
        }
        write!(f, " after {:.1?}", self.after)?;
        if let Some(Close { code, reason }) = &self.close {
            write!(f, ", close code {}", code.as_u16())?;
            if !reason.is_empty() {
                write!(f, " {reason:?}")?;
            }
        }
        if let Some(silence) = self.last_heard {
            write!(f, ", last heard of {silence:.1?} before")?;
        }
        Ok(())
    }
}

/// Why a client is closed for good.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum CloseReason {
    /// [`Client::close`](super::Client::close) was called, or its last handle dropped.
    Closed,
    /// No namespace is left: each was refused, or left by one of the two sides. This is why the last one was.
    NothingJoined(Left),
    /// There were as many attempts as there may be; this is what became of the last.
    GaveUp(Arc<OpenError>),
    /// The connection was lost, and is not to be made again.
    Lost(Arc<Disconnect>),
    /// Code of the application panicked where nothing else could be ended in its stead; this is what the panic said.
    Panicked(String),
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by this side"),
            Self::NothingJoined(left) => write!(f, "no namespace is left: {left}"),
            Self::GaveUp(error) => write!(f, "gave up: {error}"),
            Self::Lost(disconnect) => write!(f, "lost: {disconnect}"),
            Self::Panicked(text) => write!(f, "closed by a panic: {text}"),
        }
    }
}

/// Whether a namespace is joined.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Membership {
    /// Not yet, or not any more, but it is being tried.
    Joining {
        /// Why the last try failed.
        last_failure: Option<Left>,
    },
    /// It is.
    Joined {
        /// The server's id of this membership; on servers of version 3, of the session.
        id: Arc<str>,
        /// Whether the server has restored the state of the membership before; then no event was missed.
        recovered: bool,
    },
    /// It is not, and is not tried any more.
    Left(Left),
}
