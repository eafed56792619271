//! Who may come in: an HTTP request is checked in the order of the reference server, before any upgrade.

use http::{Method, Request, Response};
use sockeye_proto::wire::ws::handshake;

use super::{
    query::{Field, Query},
    refused::Refused,
    shared::Shared,
};

/// What a request wants that may be had.
#[derive(Debug)]
pub(super) enum Wish {
    /// A new session on a WebSocket, which this response accepts.
    WebSocket(Response<()>),
}

/// Checks a request.
///
/// # Errors
///
/// [`Refused`]: what it wants is not to be had.
pub(super) fn check(request: &Request<()>, shared: &Shared) -> Result<Wish, Refused> {
    let query = Query::of(request.uri());
    // Compared with the transports there are, never looked up by name.
    if query.field("transport") != Field::Once("websocket") {
        return Err(Refused::UnknownTransport);
    }
    shared.origins.check(request.uri(), request.headers())?;
    match query.field("sid") {
        Field::Absent => check_new(request, query, shared),
        Field::Once(sid) if shared.sessions.find(sid).is_some() => {
            Err(Refused::BadRequest("this session is on websocket already".to_owned()))
        }
        Field::Once(_) | Field::Repeated => Err(Refused::UnknownSession),
    }
}

fn check_new(request: &Request<()>, query: Query<'_>, shared: &Shared) -> Result<Wish, Refused> {
    if request.method() != Method::GET {
        return Err(Refused::BadMethod);
    }
    // A request without EIO is from Engine.IO 3 or older.
    if query.field("EIO") != Field::Once("4") {
        return Err(Refused::UnsupportedVersion);
    }
    let handshake = handshake::Request::read(request)
        .map_err(|error| Refused::BadRequest(error.to_string()))?;
    shared.sessions.has_place()?;
    Ok(Wish::WebSocket(handshake.response()))
}
