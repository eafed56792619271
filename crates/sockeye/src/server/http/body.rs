//! What the service answers with: bytes that are there in whole, compressed on their way out if that pays.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tower_http::compression::CompressionBody;

use crate::net::Delivery;

/// The body of an answer of [`Service`](crate::server::Service).
#[derive(Default)]
pub struct Body(CompressionBody<Whole>);

impl Body {
    pub(super) const fn new(body: CompressionBody<Whole>) -> Self {
        Self(body)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &self.size_hint()).finish()
    }
}

/// A body as the door makes it.
#[derive(Default)]
pub(super) struct Whole {
    /// Not taken yet; `None` also where there is nothing.
    bytes: Option<Bytes>,
    /// Told once they are taken.
    delivery: Option<Delivery>,
}

impl Whole {
    pub(super) fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { bytes: (!bytes.is_empty()).then_some(bytes), delivery: None }
    }

    /// Packets; whoever sent them learns whether they went out.
    pub(super) fn delivered(bytes: impl Into<Bytes>, delivery: Delivery) -> Self {
        Self { delivery: Some(delivery), ..Self::new(bytes) }
    }
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let bytes = self.bytes.take();
        if bytes.is_some()
            && let Some(delivery) = self.delivery.take()
        {
            delivery.done();
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
