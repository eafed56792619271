//! An HTTP server for an app: every phase of every connection has a limit, over TLS, too.

mod body;
mod connection;
mod connections;
mod limits;
#[cfg(feature = "tls")]
mod tls;

use std::{error::Error, fmt, future::pending, io, pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body;
use tokio::{net::TcpListener, sync::watch};

#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError, TlsFile};
pub use self::{body::RequestBody, limits::Limits};
use self::{connection::App, connections::Connections};
use super::{BuildError, Server, address::Network};

/// How long connections may take to end once the app is told to stop, if [`Serve::drain`] says nothing else.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves an app, such as an axum router or [`Server::service`], by HTTP/1.1 until [`Serve::until`] says to stop: await
/// what it returns.
///
/// No client can hold a connection for nothing: [`Limits`] has what it may take, with defaults that are safe. Each
/// request has the [`PeerAddress`](super::PeerAddress) among its extensions. Requests with no `Host`, or with two, are
/// answered 400. When the system has no descriptor left for a further connection, those there are go on, and the next is
/// accepted once one is free.
///
/// A Socket.IO client that asks where no [`Service`](super::Service) is mounted is told of by the log, once.
///
/// The stream of a [`Service`](super::Service)'s WebSocket is handed over as it is: it costs nothing to have come in by
/// here.
///
/// # Errors
///
/// Awaited, it fails at once if a limit can't be used, such as a time of zero, or a proxy's address not be read.
///
/// # Cancel safety
///
/// Dropped, it accepts nothing more, and each connection ends with the answer that is under way. Sessions on a WebSocket
/// go on.
///
/// # Examples
///
/// ```no_run
/// use sockeye::server::{self, Namespace, Server};
/// use std::time::Duration;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::builder().namespace("/", Namespace::new()).build()?;
/// let app = axum::Router::new()
///     .route_service("/socket.io", server.service())
///     .route_service("/socket.io/", server.service());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
/// server::serve(listener, app)
///     .drain(&server, Duration::from_secs(10))
///     .until(async { drop(tokio::signal::ctrl_c().await) })
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn serve<A, B>(listener: TcpListener, app: A) -> Serve<A>
where
    A: tower::Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
    A::Future: Send,
    A::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Serve {
        listener,
        app,
        limits: Settings::Own(Limits::default()),
        #[cfg(feature = "tls")]
        tls: None,
        proxies: Vec::new(),
        drain: None,
        patience: DRAIN,
        until: Box::pin(pending()),
    }
}

/// What [`serve`] is about to do; await it.
#[must_use = "nothing is served until it is awaited"]
pub struct Serve<A> {
    listener: TcpListener,
    app: A,
    limits: Settings,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    proxies: Vec<String>,
    drain: Option<Server>,
    patience: Duration,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Where the limits come from.
enum Settings {
    Own(Limits),
    Watched(watch::Receiver<Limits>),
}

impl<A> Serve<A> {
    /// As [`Limits::header_timeout`]. Default: 10 s.
    pub fn header_timeout(self, timeout: Duration) -> Self {
        self.change(|limits| limits.header_timeout(timeout))
    }

    /// As [`Limits::write_timeout`]. Default: 30 s.
    pub fn write_timeout(self, timeout: Duration) -> Self {
        self.change(|limits| limits.write_timeout(timeout))
    }

    /// As [`Limits::progress`]. Default: 16 KiB within 30 s.
    pub fn progress(self, bytes: usize, within: Duration) -> Self {
        self.change(|limits| limits.progress(bytes, within))
    }

    /// As [`Limits::max_connections`]. Default: no bound.
    pub fn max_connections(self, count: usize) -> Self {
        self.change(|limits| limits.max_connections(count))
    }

    /// As [`Limits::max_connections_per_address`]. Default: no bound.
    pub fn max_connections_per_address(self, count: usize) -> Self {
        self.change(|limits| limits.max_connections_per_address(count))
    }

    /// The proxies in front, as [`Builder::trusted_proxies`](super::Builder::trusted_proxies) takes them: their connections
    /// are those of many, and not counted as one address's. Default: none.
    pub fn trusted_proxies<P: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = P>,
    ) -> Self {
        self.proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Takes all limits from here: each connection has those that are there when it is accepted.
    pub fn limits(mut self, limits: watch::Receiver<Limits>) -> Self {
        self.limits = Settings::Watched(limits);
        self
    }

    /// Serves over TLS. Default: in the clear.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// When it is told to stop, closes the server's sessions, too, and gives them and all answers under way so much time.
    /// Default: no server, 10 s.
    pub fn drain(mut self, server: &Server, limit: Duration) -> Self {
        self.drain = Some(server.clone());
        self.patience = limit;
        self
    }

    /// Serves until this future is ready. Default: for ever.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Box::pin(stop);
        self
    }

    fn change(mut self, change: impl FnOnce(Limits) -> Limits) -> Self {
        self.limits = Settings::Own(change(self.limits.now()));
        self
    }
}

impl<A, B> Serve<A>
where
    A: App<Body = B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn run(self) -> io::Result<usize> {
        self.limits.now().check()?;
        let network = |proxy: &String| {
            Network::parse(proxy).ok_or_else(|| {
                let error = BuildError::Proxy { proxy: proxy.clone() };
                io::Error::new(io::ErrorKind::InvalidInput, error)
            })
        };
        let proxies = self.proxies.iter().map(network).collect::<io::Result<_>>()?;
        #[cfg(feature = "tls")]
        let (acceptor, renewed) = (self.tls.as_ref().map(Tls::acceptor), async {
            match &self.tls {
                Some(tls) => tls.renewed().await,
                None => pending().await,
            }
        });
        #[cfg(not(feature = "tls"))]
        let (acceptor, renewed) = (None, pending::<std::convert::Infallible>());
        let mut connections = Connections::new(self.app, acceptor, proxies);
        tokio::select! {
            never = connections.accept(self.listener, || self.limits.now()) => match never {},
            never = renewed => match never {},
            () = self.until => {}
        }
        let closing = async {
            match &self.drain {
                Some(server) => server.close(self.patience).await,
                None => 0,
            }
        };
        let (cut, ()) = tokio::join!(closing, connections.close(self.patience));
        Ok(cut)
    }
}

impl<A, B> IntoFuture for Serve<A>
where
    A: App<Body = B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// How many sessions of the [drained](Serve::drain) server had to be cut, as [`Server::close`] says.
    type Output = io::Result<usize>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<usize>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Settings {
    fn now(&self) -> Limits {
        match self {
            Self::Own(limits) => *limits,
            Self::Watched(limits) => *limits.borrow(),
        }
    }
}

impl<A> fmt::Debug for Serve<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("limits", &self.limits.now())
            .finish_non_exhaustive()
    }
}
