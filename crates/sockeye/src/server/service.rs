//! The tower service: it answers the handshake and hands the stream to a driver.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;

use super::{Handshake, dispatch::Dispatcher, door, shared::Shared};
use crate::net::{Conn, Driver, Id, Stream};

/// Socket.IO as a [`tower::Service`], for axum and everything else built on hyper.
///
/// Mount it at `/socket.io` and at `/socket.io/`: official clients ask for the latter, others forget the slash.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn answer<B>(&self, mut request: Request<B>) -> Response<Full<Bytes>> {
        let accepted = match door::check(&request, &self.shared) {
            Ok(handshake) => handshake.response(),
            Err(refused) => {
                tracing::debug!(target: "sockeye::engine", %refused, "request refused");
                return refused.response();
            }
        };
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            tracing::error!(
                target: "sockeye::engine",
                "the HTTP server does not support upgrades; with hyper, serve the connection `with_upgrades`"
            );
            return door::Refused::BadRequest("no upgrade".to_owned()).response();
        };
        let handshake = self.shared.keep_handshake.then(|| {
            let (parts, _) = request.into_parts();
            Arc::new(Handshake { uri: parts.uri, headers: parts.headers })
        });
        // A small task waits for the upgrade; the driver is another, so that it keeps only its own future.
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            match upgrade.await {
                Ok(upgraded) => open(shared, Stream::recover(upgraded), handshake),
                Err(error) => tracing::debug!(target: "sockeye::ws", %error, "upgrade failed"),
            }
        });
        accepted.map(|()| Full::default())
    }
}

/// Opens a session on a stream that speaks WebSocket.
fn open(shared: Arc<Shared>, stream: (Stream, Bytes), handshake: Option<Arc<Handshake>>) {
    let Ok(sid) = Id::random() else {
        tracing::error!("the system has no randomness to give; a session is refused");
        return;
    };
    let now = tokio::time::Instant::now().into_std();
    let conn = Conn::server(now, Arc::clone(&shared.config), sid, shared.outbox);
    if !shared.sessions.insert(&conn) {
        return; // the server began to close in the meantime
    }
    let wheel = Arc::clone(&shared.wheel);
    let websocket = shared.websocket.clone();
    let write_timeout = shared.write_timeout;
    let dispatcher = Dispatcher::new(shared, Arc::clone(&conn), handshake);
    tokio::spawn(Driver::new(conn, wheel, stream, &websocket, write_timeout, dispatcher));
}

impl<B> tower::Service<Request<B>> for Service {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request)))
    }
}
