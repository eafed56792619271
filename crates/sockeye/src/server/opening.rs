//! A session begins: the application is asked, a place is taken, and a driver set to work.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::upgrade::OnUpgrade;

use super::{
    Handshake, admission::Denied, body::Whole, dispatch::Dispatcher, refused::Refused,
    sessions::Place, shared::Shared,
};
use crate::net::{Conn, Driver, Id, Stream};

/// Opens a session on a WebSocket; `accepted` is the answer that makes the stream one.
pub(super) async fn on_websocket(
    shared: Arc<Shared>,
    mut request: Request<()>,
    accepted: Response<()>,
) -> Result<Response<Whole>, Refused> {
    let upgrade = take_upgrade(&mut request)?;
    let handshake = admit(&shared, request).await?;
    let place = Place::reserve(&shared)?;
    // A small task waits for the upgrade; the driver is another, so that it keeps only its own future.
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => open(shared, place, Stream::recover(upgraded), handshake),
            Err(error) => tracing::debug!(target: "sockeye::ws", %error, "upgrade failed"),
        }
    });
    Ok(accepted.map(|()| Whole::default()))
}

/// Asks the application; gives the handshake if sockets keep it.
async fn admit(shared: &Shared, request: Request<()>) -> Result<Option<Arc<Handshake>>, Refused> {
    if !shared.keep_handshake && shared.admission.is_none() {
        return Ok(None);
    }
    let (parts, ()) = request.into_parts();
    let handshake =
        Handshake { uri: parts.uri, headers: parts.headers, extensions: parts.extensions };
    let handshake = Arc::new(handshake);
    if let Some(admission) = &shared.admission {
        let patience = shared.config.connect_timeout;
        admission.ask(Arc::clone(&handshake), patience).await.map_err(|denied| match denied {
            Denied::Refused(refusal) => Refused::NotAllowed(refusal.message().to_owned()),
            Denied::Failed => Refused::Failed,
        })?;
    }
    Ok(shared.keep_handshake.then_some(handshake))
}

/// What gives the stream below the request, once it is answered.
fn take_upgrade(request: &mut Request<()>) -> Result<OnUpgrade, Refused> {
    request.extensions_mut().remove::<OnUpgrade>().ok_or_else(|| {
        tracing::error!(
            target: "sockeye::engine",
            "the HTTP server does not support upgrades; with hyper, serve the connection `with_upgrades`"
        );
        Refused::BadRequest("no upgrade".to_owned())
    })
}

/// Opens a session on a stream that speaks WebSocket.
fn open(
    shared: Arc<Shared>,
    place: Place,
    stream: (Stream, Bytes),
    handshake: Option<Arc<Handshake>>,
) {
    let Ok(sid) = Id::random() else {
        tracing::error!("the system has no randomness to give; a session is refused");
        return;
    };
    let now = tokio::time::Instant::now().into_std();
    let conn = Conn::server(now, Arc::clone(&shared.config), sid, shared.outbox);
    if !place.take(&conn) {
        return; // the server began to close in the meantime
    }
    let wheel = Arc::clone(&shared.wheel);
    let websocket = shared.websocket.clone();
    let write_timeout = shared.write_timeout;
    let dispatcher = Dispatcher::new(shared, Arc::clone(&conn), handshake);
    tokio::spawn(Driver::new(conn, wheel, stream, &websocket, write_timeout, dispatcher));
}
