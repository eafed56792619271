//! Opens the byte stream to a server: its name, TCP, proxy, TLS, under one deadline.

use std::{
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use http::{HeaderMap, HeaderValue, header};
use rustls::ProtocolVersion;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{self, TcpStream},
    time,
};
use tokio_rustls::client::TlsStream;

use super::{
    Address, Proxy, ProxyError, ProxyFailure, Seen, Stream, Tap, Tls, TlsError,
    headers::user_agent,
    proxy::{Via, host_and_port},
};

/// How long one address may keep the next one waiting (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Where a server is, and the way there.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Name or address, without brackets.
    host: String,
    port: u16,
    tls: Option<Tls>,
    proxy: Option<Via>,
    /// What a proxy is told that we are.
    agent: HeaderValue,
    tap: Option<Tap>,
}

impl Route {
    /// The way to `address`: by TLS if its URL says so, with the platform's certificates unless others are given.
    pub(crate) fn new(
        address: &Address,
        tls: Option<&Tls>,
        proxy: &Proxy,
    ) -> Result<Self, RouteError> {
        let tls = match tls {
            _ if !address.is_secure => None,
            Some(tls) => Some(tls.clone()),
            None => Some(Tls::platform()?),
        };
        let proxy = proxy.on_the_way_to(address)?;
        let (host, port) = (address.host.clone(), address.port);
        Ok(Self { host, port, tls, proxy, agent: user_agent(), tap: None })
    }

    /// Calls us the same on the way as these headers do to the server; a proxy is told nothing else of them.
    pub(crate) fn named(self, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT).cloned().unwrap_or(self.agent);
        Self { agent, ..self }
    }

    /// Tells what passes on the way, and from there on.
    pub(crate) fn watched(self, tap: Option<Tap>) -> Self {
        Self { tap, ..self }
    }

    /// Who is told what passes.
    pub(crate) const fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    /// The same way, without TLS at its end.
    pub(crate) fn without_tls(self) -> Self {
        Self { tls: None, ..self }
    }

    /// The URL of the proxy, without user and password.
    pub(crate) fn proxy(&self) -> Option<String> {
        self.proxy.as_ref().map(ToString::to_string)
    }
}

/// Why there is no way to a server. The caller's fault, or the system's.
#[derive(Error)]
pub(crate) enum RouteError {
    /// There are no certificates to check the server's by.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    /// The proxy named is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// Connects to a server. Dropping the future leaves nothing behind.
pub(crate) async fn dial(route: &Route, deadline: Deadline) -> Result<Stream, DialError> {
    let stream = match &route.proxy {
        None => tcp(&route.host, route.port, deadline, route.tap()).await?,
        Some(via) => through(via, route, deadline).await.map_err(|source| DialError::Proxy {
            proxy: via.to_string(),
            address: host_and_port(&route.host, route.port),
            source,
        })?,
    };
    match &route.tls {
        None => Ok(stream),
        Some(tls) => secure(stream, tls, (&route.host, route.port), deadline, route.tap()).await,
    }
}

async fn tcp(
    host: &str,
    port: u16,
    deadline: Deadline,
    tap: Option<&Tap>,
) -> Result<Stream, DialError> {
    let addresses = resolve(host, port, deadline, tap).await?;
    let began = Instant::now();
    let stream = deadline
        .within(Step::Tcp, connect_any(addresses))
        .await?
        .map_err(|source| DialError::Tcp { address: host_and_port(host, port), source })?;
    if let Some(tap) = tap
        && let Ok(address) = stream.peer_addr()
    {
        tap.see(&Seen::Connected { address, took: began.elapsed() });
    }
    Ok(Stream::tcp(stream))
}

async fn resolve(
    host: &str,
    port: u16,
    deadline: Deadline,
    tap: Option<&Tap>,
) -> Result<Vec<SocketAddr>, DialError> {
    let began = Instant::now();
    let addresses = deadline
        .within(Step::Resolve, net::lookup_host((host, port)))
        .await?
        .map_err(|source| DialError::Resolve { host: host.to_owned(), source })?;
    let addresses: Vec<_> = addresses.collect();
    if let Some(tap) = tap {
        tap.see(&Seen::Resolved { host, addresses: &addresses, took: began.elapsed() });
    }
    Ok(addresses)
}

async fn secure(
    stream: Stream,
    tls: &Tls,
    (host, port): (&str, u16),
    deadline: Deadline,
    tap: Option<&Tap>,
) -> Result<Stream, DialError> {
    let began = Instant::now();
    let handshake = async {
        Ok(match stream {
            // Without a layer between, TLS writes many records at once.
            Stream::Tcp(stream) => secured(tls.connect(host, stream).await?, host, began, tap),
            stream => secured(tls.connect(host, stream).await?, host, began, tap),
        })
    };
    deadline
        .within(Step::Tls, handshake)
        .await?
        .map_err(|source| DialError::Tls { address: host_and_port(host, port), source })
}

fn secured<S>(stream: TlsStream<S>, host: &str, began: Instant, tap: Option<&Tap>) -> Stream
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if let Some(tap) = tap {
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "?", // rustls speaks no others
        };
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        tap.see(&Seen::Secured {
            host,
            version,
            protocol: connection.alpn_protocol(),
            certificate: certificate.map(AsRef::as_ref),
            took: began.elapsed(),
        });
    }
    Stream::Other(Box::new(stream))
}

async fn through(via: &Via, route: &Route, deadline: Deadline) -> Result<Stream, ProxyFailure> {
    let on_the_way = |error| ProxyFailure::Dial(Box::new(error));
    let tap = route.tap();
    let mut stream = tcp(via.host(), via.port(), deadline, tap).await.map_err(on_the_way)?;
    if let Some(tls) = via.tls().map_err(ProxyFailure::Certificates)? {
        let secured = secure(stream, &tls, (via.host(), via.port()), deadline, tap).await;
        stream = secured.map_err(on_the_way)?;
    }
    let mut host = route.host.clone();
    if via.needs_addresses() {
        let addresses = resolve(&host, route.port, deadline, tap).await.map_err(on_the_way)?;
        // The proxy connects to one; the system has the best first (RFC 6724).
        if let Some(address) = addresses.first() {
            host = address.ip().to_string();
        }
    }
    let began = Instant::now();
    let connecting = via.connect(stream, &host, route.port, &route.agent);
    let stream = deadline.within(Step::Proxy, connecting).await.map_err(on_the_way)??;
    if let Some(tap) = tap {
        let (proxy, took) = (&via.to_string(), began.elapsed());
        tap.see(&Seen::Proxied { proxy, host: &host, port: route.port, took });
    }
    Ok(stream)
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
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Asks for the addresses of the server's name.
    Resolve,
    /// Connects to one of them.
    Tcp,
    /// Waits for a proxy to connect.
    Proxy,
    /// Agrees on encryption.
    Tls,
    /// Sends the HTTP request and waits for the answer.
    Http,
    /// Waits for the handshake of Engine.IO.
    Handshake,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the name",
            Self::Tcp => "connecting by TCP",
            Self::Proxy => "waiting for the proxy to connect",
            Self::Tls => "the TLS handshake",
            Self::Http => "waiting for the HTTP response",
            Self::Handshake => "waiting for the handshake of Engine.IO",
        })
    }
}

/// Why there is no stream to the server: the network, or what answers there.
#[non_exhaustive]
#[derive(Error)]
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
    /// A proxy on the way did not connect, or can't be reached itself.
    #[error("proxy {proxy} did not connect to {address}: {source}")]
    Proxy {
        /// The proxy's URL, without user and password.
        proxy: String,
        /// Name and port of the server.
        address: String,
        /// What happened on the way to it, or what it said.
        source: ProxyFailure,
    },
    /// The server speaks no TLS, or its certificate is not believed.
    #[error("TLS with {address} failed: {source}")]
    Tls {
        /// Name and port.
        address: String,
        /// What happened, and what to do. Was it rustls that said no, its error is the source of this one.
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

reads_as_text!(RouteError, DialError);

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
