//! A connection to the server, for one request after the other.

use std::{fmt, future::poll_fn, pin::pin};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt as _,
    future::{Fuse, FusedFuture as _},
};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};

use super::Response;
use crate::net::{Stream, client::exchange};

/// hyper's two halves of a connection, without a task: whoever sends a request drives it.
pub(super) struct Kept {
    sender: exchange::Sender<Full<Bytes>>,
    connection: Fuse<exchange::Connection<Full<Bytes>>>,
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it was sent.
    Unsent { request: Box<Request<Full<Bytes>>>, source: hyper::Error },
    /// It may have been sent.
    Broken(hyper::Error),
    /// The answer is longer than it may be.
    TooLong,
}

impl Kept {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        let (sender, connection) = exchange::open(stream).await?;
        Ok(Self { sender, connection: connection.fuse() })
    }

    /// Sends a request and reads the whole answer, of at most `max_bytes`. The body of a refusal is cut, not refused.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<Response, Failure> {
        let Self { sender, connection } = self;
        let exchange = async {
            if let Err(source) = sender.ready().await {
                return Err(Failure::Unsent { request: Box::new(request), source });
            }
            let response =
                sender.try_send(request).await.map_err(|mut error| match error.take_message() {
                    Some(request) => {
                        Failure::Unsent { request: Box::new(request), source: error.into_error() }
                    }
                    None => Failure::Broken(error.into_error()),
                })?;
            let (parts, body) = response.into_parts();
            let body = if parts.status.is_success() {
                read(body, max_bytes).await?.ok_or(Failure::TooLong)?
            } else {
                exchange::beginning(body).await
            };
            Ok(Response { status: parts.status, headers: parts.headers, body })
        };
        let mut exchange = pin!(exchange);
        poll_fn(|cx| {
            // First, to find that the server has closed it in the meantime. Its errors come out of the exchange.
            let _ = connection.poll_unpin(cx);
            let outcome = exchange.as_mut().poll(cx);
            if outcome.is_ready() {
                // Once more, so that it finds its request done and is ready for another.
                let _ = connection.poll_unpin(cx);
            }
            outcome
        })
        .await
    }

    /// Whether another request may be sent: the last is over on both sides, and the server keeps the connection.
    pub(super) fn is_ready(&self) -> bool {
        !self.connection.is_terminated() && self.sender.is_ready()
    }
}

/// The whole body, or nothing if it has more than `max_bytes`.
async fn read(mut body: Incoming, max_bytes: usize) -> Result<Option<Bytes>, Failure> {
    // Said before it is sent, if it is true.
    if body.size_hint().lower() > u64::try_from(max_bytes).unwrap_or(u64::MAX) {
        return Ok(None);
    }
    // Most come in one piece, which is not copied.
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Failure::Broken)?.into_data() else { continue };
        if data.len() > max_bytes - first.len().max(all.len()) {
            return Ok(None);
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&data);
    }
    Ok(Some(if all.is_empty() { first } else { all.freeze() }))
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("is_ready", &self.is_ready()).finish()
    }
}
