//! Who may open a session: an HTTP request is checked in the order of the reference server, before any upgrade.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use sockeye_proto::wire::ws::handshake;

use super::shared::Shared;

/// What a [`Service`](super::Service) answers with.
pub(super) type Body = Full<Bytes>;

/// Why a request opens no session: always the client's fault, but for the last.
#[derive(Debug)]
pub(super) enum Refused {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest(String),
    UnsupportedVersion,
    /// The server is closing.
    Closing,
}

/// Checks a request; a `Ok` is the handshake to answer with.
pub(super) fn check<'r, B>(
    request: &'r Request<B>,
    shared: &Shared,
) -> Result<handshake::Request<'r>, Refused> {
    let query = Query(request.uri().query().unwrap_or_default());
    // Compared with the transports there are, never looked up by name.
    if query.first("transport") != Some("websocket") {
        return Err(Refused::UnknownTransport);
    }
    // A request without EIO is from Engine.IO 3 or older.
    if query.first("EIO") != Some("4") {
        return Err(Refused::UnsupportedVersion);
    }
    if let Some(sid) = query.first("sid") {
        return Err(if shared.sessions.contains(sid) {
            Refused::BadRequest("this session is on websocket already".to_owned())
        } else {
            Refused::UnknownSession
        });
    }
    if request.method() != Method::GET {
        return Err(Refused::BadMethod);
    }
    if shared.sessions.is_closing() {
        return Err(Refused::Closing);
    }
    handshake::Request::read(request).map_err(|error| Refused::BadRequest(error.to_string()))
}

impl Refused {
    /// The Engine.IO error that says so.
    pub(super) fn response(&self) -> Response<Body> {
        let (status, code, message) = match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::UnsupportedVersion => {
                (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version")
            }
            Self::Closing => (StatusCode::SERVICE_UNAVAILABLE, 4, "Server is shutting down"),
        };
        let mut response =
            Response::new(Full::from(format!(r#"{{"code":{code},"message":"{message}"}}"#)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The server that follows may take over in a moment.
        if matches!(self, Self::Closing) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownTransport => "unknown transport; this server speaks websocket",
            Self::UnknownSession => "unknown session id",
            Self::BadMethod => "a session is opened with GET",
            Self::BadRequest(why) => why,
            Self::UnsupportedVersion => "unsupported protocol version; this server speaks EIO=4",
            Self::Closing => "the server is closing",
        })
    }
}

/// A query string whose interesting values need no decoding.
struct Query<'r>(&'r str);

impl<'r> Query<'r> {
    fn first(&self, key: &str) -> Option<&'r str> {
        self.0
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(k, _)| *k == key)
            .map(|(_, v)| v)
    }
}
