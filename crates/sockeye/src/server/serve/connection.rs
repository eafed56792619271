//! One connection, from its TLS handshake to its end or its upgrade.

use std::{error::Error, future::poll_fn, net::SocketAddr, pin::pin, sync::Once};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use sockeye_proto::{session::Pace, wire::ws::handshake::names_one_host};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};

use super::{Limits, RequestBody};
use crate::{
    net::{Answered, Guarded},
    server::PeerAddress,
};

#[cfg(feature = "tls")]
pub(super) type Acceptor = tokio_rustls::TlsAcceptor;
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug)]
pub(super) enum Acceptor {}

type BoxError = Box<dyn Error + Send + Sync>;

/// What the headers of a request may take; the same as in Node.js. More is answered with 431.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// A tower service that can be served, under a shorter name.
pub trait App: Clone + Send + 'static {
    /// The body of its answers.
    type Body;

    /// Answers one request.
    fn answer(
        self,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<Self::Body>, BoxError>> + Send;
}

impl<A, B> App for A
where
    A: tower::Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
    A::Future: Send,
    A::Error: Into<BoxError>,
{
    type Body = B;

    async fn answer(mut self, request: Request<RequestBody>) -> Result<Response<B>, BoxError> {
        poll_fn(|cx| self.poll_ready(cx)).await.map_err(Into::into)?;
        self.call(request).await.map_err(Into::into)
    }
}

/// What a connection is served with.
pub(super) struct Connection<A> {
    pub(super) app: A,
    pub(super) tls: Option<Acceptor>,
    pub(super) limits: Limits,
    pub(super) peer: SocketAddr,
    /// Tells it to end.
    pub(super) stop: watch::Receiver<()>,
}

impl<A, B> Connection<A>
where
    A: App<Body = B>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    pub(super) async fn run(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let answered = Answered::default();
        let stream = Guarded::new(stream, self.limits.write_pace(), answered.clone());
        match &self.tls {
            None => self.serve(stream, answered).await,
            #[cfg(feature = "tls")]
            Some(tls) => {
                match tokio::time::timeout(self.limits.header_timeout, tls.accept(stream)).await {
                    Ok(Ok(stream)) => self.serve(stream, answered).await,
                    Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                    Err(_) => tracing::debug!("TLS handshake took too long"),
                }
            }
            #[cfg(not(feature = "tls"))]
            Some(never) => match *never {},
        }
    }

    async fn serve<S>(self, stream: S, answered: Answered)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { app, limits, peer, mut stop, .. } = self;
        let pace = limits.body_pace();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let app = app.clone();
            let extensions = request.extensions_mut();
            extensions.insert(PeerAddress(peer));
            extensions.insert(answered.clone());
            #[cfg(feature = "axum")]
            extensions.insert(axum::extract::ConnectInfo(peer));
            answer(app, request, pace)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "HTTP connection ended early");
        }
    }
}

/// The app's answer, or the front's own.
async fn answer<A: App>(
    app: A,
    request: Request<Incoming>,
    pace: Pace,
) -> Result<Response<Either<Full<Bytes>, A::Body>>, BoxError> {
    if !names_one_host(&request) {
        tracing::debug!("request refused: it must have one Host");
        return Ok(bad_request("a request has one Host header, RFC 9112 section 3.2\n"));
    }
    let is_ours = request.uri().query().is_some_and(|query| query.contains("EIO="));
    let uri = is_ours.then(|| request.uri().clone());
    let response = app.answer(request.map(|body| RequestBody::new(body, pace))).await?;
    if let Some(uri) = uri
        && response.status() == StatusCode::NOT_FOUND
    {
        tell_not_mounted(uri.path());
    }
    Ok(response.map(Either::Right))
}

/// Says, once, that a Socket.IO client looks for its server where there is none: we never answer 404.
fn tell_not_mounted(path: &str) {
    static TOLD: Once = Once::new();

    TOLD.call_once(|| {
        tracing::warn!(
            path,
            "a Socket.IO client is answered 404; mount `server.service()` there, or give the client the `path` where it is"
        );
    });
}

fn bad_request<B>(text: &'static str) -> Response<Either<Full<Bytes>, B>> {
    let mut response = Response::new(Either::Left(Full::from(text)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
