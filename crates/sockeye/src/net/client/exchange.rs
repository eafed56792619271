//! One HTTP request on a fresh stream, which may be let go of afterwards for another protocol.

use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Incoming},
    client::conn::{TrySendError, http1},
    ext::on_informational,
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// Most bytes of a response's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Most interim responses (1xx) to one request. hyper skips them without end, and a server that sends nothing else
/// would keep a thread busy beyond every deadline.
const MAX_INTERIM: usize = 32;

/// How much of a refusal's body is kept, in bytes.
pub(super) const EXCERPT_BYTES: usize = 1024;

pub(super) type Connection<B> = http1::Connection<TokioIo<Answering>, B>;

/// Prepares a stream for requests.
pub(super) async fn open<B>(stream: Stream) -> hyper::Result<(Sender<B>, Connection<B>)>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let interim = Arc::new(AtomicUsize::new(0));
    let stream = TokioIo::new(Answering { stream, interim: Arc::clone(&interim) });
    let (http, connection) =
        http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(stream).await?;
    Ok((Sender { http, interim }, connection))
}

/// Sends requests, and has the interim responses to each counted.
pub(super) struct Sender<B> {
    http: http1::SendRequest<B>,
    interim: Arc<AtomicUsize>,
}

impl<B: Body + 'static> Sender<B> {
    pub(super) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.try_send(request).await.map_err(TrySendError::into_error)
    }

    /// As [`Self::send`], but gives the request back if nothing of it was sent.
    pub(super) fn try_send(
        &mut self,
        mut request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> + use<B> {
        self.interim.store(0, Ordering::Relaxed);
        let interim = Arc::clone(&self.interim);
        on_informational(&mut request, move |_| _ = interim.fetch_add(1, Ordering::Relaxed));
        self.http.try_send_request(request)
    }

    /// Waits for the response before.
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        self.http.ready().await
    }

    pub(super) fn is_ready(&self) -> bool {
        self.http.is_ready()
    }
}

/// A stream that fails once there were too many interim responses; what is read behind them is of no use.
pub(super) struct Answering {
    stream: Stream,
    interim: Arc<AtomicUsize>,
}

/// Takes the stream back from hyper, with the bytes that hyper had read beyond the response.
pub(super) fn recover(upgraded: Upgraded) -> (Stream, Bytes) {
    match upgraded.downcast::<TokioIo<Answering>>() {
        Ok(parts) => (parts.io.into_inner().stream, parts.read_buf),
        Err(upgraded) => Stream::recover(upgraded),
    }
}

impl AsyncRead for Answering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.interim.load(Ordering::Relaxed) > MAX_INTERIM {
            return Poll::Ready(Err(io::Error::other(format!(
                "more than {MAX_INTERIM} interim responses (1xx) and none that is final; look what answers there"
            ))));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Answering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves the connection while `exchange` uses it; both in this future, so that dropping it ends the connection.
pub(super) async fn serve<B, T>(connection: Connection<B>, exchange: impl Future<Output = T>) -> T
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut connection, mut exchange) = (pin!(connection.with_upgrades().fuse()), pin!(exchange));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = exchange.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        // Its errors come out of the exchange.
        let _ = connection.as_mut().poll(cx);
        Poll::Pending
    })
    .await
}

/// A response with the beginning of its body, for people.
pub(super) async fn excerpt(response: Response<Incoming>) -> Response<String> {
    let (parts, body) = response.into_parts();
    let bytes = beginning(body).await;
    Response::from_parts(parts, String::from_utf8_lossy(&bytes).into_owned())
}

/// The first [`EXCERPT_BYTES`] of a body, or what came of it before an error: that is still worth reading.
pub(super) async fn beginning(mut body: Incoming) -> Bytes {
    let mut bytes = BytesMut::new();
    while bytes.len() < EXCERPT_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
    }
    bytes.truncate(EXCERPT_BYTES);
    bytes.freeze()
}
