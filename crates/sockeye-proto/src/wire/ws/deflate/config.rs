//! What one side wants of permessage-deflate, before it is negotiated.

use super::{DEFAULT_WINDOW_BITS, MIN_WINDOW_BITS};

/// The compression one side asks for (client) or grants (server).
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::deflate::Config;
///
/// // A server with many clients: nothing is kept between messages, in either direction.
/// let frugal = Config::default().server_no_context_takeover(true).client_no_context_takeover(true);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Config {
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: u8,
    pub(super) client_max_window_bits: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: DEFAULT_WINDOW_BITS,
            client_max_window_bits: DEFAULT_WINDOW_BITS,
        }
    }
}

impl Config {
    /// Whether the server must compress each message on its own. Default: false.
    pub fn server_no_context_takeover(mut self, on: bool) -> Self {
        self.server_no_context_takeover = on;
        self
    }

    /// Whether the client must compress each message on its own. Default: false.
    pub fn client_no_context_takeover(mut self, on: bool) -> Self {
        self.client_no_context_takeover = on;
        self
    }

    /// Largest window the server compresses with, as a power of two. Default: 15; brought into 9..=15.
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits.clamp(MIN_WINDOW_BITS, DEFAULT_WINDOW_BITS);
        self
    }

    /// Largest window the client compresses with, as a power of two. Default: 15; brought into 9..=15.
    ///
    /// A server with less than 15 grants no compression to a client that cannot limit its window.
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits.clamp(MIN_WINDOW_BITS, DEFAULT_WINDOW_BITS);
        self
    }
}
