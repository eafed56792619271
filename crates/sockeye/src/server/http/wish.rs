//! Who may come in: an HTTP request is checked in the order of the reference server, before any upgrade.

use std::sync::Arc;

use http::{Method, Request, Response};
use sockeye_proto::wire::{
    encoding::Encoding,
    engine::Version,
    ws::handshake::{self, RequestError},
};

use super::{
    query::{Field, Query},
    refused::Refused,
};
use crate::{net::Conn, server::shared::Shared};

/// What a request wants that may be had.
#[derive(Debug)]
pub(super) enum Wish {
    /// A new session on a WebSocket, which this response accepts.
    WebSocket { encoding: Encoding, accepted: Response<()> },
    /// A new session on polling.
    Polling { encoding: Encoding },
    /// What a session on polling has to say.
    Get(Arc<Conn>),
    /// To bring packets to a session on polling.
    Post(Arc<Conn>),
    /// To move a session from polling to a WebSocket, which this response accepts; whether it may is seen then. `base64`
    /// is its own word on bytes.
    Upgrade { conn: Arc<Conn>, accepted: Response<()>, base64: bool },
}

/// The transports that a request can name.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Named {
    Polling,
    WebSocket,
}

/// Checks a request.
///
/// # Errors
///
/// [`Refused`]: what it wants is not to be had.
pub(super) fn check(request: &Request<()>, shared: &Shared) -> Result<Wish, Refused> {
    if !handshake::names_one_host(request) {
        return Err(Refused::BadRequest(RequestError::Host.to_string()));
    }
    let query = Query::of(request.uri());
    // Compared with the transports there are, never looked up by name.
    let transport = match query.field("transport") {
        Field::Once("polling") if shared.transports.polling => Named::Polling,
        Field::Once("websocket") if shared.transports.websocket => Named::WebSocket,
        _ => return Err(Refused::UnknownTransport),
    };
    shared.origins.check(request.uri(), request.headers())?;
    if query.field("j") != Field::Absent && transport == Named::Polling {
        return Err(Refused::Jsonp);
    }
    match query.field("sid") {
        Field::Absent => check_new(request, query, transport, shared),
        Field::Once(sid) => {
            let conn = shared.sessions.find(sid).ok_or(Refused::UnknownSession)?;
            check_open(request, query, transport, conn, shared)
        }
        Field::Repeated => Err(Refused::UnknownSession),
    }
}

/// A request of a session that is open.
fn check_open(
    request: &Request<()>,
    query: Query<'_>,
    transport: Named,
    conn: Arc<Conn>,
    shared: &Shared,
) -> Result<Wish, Refused> {
    match (transport, request.method()) {
        (Named::WebSocket, _) if !shared.config.upgrades => {
            let why = "sessions stay on the transport they began on, as `Builder::upgrades` says";
            Err(Refused::BadRequest(why.to_owned()))
        }
        (Named::WebSocket, _) => {
            Ok(Wish::Upgrade { conn, accepted: accept(request)?, base64: wants_base64(query) })
        }
        (Named::Polling, &Method::GET) => Ok(Wish::Get(conn)),
        (Named::Polling, &Method::POST) => Ok(Wish::Post(conn)),
        (Named::Polling, _) => Err(Refused::BadRequest("polling is GET and POST".to_owned())),
    }
}

fn check_new(
    request: &Request<()>,
    query: Query<'_>,
    transport: Named,
    shared: &Shared,
) -> Result<Wish, Refused> {
    if request.method() != Method::GET {
        return Err(Refused::BadMethod);
    }
    let version = match query.field("EIO") {
        Field::Once(value) => Version::from_eio(value),
        Field::Absent => Some(Version::V3), // it is from Engine.IO 3 or older
        Field::Repeated => None,
    };
    let version = match version {
        Some(Version::V4) => Version::V4,
        Some(Version::V3) if shared.engine_v3 => Version::V3,
        _ => return Err(Refused::UnsupportedVersion { takes_v3: shared.engine_v3 }),
    };
    let encoding =
        Encoding { base64: wants_base64(query), ..Encoding::new(version, shared.parser) };
    let wish = match transport {
        Named::WebSocket => Wish::WebSocket { encoding, accepted: accept(request)? },
        Named::Polling => Wish::Polling { encoding },
    };
    let household = shared.clients.household(request.headers(), request.extensions());
    shared.sessions.has_place(household)?;
    Ok(wish)
}

/// Whether this transport has no bytes: on a WebSocket, too, they are read and written as text then.
fn wants_base64(query: Query<'_>) -> bool {
    query.field("b64") != Field::Absent
}

/// The response that accepts a WebSocket.
fn accept(request: &Request<()>) -> Result<Response<()>, Refused> {
    let mut handshake = handshake::Request::read(request)
        .map_err(|error| Refused::BadRequest(error.to_string()))?;
    // Clients that offer subprotocols fail a WebSocket that speaks none of them. The server has none to prefer: what is
    // offered is a token for a gateway, or one that only has to be there.
    if let Some(&first) = handshake.protocols().first() {
        handshake.choose_protocol(&[first]);
    }
    Ok(handshake.response())
}
