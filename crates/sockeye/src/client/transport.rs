//! What carries a session, and which of them a client may use.

use std::fmt;

/// What carries a session at first.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// HTTP requests: gets through where nothing else does. It moves to a WebSocket as soon as it can.
    Polling,
    /// A WebSocket from the start.
    WebSocket,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        })
    }
}
