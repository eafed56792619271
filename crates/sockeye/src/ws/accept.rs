//! The server's side of the handshake on a bare stream, for those who need no HTTP server.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};

use super::{Options, UpgradeError, WebSocket, upgrade};

/// Longest request, in bytes: browsers send cookies of 4 KiB, and more than one. hyper may overlook the excess of
/// the last read.
const MAX_REQUEST_BYTES: usize = 32 * 1024;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Waits for a client's request on `stream` and accepts it, with the default [`Options`].
///
/// # Errors
///
/// [`UpgradeError`]; a client at fault has been told.
///
/// # Cancel safety
///
/// Not cancel-safe: the stream is lost.
///
/// # Examples
///
/// ```no_run
/// use sockeye::ws;
/// use tokio::net::TcpListener;
///
/// # async fn serve() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// loop {
///     let (stream, _) = listener.accept().await?;
///     tokio::spawn(async move {
///         let mut socket = ws::accept(stream).await?;
///         while let Some(message) = socket.recv().await? {
///             println!("{message:?}");
///         }
///         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///     });
/// }
/// # }
/// ```
pub async fn accept<S>(stream: S) -> Result<WebSocket, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    accept_with(stream, &Options::default()).await
}

/// As [`accept`], with options.
///
/// A request may have about 32 KiB and 100 headers, and must be there within
/// [`handshake_timeout`](Options::handshake_timeout).
///
/// # Errors
///
/// As [`accept`].
///
/// # Cancel safety
///
/// As [`accept`].
pub async fn accept_with<S>(stream: S, options: &Options) -> Result<WebSocket, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let outcome = Mutex::new(None);
    let service = service_fn(|mut request: http::Request<Incoming>| {
        let (response, upgrade) = match upgrade(&mut request, options) {
            Ok((response, upgrade)) => (response.map(|()| Full::default()), Ok(upgrade)),
            Err(refused) => (refusal(&refused), Err(refused)),
        };
        *outcome.lock() = Some(upgrade);
        ready(Ok::<_, Infallible>(response))
    });
    let connection = http1::Builder::new()
        .max_buf_size(MAX_REQUEST_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let served = time::timeout(options.handshake_timeout, connection).await;
    match (outcome.into_inner(), served) {
        (Some(Err(refused)), _) => Err(refused),
        (_, Err(_)) => Err(UpgradeError::Timeout),
        (_, Ok(Err(error))) => Err(error.into()),
        (Some(Ok(upgrade)), Ok(Ok(()))) => upgrade.await,
        (None, Ok(Ok(()))) => Err(UpgradeError::NoRequest),
    }
}

/// A refusal after which the connection ends.
fn refusal(refused: &UpgradeError) -> Response<Full<Bytes>> {
    let mut response = refused.response().map(Full::from);
    response.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
