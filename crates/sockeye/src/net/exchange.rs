//! One HTTP request on a fresh stream, which may be let go of afterwards for another protocol.

use std::{error::Error, future::poll_fn, pin::pin, task::Poll};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;

use super::Stream;

/// Most bytes of a response's head.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How much of a refusal's body is kept, in bytes.
pub(super) const EXCERPT_BYTES: usize = 1024;

type Connection<B> = http1::Connection<TokioIo<Stream>, B>;

/// Prepares a stream for requests.
pub(super) async fn open<B>(stream: Stream) -> hyper::Result<(http1::SendRequest<B>, Connection<B>)>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await
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
