//! The client's side: from a URL to an open connection.

use std::{io, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use sockeye_proto::wire::ws::{
    deflate,
    handshake::{InvalidProtocol, Offer, ResponseError},
};
use thiserror::Error;

use super::{Options, WebSocket, socket::Agreed};
use crate::net::{
    Address, Carries, Causes, Deadline, DialError, HandshakeError, Keys, OwnHeader, Plain, Proxy,
    ProxyError, Route, RouteError, Seen, Step, Tap, Tls, TlsError, UrlError, add_header, dial,
    upgrade,
};

/// Opens a WebSocket at a `ws://` or `wss://` URL, with the defaults of [`Connect`].
///
/// # Errors
///
/// [`ConnectError`].
///
/// # Cancel safety
///
/// Cancelling leaves nothing behind.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = sockeye::ws::connect("wss://example.com/socket").await?;
/// socket.send("hello").await?;
/// println!("{:?}", socket.recv().await?);
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: impl Into<String>) -> Result<WebSocket, ConnectError> {
    Connect::new(url).connect().await
}

/// How to open a WebSocket.
///
/// # Examples
///
/// ```no_run
/// use http::{HeaderValue, header};
/// use sockeye::ws::{Connect, Deflate};
///
/// # async fn run() -> Result<(), sockeye::ws::ConnectError> {
/// let socket = Connect::new("wss://example.com/socket")
///     .header(header::AUTHORIZATION, HeaderValue::from_static("Bearer …"))
///     .protocol("chat")
///     .deflate(Deflate::default())
///     .connect()
///     .await?;
/// assert_eq!(socket.protocol(), Some("chat"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens until `connect` is called and awaited"]
pub struct Connect {
    url: String,
    headers: HeaderMap,
    tls: Option<Tls>,
    proxy: Proxy,
    options: Options,
    tap: Option<Tap>,
}

impl Connect {
    /// The server's URL: `ws://host:port/path?query`, or `wss://`.
    pub fn new(url: impl Into<String>) -> Self {
        let (headers, options) = (HeaderMap::new(), Options::default());
        Self { url: url.into(), headers, tls: None, proxy: Proxy::default(), options, tap: None }
    }

    /// Adds a header to the request; of `Host` and `User-Agent` the last counts, and there is no `User-Agent` if it is
    /// empty. Of those that are the client's own to send, [`connect`](Self::connect) says so: [`OwnHeader`].
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        add_header(&mut self.headers, name, value);
        self
    }

    /// Offers one more subprotocol; the first is the preferred.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.options.protocols.push(name.into());
        self
    }

    /// As [`Options::deflate`].
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.options = self.options.deflate(config);
        self
    }

    /// As [`Options::max_message_bytes`].
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.options = self.options.max_message_bytes(bytes);
        self
    }

    /// How long everything may take: name, TCP, proxy, TLS and HTTP together. Default: 20 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.handshake_timeout(timeout);
        self
    }

    /// Which certificates a `wss://` server may have. Default: [`Tls::platform`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Through which proxy to go. Default: [`Proxy::environment`].
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// Tells `see` what passes, as it passes: how it connects, the handshake, and each message.
    ///
    /// It is called in the middle of the work, so it should be quick.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::ws::{Connect, Seen};
    ///
    /// let connect = Connect::new("wss://example.com/socket").watch(|seen| {
    ///     if let Seen::Message { direction, message } = seen {
    ///         eprintln!("{direction:?} {message:?}");
    ///     }
    /// });
    /// ```
    pub fn watch(mut self, see: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Self {
        self.tap = Some(Tap::new(see));
        self
    }

    /// Replaces all options, subprotocols included.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Connects.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves nothing behind.
    pub async fn connect(self) -> Result<WebSocket, ConnectError> {
        OwnHeader::check_all(&self.headers)?;
        let address = Address::parse(&self.url)?;
        let deadline = Deadline::new(self.options.handshake_timeout);
        let mut keys = Keys::new().map_err(ConnectError::Randomness)?;
        let mut offer =
            Offer::new(keys.next()).protocols(self.options.protocols.iter().map(String::as_str))?;
        if let Some(config) = self.options.deflate {
            offer = offer.deflate(config);
        }
        let route = Route::new(&address, self.tls.as_ref(), &self.proxy)?;
        let route = route.named(&self.headers).watched(self.tap);
        let tap = route.tap();
        let stream = dial(&route, deadline).await?;
        let upgrade = upgrade(stream, address.target.clone(), &address, self.headers, &offer, tap);
        let upgraded = deadline.within(Step::Http, upgrade).await??;
        let (mut stream, early) = (upgraded.stream, upgraded.early);
        if let Some(tap) = tap {
            stream = tap.watch(stream, &early, upgraded.accepted.deflate, Carries::Anything);
        }
        let agreed = Agreed {
            protocol: upgraded.accepted.protocol.map(String::into_boxed_str),
            deflate: upgraded.accepted.deflate,
        };
        Ok(WebSocket::new(stream, early, Some(keys), &self.options, agreed))
    }
}

/// Why there is no connection, sorted by blame: caller, network, server.
#[non_exhaustive]
#[derive(Error)]
pub enum ConnectError {
    /// The URL is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A header that the client has to decide.
    #[error(transparent)]
    Header(#[from] OwnHeader),
    /// A subprotocol can't be offered.
    #[error(transparent)]
    Protocol(#[from] InvalidProtocol),
    /// There are no certificates to check the server's by.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    /// The proxy named is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The system has no randomness to give.
    #[error("no randomness for the handshake: {0}")]
    Randomness(#[source] io::Error),
    /// The server can't be reached: name, TCP, proxy, TLS or time.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The HTTP exchange broke off, or was none.
    #[error("no HTTP response: {}", Causes(.0))]
    Http(#[from] hyper::Error),
    /// The server answered, but with no WebSocket. The body is cut after 1 KiB.
    #[error("the server answered {}: {}", .0.status(), Plain(.0.body()))]
    Status(Box<Response<String>>),
    /// The server agreed, but not as the protocol wants it.
    #[error("the server's handshake is wrong: {0}")]
    Handshake(#[from] ResponseError),
}

reads_as_text!(ConnectError);

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Http(error) => Self::Http(error),
            HandshakeError::Status(response) => Self::Status(response),
            HandshakeError::Wrong(error) => Self::Handshake(error),
        }
    }
}

impl From<RouteError> for ConnectError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Certificates(error) => Self::Certificates(error),
            RouteError::Proxy(error) => Self::Proxy(error),
        }
    }
}
