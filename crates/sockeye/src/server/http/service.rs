//! The tower service: the door, behind compression, behind CORS.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use sockeye_proto::wire::ws::handshake::names_one_host;
use tower::Layer as _;
use tower_http::{
    compression::{self, Compression, CompressionBody, CompressionLayer, predicate::SizeAbove},
    cors::{self, Cors},
};

use super::{
    body::{Body, Whole},
    door::{Door, DoorFuture},
};
use crate::server::shared::Shared;

/// Smaller answers are not worth compressing.
const MIN_COMPRESSED_BYTES: u64 = 1_024;

/// Socket.IO as a [`tower::Service`], for axum and everything else built on hyper.
///
/// Mount it at `/socket.io` and at `/socket.io/`: official clients ask for the latter, others forget the slash. In axum
/// `route_service` for both, or `nest_service` for one of them, which takes all paths below, too, as the reference
/// server does. A client that asks elsewhere is answered by whatever is there, such as axum's 404: its option `path` says
/// where it asks, `/socket.io/` if nobody sets it. The path of the *URL* that it is given is no place, but a namespace.
///
/// What pages of other origins may do is decided by [`Builder::origins`](crate::server::Builder::origins), and told to
/// browsers from in here: a CORS layer around it is neither needed nor of use.
#[derive(Clone)]
pub struct Service(Stack);

#[derive(Clone)]
enum Stack {
    Plain(Compressed),
    /// Shared, as it is large, and cloned only for those requests that come through.
    Cors(Arc<Cors<Compressed>>),
}

type Compressed = Compression<Door, SizeAbove>;

impl Service {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let compresses = shared.http_compression;
        let cors = shared.origins.cors();
        let door = CompressionLayer::new()
            .gzip(compresses)
            .deflate(compresses)
            .compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES))
            .layer(Door::new(shared));
        Self(match cors {
            Some(cors) => Stack::Cors(Arc::new(cors.layer(door))),
            None => Stack::Plain(door),
        })
    }
}

impl<B> tower::Service<Request<B>> for Service
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let is_options = request.method() == Method::OPTIONS;
        let (answering, is_preflight) = match &mut self.0 {
            Stack::Plain(service) => (Answering::Plain(service.call(request)), false),
            // CORS answers a preflight itself, and the door is what refuses this one.
            Stack::Cors(service) if is_options && !names_one_host(&request) => {
                (Answering::Plain(service.get_ref().clone().call(request)), false)
            }
            Stack::Cors(service) => {
                (Answering::Cors(Cors::clone(service).call(request)), is_options)
            }
        };
        ResponseFuture { answering, is_preflight }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// An answer of [`Service`] in the making.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    answering: Answering,
    is_preflight: bool,
}

enum Answering {
    Plain(CompressedFuture),
    Cors(cors::ResponseFuture<CompressedFuture>),
}

type CompressedFuture = compression::ResponseFuture<DoorFuture, SizeAbove>;

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let response: Result<Response<CompressionBody<Whole>>, _> =
            ready!(match &mut this.answering {
                Answering::Plain(future) => Pin::new(future).poll(cx),
                Answering::Cors(future) => Pin::new(future).poll(cx),
            });
        Poll::Ready(response.map(|mut response| {
            if this.is_preflight {
                *response.status_mut() = StatusCode::NO_CONTENT; // it has none
            }
            response.map(Body::new)
        }))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}
