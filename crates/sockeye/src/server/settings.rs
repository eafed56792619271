//! What a builder is set to, for programs that lay settings of their own over its defaults, and show them.

use std::time::Duration;

use super::Builder;

/// What a [`Builder`] is set to; each field is described at the method of its name.
///
/// # Examples
///
/// ```
/// use sockeye::server::Server;
///
/// let defaults = Server::builder().settings();
/// assert_eq!(defaults.ping_interval.as_secs(), 25);
/// assert_eq!(defaults.max_payload_bytes, 1_000_000);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// [`Builder::ping_interval`].
    pub ping_interval: Duration,
    /// [`Builder::ping_timeout`].
    pub ping_timeout: Duration,
    /// [`Builder::connect_timeout`].
    pub connect_timeout: Duration,
    /// [`Builder::write_timeout`].
    pub write_timeout: Duration,
    /// [`Builder::progress`]: so many bytes within so long.
    pub progress: (usize, Duration),
    /// [`Builder::max_payload_bytes`].
    pub max_payload_bytes: usize,
    /// [`Builder::max_namespaces`].
    pub max_namespaces: usize,
    /// [`Builder::max_sessions`].
    pub max_sessions: usize,
    /// [`Builder::max_sessions_per_address`].
    pub max_sessions_per_address: usize,
    /// [`Builder::outbox`]: packets and bytes.
    pub outbox: (usize, usize),
    /// [`Builder::backlog`]: events, bytes, and the longest pause.
    pub backlog: (usize, usize, Duration),
}

impl Builder {
    /// What it is set to by now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let Self { config, outbox, backlog, write_timeout, progress, .. } = self;
        Settings {
            ping_interval: config.timing.ping_interval,
            ping_timeout: config.timing.ping_timeout,
            connect_timeout: config.connect_timeout,
            write_timeout: *write_timeout,
            progress: *progress,
            max_payload_bytes: config.max_payload_bytes,
            max_namespaces: config.max_namespaces,
            max_sessions: self.max_sessions,
            max_sessions_per_address: self.max_sessions_per_address,
            outbox: (outbox.max_packets, outbox.max_bytes),
            backlog: (backlog.max_events, backlog.max_bytes, backlog.max_pause),
        }
    }
}
