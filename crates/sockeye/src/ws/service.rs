//! A route that is a WebSocket, as a tower service.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use super::{Options, UpgradeError, WebSocket, upgrade};

/// A [`tower::Service`] that runs `handler` with the WebSocket of each request, in a task of its own.
///
/// # Examples
///
/// ```
/// use sockeye::ws::{self, CloseCode};
///
/// let clock = ws::service(|mut socket| async move {
///     while let Ok(Some(_)) = socket.recv().await {
///         let _ = socket.send("about noon").await;
///     }
/// });
/// let app: axum::Router = axum::Router::new().route_service("/clock", clock);
/// ```
pub fn service<H, F>(handler: H) -> Service<H>
where
    H: Fn(WebSocket) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Service { handler, options: Arc::default() }
}

/// What [`service`] makes.
#[derive(Clone)]
pub struct Service<H> {
    handler: H,
    options: Arc<Options>,
}

impl<H> Service<H> {
    /// Limits and wishes for its connections.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = Arc::new(options);
        self
    }
}

impl<H, F, B> tower::Service<Request<B>> for Service<H>
where
    H: Fn(WebSocket) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (response, upgrade) = match upgrade(&mut request, &self.options) {
            Ok(accepted) => accepted,
            Err(refused) => {
                match &refused {
                    UpgradeError::Unsupported => {
                        tracing::error!(target: "sockeye::ws", "{refused}")
                    }
                    refused => tracing::debug!(target: "sockeye::ws", %refused, "request refused"),
                }
                return ready(Ok(refused.response().map(Full::from)));
            }
        };
        let handler = self.handler.clone();
        tokio::spawn(async move {
            match upgrade.await {
                // A task of its own, so that it keeps only the handler's future.
                Ok(socket) => drop(tokio::spawn(handler(socket))),
                Err(error) => tracing::debug!(target: "sockeye::ws", %error, "upgrade failed"),
            }
        });
        ready(Ok(response.map(|()| Full::default())))
    }
}

impl<H> fmt::Debug for Service<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("options", &self.options).finish_non_exhaustive()
    }
}
