//! What a front allows a connection.

use std::{io, time::Duration};

use sockeye_proto::session::Pace;

use crate::net::check_times;

/// What [`serve`](super::serve) allows each connection, and how many there may be.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use sockeye::server::serve::Limits;
///
/// let limits = Limits::default().header_timeout(Duration::from_secs(5)).max_connections(10_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub struct Limits {
    pub(super) header_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) progress: (usize, Duration),
    pub(super) max_connections: usize,
    pub(super) max_connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            progress: (16 * 1024, Duration::from_secs(30)),
            max_connections: usize::MAX,
            max_connections_per_address: usize::MAX,
        }
    }
}

impl Limits {
    /// How long a client may take to agree on TLS, to send the headers of a request, and to begin the next one.
    /// Default: 10 s.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// How long a client may take nothing of what it is sent. Default: 30 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How slowly a client may send the body of a request, or read what it is sent: so many bytes within so long,
    /// counted while it is waited for. Default: 16 KiB within 30 s.
    pub fn progress(mut self, bytes: usize, within: Duration) -> Self {
        self.progress = (bytes, within);
        self
    }

    /// Connections that may be open at a time; a further one is answered 503 and closed. Default: no bound.
    ///
    /// Sessions on a WebSocket don't count: they have the bound [`Builder::max_sessions`](crate::server::Builder::max_sessions).
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// The same for the connections of one address (of IPv6, one network of 64 bits); a further one is answered 429.
    /// Default: no bound.
    ///
    /// Behind a proxy everybody has the address of the proxy: those named by
    /// [`Serve::trusted_proxies`](super::Serve::trusted_proxies) are not counted, and as long as none is named, nor are
    /// addresses of this machine and of local networks.
    pub fn max_connections_per_address(mut self, count: usize) -> Self {
        self.max_connections_per_address = count;
        self
    }

    /// How slowly a body may come in.
    pub(super) fn body_pace(&self) -> Pace {
        Pace::new(self.progress.0, self.progress.1)
    }

    /// How slowly an answer may leave.
    pub(super) fn write_pace(&self) -> Pace {
        self.body_pace().with_patience(self.write_timeout)
    }

    pub(super) fn check(&self) -> io::Result<()> {
        check_times([
            ("header_timeout", self.header_timeout),
            ("write_timeout", self.write_timeout),
            ("progress within", self.progress.1),
        ])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        for (option, number) in [
            ("progress bytes", self.progress.0),
            ("max_connections", self.max_connections),
            ("max_connections_per_address", self.max_connections_per_address),
        ] {
            if number == 0 {
                return unfit(format!("{option} is 0; it must be at least 1"));
            }
        }
        Ok(())
    }
}

pub(super) fn unfit(text: String) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
