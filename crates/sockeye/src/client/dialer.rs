//! The byte stream to a server, for protocols and tools of one's own.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::BuildError;
use crate::net::{
    Address, Deadline, DialError, Proxy, Route, RouteError, Stream, Tls, check_times, dial,
};

/// Opens byte streams to the server of a URL as a [`Client`](super::Client) does, each a connection of its own: looks up
/// the name, tries all its addresses, goes through the proxy, agrees on TLS.
///
/// # Examples
///
/// ```
/// use sockeye::client::Dialer;
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("http://{}/chat", listener.local_addr()?);
/// # tokio::spawn(async move {
/// #     let (mut stream, _) = listener.accept().await?;
/// #     stream.read_exact(&mut [0; 18]).await?;
/// #     stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await
/// # });
/// let dialer = Dialer::builder(&url).build()?;
/// let mut stream = dialer.dial().await?;
/// stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
/// let mut answer = String::new();
/// stream.read_to_string(&mut answer).await?;
/// assert!(answer.starts_with("HTTP/1.0 200"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dialer {
    address: Address,
    route: Route,
    timeout: Duration,
}

impl Dialer {
    /// What is to be dialled; its path and query do not matter.
    pub fn builder(url: impl Into<String>) -> DialerBuilder {
        DialerBuilder {
            url: url.into(),
            tls: None,
            proxy: Proxy::default(),
            timeout: Duration::from_secs(20),
        }
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// [`DialError`]: the network, or what answers there. If TLS failed by rustls's word, that word is among the sources
    /// of the error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn dial(&self) -> Result<DialedStream, DialError> {
        dial(&self.route, Deadline::new(self.timeout)).await.map(DialedStream)
    }

    /// The same way without TLS on it, for whoever agrees on that in another way: the stream is the one that TLS would be
    /// spoken on.
    #[must_use]
    pub fn without_tls(mut self) -> Self {
        self.route = self.route.without_tls();
        self
    }

    /// The server's name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.address.host
    }

    /// The server's port: that of the URL, or the usual one of its scheme.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port
    }

    /// What the header `Host` of a request says: host and port, without the scheme's own port.
    #[must_use]
    pub const fn authority(&self) -> &HeaderValue {
        &self.address.authority
    }

    /// The path of the URL, encoded as in a request line.
    #[must_use]
    pub fn path(&self) -> &str {
        self.address.target.path()
    }

    /// Whether the stream is TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.address.is_secure
    }

    /// The URL of the proxy on the way, without user and password.
    #[must_use]
    pub fn proxy(&self) -> Option<String> {
        self.route.proxy()
    }
}

/// Builds a [`Dialer`].
#[derive(Clone, Debug)]
#[must_use = "nothing is checked until `build` is called"]
pub struct DialerBuilder {
    url: String,
    tls: Option<Tls>,
    proxy: Proxy,
    timeout: Duration,
}

impl DialerBuilder {
    /// Whom to believe, where the URL says `https` or `wss`. Default: [`Tls::platform`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Through which proxy to go. Default: [`Proxy::environment`].
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = proxy;
        self
    }

    /// How long all steps together may take. Default: 20 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Checks what was given; the environment is asked for a proxy now, not at each stream.
    ///
    /// # Errors
    ///
    /// [`BuildError::Url`], [`BuildError::Time`], [`BuildError::Proxy`] and [`BuildError::Certificates`].
    pub fn build(self) -> Result<Dialer, BuildError> {
        let Self { url, tls, proxy, timeout } = self;
        check_times([("timeout", timeout)])?;
        let address = Address::parse(&url)?;
        let route = Route::new(&address, tls.as_ref(), &proxy).map_err(|error| match error {
            RouteError::Certificates(error) => BuildError::Certificates(error),
            RouteError::Proxy(error) => BuildError::Proxy(error),
        })?;
        Ok(Dialer { address, route, timeout })
    }
}

/// A stream to a server, plain or TLS.
pub struct DialedStream(Stream);

impl AsyncRead for DialedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for DialedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for DialedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DialedStream").field(&self.0).finish()
    }
}
