//! Why a session or a socket ended, in the reference server's own words.

use std::fmt;

/// Why a session (and with it every socket on it) or one socket ended.
///
/// [`Self::as_str`] gives the text that the reference server uses; the last group is Sockeye's own.
///
/// # Examples
///
/// ```
/// use sockeye_proto::session::Reason;
///
/// assert_eq!(Reason::PingTimeout.to_string(), "ping timeout");
/// assert!(Reason::ClientDisconnect.is_deliberate());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// The transport closed cleanly.
    TransportClose,
    /// The transport broke: a reset, a bad frame, a message over the limit.
    TransportError,
    /// The peer did not answer the heartbeat in time.
    PingTimeout,
    /// The peer sent an Engine.IO message that cannot be read; on a client also a Socket.IO packet.
    ParseError,
    /// The session was closed because of a malformed or forbidden Socket.IO packet.
    ForcedClose,
    /// No namespace was joined within the connect timeout.
    ForcedServerClose,
    /// The server is going away.
    ServerShuttingDown,
    /// The client left the namespace.
    ClientDisconnect,
    /// The server disconnected the socket.
    ServerDisconnect,
    /// The peer reads slower than it is sent to: its outbox reached a bound.
    SlowConsumer,
    /// The peer sends faster than its handlers work: its queued events reached the second bound.
    Overload,
}

impl Reason {
    /// The text that crosses the API boundary, as in the reference server.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
            Self::ForcedServerClose => "forced server close",
            Self::ServerShuttingDown => "server shutting down",
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ServerDisconnect => "server namespace disconnect",
            Self::SlowConsumer => "slow consumer",
            Self::Overload => "overload",
        }
    }

    /// Whether one of the two sides ended it on purpose, namespace by namespace.
    pub const fn is_deliberate(self) -> bool {
        matches!(self, Self::ClientDisconnect | Self::ServerDisconnect)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
