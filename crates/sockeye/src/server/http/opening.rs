//! A session begins: the application is asked, a place is taken, and a driver set to work.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, header};
use hyper::upgrade::OnUpgrade;
use sockeye_proto::wire::{
    encoding::Encoding,
    ws::{CloseCode, CloseFrame, Encoder, Message},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time,
};

use super::{admission::Denied, body::Whole, polling, refused::Refused};
use crate::{
    net::{Answered, Candidate, Conn, Driver, Id, Stream},
    server::{
        session::{Dispatcher, Place},
        shared::Shared,
        socket::Handshake,
    },
};

/// Opens a session on a WebSocket; `accepted` is the answer that makes the stream one.
pub(super) async fn on_websocket(
    shared: Arc<Shared>,
    mut request: Request<()>,
    encoding: Encoding,
    accepted: Response<()>,
) -> Result<Response<Whole>, Refused> {
    let upgrade = take_upgrade(&mut request)?;
    let household = shared.clients.household(request.headers(), request.extensions());
    let handshake = admit(&shared, request).await?;
    let place = Place::reserve(&shared, household)?;
    // A small task waits for the upgrade; the driver is another, so that it keeps only its own future.
    tokio::spawn(async move {
        let timeout = shared.write_timeout;
        let Some(stream) = upgraded(upgrade, timeout).await else { return };
        let Ok(conn) = open(&shared, place, encoding, false) else { return };
        let dispatcher = Dispatcher::new(Arc::clone(&shared), Arc::clone(&conn), handshake);
        let wheel = Arc::clone(&shared.wheel);
        let (config, pace) = (&shared.websocket, shared.pace);
        tokio::spawn(Driver::websocket(conn, wheel, stream, config, pace, dispatcher));
    });
    Ok(accepted.map(|()| Whole::default()))
}

/// Opens a session on polling; the request is its first GET.
pub(super) async fn on_polling(
    shared: Arc<Shared>,
    request: Request<()>,
    encoding: Encoding,
) -> Result<Response<Whole>, Refused> {
    let answered = request.extensions().get::<Answered>().cloned();
    let household = shared.clients.household(request.headers(), request.extensions());
    let handshake = admit(&shared, request).await?;
    let place = Place::reserve(&shared, household)?;
    let conn = open(&shared, place, encoding, true)?;
    let dispatcher = Dispatcher::new(Arc::clone(&shared), Arc::clone(&conn), handshake);
    let wheel = Arc::clone(&shared.wheel);
    let (config, pace) = (&shared.websocket, shared.pace);
    let driver = Driver::polling(Arc::clone(&conn), wheel, config, pace, dispatcher);
    tokio::spawn(driver);
    let mut response = polling::get(&conn, answered.as_ref()).await?;
    let cookie = shared.cookie.as_ref().and_then(|cookie| cookie.header(conn.sid.as_str()));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// How long a WebSocket that is turned away may take to hear of it, and to end the stream.
const TURNING_AWAY: Duration = Duration::from_secs(5);

/// Moves a session from polling to a WebSocket, if that carries it over in time. Where another one does already, the
/// client is told on the WebSocket itself: npm's takes an answer other than 101 for an error that nobody catches.
pub(super) fn upgrade(
    shared: &Shared,
    mut request: Request<()>,
    conn: Arc<Conn>,
    (accepted, base64): (Response<()>, bool),
) -> Result<Response<Whole>, Refused> {
    let upgrade = take_upgrade(&mut request)?;
    let timeout = shared.write_timeout;
    tokio::spawn(async move {
        let Some(stream) = upgraded(upgrade, timeout).await else { return };
        let offer = Candidate { stream, base64 };
        let refused = conn.offer(time::Instant::now().into_std(), offer);
        drop(conn); // the session does not wait for this
        if let Some(Candidate { stream: (stream, _), .. }) = refused {
            let _ = time::timeout(TURNING_AWAY, turn_away(stream)).await; // a stream that broke has ended, too
        }
    });
    Ok(accepted.map(|()| Whole::default()))
}

/// Closes a WebSocket unread. What still comes is thrown away until the client ends the stream: dropped at once, TCP would
/// reset it, and the close frame might be lost.
async fn turn_away(mut stream: Stream) -> io::Result<()> {
    let reason = "this session is on websocket already, or about to be";
    let close = Message::Close(Some(CloseFrame { code: CloseCode::NORMAL, reason }));
    let mut frame = Vec::new();
    Encoder::new().encode(close, None, &mut frame);
    stream.write_all(&frame).await?;
    stream.shutdown().await?;
    let mut unread = [0; 256];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

/// The stream, once the answer that accepts the WebSocket is written: a client that never takes it would keep its place
/// without an end.
async fn upgraded(upgrade: OnUpgrade, timeout: Duration) -> Option<(Stream, Bytes)> {
    match time::timeout(timeout, upgrade).await {
        Ok(Ok(upgraded)) => Some(Stream::recover(upgraded)),
        Ok(Err(error)) => {
            tracing::debug!(target: "sockeye::ws", %error, "upgrade failed");
            None
        }
        Err(_) => {
            tracing::debug!(target: "sockeye::ws", "upgrade failed: the client does not take the answer");
            None
        }
    }
}

/// Asks the application; gives the handshake if sockets keep it.
async fn admit(shared: &Shared, request: Request<()>) -> Result<Option<Arc<Handshake>>, Refused> {
    if !shared.keep_handshake && shared.admission.is_none() {
        return Ok(None);
    }
    let (mut parts, ()) = request.into_parts();
    parts.extensions.remove::<OnUpgrade>(); // an upgrade that is not made; kept, it would hold the connection
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

/// A session that requests can find.
fn open(
    shared: &Arc<Shared>,
    place: Place,
    encoding: Encoding,
    on_polling: bool,
) -> Result<Arc<Conn>, Refused> {
    let Ok(sid) = Id::random() else {
        tracing::error!("the system has no randomness to give; a session is refused");
        return Err(Refused::Failed);
    };
    let now = time::Instant::now().into_std();
    let config = Arc::clone(&shared.config);
    let conn = Conn::server(now, config, (sid, encoding, on_polling), shared.outbox);
    // It fails if the server began to close in the meantime.
    if place.take(&conn) { Ok(conn) } else { Err(Refused::Closing) }
}
