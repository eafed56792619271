//! Opens the byte stream to a server: its name, TCP, TLS, under one deadline.

use std::{
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use thiserror::Error;
use tokio::{
    net::{self, TcpStream},
    time,
};

use super::{Stream, Tls};

/// How long one address may keep the next one waiting (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to `host`, a name or an address without brackets; through TLS if certificates to believe are given.
pub(crate) async fn dial(
    host: &str,
    port: u16,
    tls: Option<&Tls>,
    deadline: Deadline,
) -> Result<Stream, DialError> {
    let at = || format!("{host}:{port}");
    let addresses: Vec<SocketAddr> = deadline
        .within(Step::Resolve, net::lookup_host((host, port)))
        .await?
        .map_err(|source| DialError::Resolve { host: host.to_owned(), source })?
        .collect();
    let stream = deadline
        .within(Step::Tcp, connect_any(addresses))
        .await?
        .map_err(|source| DialError::Tcp { address: at(), source })?;
    let Some(tls) = tls else { return Ok(Stream::tcp(stream)) };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let stream = deadline
        .within(Step::Tls, tls.connect(host, stream))
        .await?
        .map_err(|source| DialError::Tls { address: at(), source })?;
    Ok(Stream::Other(Box::new(stream)))
}

/// The first connection that comes about; the addresses are tried in their order, each with a head start.
async fn connect_any(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let is_last = match addresses.next() {
            Some(address) => {
                attempts.push(TcpStream::connect(address));
                addresses.len() == 0
            }
            None => true,
        };
        let attempt = if is_last {
            attempts.next().await
        } else {
            match time::timeout(HEAD_START, attempts.next()).await {
                Ok(attempt) => attempt,
                Err(_) => continue,
            }
        };
        match attempt {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failure = error,
            None => return Err(failure),
        }
    }
}

/// When a connection must be ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    /// A deadline `after` from now.
    pub(crate) fn new(after: Duration) -> Self {
        let now = time::Instant::now().into_std();
        // So far away that no clock reaches it is as good as never.
        let at = now.checked_add(after).unwrap_or(now + Duration::from_secs(1 << 30));
        Self { at, after }
    }

    /// Waits for `future`, but not beyond the deadline.
    pub(crate) async fn within<F: Future>(
        self,
        step: Step,
        future: F,
    ) -> Result<F::Output, DialError> {
        time::timeout_at(self.at.into(), future)
            .await
            .map_err(|_| DialError::Timeout { step, after: self.after })
    }
}

/// What a client does, one after the other, before it can speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Asks for the addresses of the server's name.
    Resolve,
    /// Connects to one of them.
    Tcp,
    /// Agrees on encryption.
    Tls,
    /// Sends the HTTP request and waits for the answer.
    Http,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the name",
            Self::Tcp => "connecting by TCP",
            Self::Tls => "the TLS handshake",
            Self::Http => "waiting for the HTTP response",
        })
    }
}

/// Why there is no stream to the server: the network, or what answers there.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DialError {
    /// The name has no address, or nobody could say.
    #[error("{host:?} can't be looked up: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// No address of the server takes connections.
    #[error("{address} can't be connected to: {source}")]
    Tcp {
        /// Name and port.
        address: String,
        /// What the system said to the last attempt.
        source: io::Error,
    },
    /// The server speaks no TLS, or its certificate is not believed.
    #[error("TLS with {address} failed: {source}")]
    Tls {
        /// Name and port.
        address: String,
        /// What rustls said.
        source: io::Error,
    },
    /// The deadline passed.
    #[error(
        "{step} was not done {after:?} after the start; the network or the server is slow or silent"
    )]
    Timeout {
        /// What was being done.
        step: Step,
        /// The deadline, counted from the start.
        after: Duration,
    },
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn address() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn addresses_that_refuse_are_passed_over() {
        let (refusing, refused) = address().await;
        drop(refusing);
        let (_listener, taken) = address().await;
        let stream = connect_any(vec![refused, refused, taken]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), taken);
        let failure = connect_any(vec![refused, refused]).await.unwrap_err();
        assert_eq!(failure.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect_any(vec![]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn an_address_that_never_answers_only_costs_its_head_start() {
        // An address for documentation (RFC 5737): nothing answers there, or a router says so.
        let silent = SocketAddr::from(([192, 0, 2, 1], 9));
        let (_listener, taken) = address().await;
        let stream = connect_any(vec![silent, taken]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), taken);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_names_the_step() {
        let deadline = Deadline::new(Duration::from_secs(3));
        let failure = deadline.within(Step::Tls, std::future::pending::<()>()).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the TLS handshake was not done 3s after the start; the network or the server is slow or silent"
        );
    }
}
