//! What one end of a connection wants and tolerates.

use std::time::Duration;

use sockeye_proto::{
    session::{Pace, websocket},
    wire::ws::deflate,
};

use crate::net::LONGEST;

/// Limits and wishes, the same for both roles.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use sockeye::ws::{Deflate, Options};
///
/// let options = Options::default()
///     .max_message_bytes(64 * 1024)
///     .deflate(Deflate::default())
///     .protocols(["chat"])
///     .keep_alive(Duration::from_secs(30));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) websocket: websocket::Config,
    pub(super) max_queued_bytes: usize,
    pub(super) keep_alive: Option<Duration>,
    pub(super) deflate: Option<deflate::Config>,
    pub(super) protocols: Vec<String>,
    pub(super) handshake_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            websocket: websocket::Config::default(),
            max_queued_bytes: 64 * 1024,
            keep_alive: None,
            deflate: None,
            protocols: Vec::new(),
            handshake_timeout: Duration::from_secs(20),
        }
    }
}

impl Options {
    /// Longest message accepted, in bytes after decompression. Default: 1,000,000.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.websocket = self.websocket.max_message_bytes(bytes);
        self
    }

    /// Most fragments without payload accepted in one message. Default: 1,000.
    ///
    /// Fragments with payload are bounded by the bytes of their message.
    pub fn max_empty_fragments(mut self, count: u32) -> Self {
        self.websocket = self.websocket.max_empty_fragments(count);
        self
    }

    /// How slowly a message that has begun may arrive: so many bytes within so long, counted while the connection is
    /// received from. Past that it is closed with code 1008. Default: 16 KiB within 30 s.
    pub fn progress(mut self, bytes: usize, within: Duration) -> Self {
        self.websocket = self.websocket.pace(Pace::new(bytes, within));
        self
    }

    /// How many bytes may wait for a peer that reads slowly before sending waits too. Default: 65,536.
    ///
    /// One message may begin below this bound and end above it, so a connection holds at most this and one message.
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes.max(1);
        self
    }

    /// How long the peer may take to answer a close frame. Default: 10 s. For a server that then leaves the stream open a client
    /// waits 1 s more, at most.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.websocket = self.websocket.close_timeout(timeout);
        self
    }

    /// Pings a peer that was silent for so long, and gives it up after as long again. Default: never.
    ///
    /// The time runs while the connection is read.
    pub fn keep_alive(mut self, silence: Duration) -> Self {
        self.keep_alive = Some(silence.min(LONGEST));
        self
    }

    /// Compresses messages if the peer can, too. Default: no compression.
    ///
    /// It costs up to 300 KB a connection and direction. Don't compress secrets together with text that an
    /// attacker chooses: lengths tell (CRIME, BREACH).
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.deflate = Some(config);
        self
    }

    /// Subprotocols we speak, the preferred first. Default: none.
    ///
    /// A client offers them. A server takes the first that the client offers, or none;
    /// [`WebSocket::protocol`](super::WebSocket::protocol) tells.
    pub fn protocols<P: Into<String>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.protocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// How long everything may take until the connection is open. Default: 20 s.
    ///
    /// For a client this counts from the look-up of the name; for [`accept`](super::accept), which has to bear
    /// clients that send their request byte by byte, from its call. With
    /// [`upgrade`](super::upgrade) and [`service`](super::service) it's the HTTP server that has to watch its clients.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}
