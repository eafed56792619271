//! The server's "no" to a request, in the words of Engine.IO.

use std::{fmt, time::Duration};

use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{body::Whole, origins};
use crate::server::session::NoPlace;

/// Why a request gets nothing: the client's fault, but for the last ones.
#[derive(Debug)]
pub(super) enum Refused {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest(String),
    /// A page of this origin may not connect.
    ForeignOrigin,
    /// The application says no, with this text for the client.
    NotAllowed(String),
    UnsupportedVersion {
        /// Whether version 3 is spoken, besides 4.
        takes_v3: bool,
    },
    /// The answer would be a script.
    Jsonp,
    /// The body of a POST is larger than the limit.
    TooLarge {
        limit: usize,
    },
    /// The body of a POST did not arrive in time.
    TooSlow {
        limit: Duration,
    },
    /// The application has no answer.
    Failed,
    /// There are as many sessions as there may be.
    Full,
    /// There are as many of the client's address as there may be.
    TooMany,
    /// The server is closing.
    Closing,
}

impl Refused {
    /// The Engine.IO error that says so.
    pub(super) fn response(&self) -> Response<Whole> {
        #[derive(Serialize)]
        struct Body<'a> {
            code: u8,
            message: &'a str,
        }
        let (status, code, message) = match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::BadMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, 4, "Origin not allowed"),
            Self::NotAllowed(message) => (StatusCode::FORBIDDEN, 4, message.as_str()),
            Self::UnsupportedVersion { .. } => {
                (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version")
            }
            Self::Jsonp => (
                StatusCode::BAD_REQUEST,
                3,
                "JSONP is not supported; let the client poll by XHR or fetch",
            ),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large"),
            Self::TooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, 3, "Request timeout"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, 4, "internal error"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, 4, "Server is full"),
            Self::TooMany => {
                (StatusCode::TOO_MANY_REQUESTS, 4, "Too many sessions from this address")
            }
            Self::Closing => (StatusCode::SERVICE_UNAVAILABLE, 4, "Server is shutting down"),
        };
        // A number and a text always have a JSON form.
        let body = serde_json::to_vec(&Body { code, message }).unwrap_or_default();
        let mut response = Response::new(Whole::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }

    const fn retry_after(&self) -> Option<&'static str> {
        match self {
            Self::Closing => Some("1"), // the server that follows may take over in a moment
            Self::Full | Self::TooMany => Some("5"),
            _ => None,
        }
    }
}

impl From<NoPlace> for Refused {
    fn from(none: NoPlace) -> Self {
        match none {
            NoPlace::Closing => Self::Closing,
            NoPlace::Full => Self::Full,
            NoPlace::TooMany => Self::TooMany,
        }
    }
}

impl From<origins::Refused> for Refused {
    fn from(refused: origins::Refused) -> Self {
        match refused {
            origins::Refused::Malformed => {
                Self::BadRequest("Origin must stand once, in visible ASCII".to_owned())
            }
            origins::Refused::Foreign => Self::ForeignOrigin,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownTransport => "unknown transport, or one that is switched off",
            Self::UnknownSession => "unknown session id",
            Self::BadMethod => "a session is opened with GET",
            Self::BadRequest(why) => why,
            Self::ForeignOrigin => {
                "pages of this origin may not connect; if it is the server's own, let the proxy \
                 pass on the Host header, or name the origin with `Builder::origins`"
            }
            Self::NotAllowed(_) => "allow_request says no",
            Self::UnsupportedVersion { takes_v3: false } => {
                "unsupported protocol version; this server speaks EIO=4, and EIO=3 with `Builder::engine_v3`"
            }
            Self::UnsupportedVersion { takes_v3: true } => {
                "unsupported protocol version; this server speaks EIO=3 and EIO=4"
            }
            Self::Jsonp => "JSONP, which ran answers as scripts, is not supported; use polling by XHR or fetch",
            Self::TooLarge { limit } => {
                return write!(f, "the body of a POST has more than {limit} bytes, the max_payload_bytes");
            }
            Self::TooSlow { limit } => {
                return write!(f, "the body of a POST took longer than {limit:?}, the post_timeout");
            }
            Self::Failed => "allow_request failed",
            Self::Full => "there are as many sessions as max_sessions allows",
            Self::TooMany => {
                "one address has as many sessions as max_sessions_per_address allows; if it is a proxy's, name it with \
                 `Builder::trusted_proxies`"
            }
            Self::Closing => "the server is closing",
        })
    }
}
