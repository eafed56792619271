//! Reads an answer: what comes back when a session is asked for, in the words of each server.

use std::error::Error as _;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use sockeye::client::{DialError, UrlError};
use sockeye_proto::wire::{
    engine::Version,
    polling::{Format, Item, Packets},
    words::{self, Refusal},
};

use super::handshake::handshake;
use crate::doctor::found::{Broken, Front, Opened, Reception, Stranger, excerpt};

/// An HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It can't be asked for.
    Target(UrlError),
    /// No stream.
    Dial(DialError),
    /// It takes too long.
    Silent,
    /// The stream ended, or what came is no HTTP/1.
    NoHttp(Stranger),
}

impl Reception {
    /// What the first answer on polling is.
    pub(crate) fn of_polling(asked: Result<Reply, Unanswered>) -> Self {
        let reply = match asked {
            Ok(reply) => reply,
            Err(unanswered) => return unanswered.into(),
        };
        if reply.status == StatusCode::OK
            && let Some(opening) = opening(&reply.body)
        {
            let front = Front::of(reply.status, &reply.headers);
            return match opening {
                Ok(opened) => Self::Open(front, opened),
                Err(broken) => Self::Broken(front, broken),
            };
        }
        Self::of_refusal(reply)
    }

    /// What an answer is that is no WebSocket.
    pub(crate) fn of_websocket(reply: Reply) -> Self {
        Self::of_refusal(reply)
    }

    fn of_refusal(reply: Reply) -> Self {
        let text = String::from_utf8_lossy(&reply.body);
        let mut front = Front::of(reply.status, &reply.headers);
        front.body = excerpt(&text);
        match refusal(reply.status, &text) {
            Some((code, message)) => Self::Refused(front, code, message),
            None => Self::Http(front),
        }
    }
}

impl From<Unanswered> for Reception {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Dial(DialError::Timeout { .. }) | Unanswered::Silent => Self::Silent,
            Unanswered::Target(error) => Self::Unreached(error.to_string()),
            Unanswered::Dial(error) => Self::Unreached(error.to_string()),
            Unanswered::NoHttp(stranger) => Self::Stranger(stranger),
        }
    }
}

impl Front {
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let header =
            |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: status.as_u16(),
            server: header(header::SERVER),
            via: header(header::VIA),
            content_type: header(header::CONTENT_TYPE),
            location: header(header::LOCATION),
            retry_after: header(header::RETRY_AFTER),
            date: header(header::DATE),
            body: String::new(),
        }
    }
}

impl Stranger {
    /// What begins so, and is no response.
    pub(super) fn of(bytes: &[u8], error: &hyper::Error) -> Self {
        if bytes.starts_with(b"HTTP/1.") {
            let source = error.source().map(|source| format!(": {source}"));
            return Self::Unreadable(format!("{error}{}", source.unwrap_or_default()));
        }
        Self::of_bytes(bytes)
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        match bytes {
            [] => Self::Cut,
            // RFC 8446 §5.1: an alert, in any version of TLS.
            [21, 3, ..] => Self::Tls,
            // RFC 9113 §3.4: a server begins with its settings, on stream 0.
            [0, _, _, 4, _, 0, 0, 0, 0, ..] => Self::Http2,
            bytes => Self::Other(excerpt(&String::from_utf8_lossy(bytes))),
        }
    }
}

/// The handshake that a body begins with, and the packets behind it.
fn opening(body: &[u8]) -> Option<Result<Opened, Broken>> {
    let Some((version, format)) = Format::of_opening(body) else {
        // One behind a byte order mark, say.
        let text = std::str::from_utf8(body).ok()?;
        return handshake(text, Version::V4)?.err().map(Err);
    };
    let mut packets = Packets::new(format, body);
    let Ok(Some(Item::Text(first))) = packets.next() else { return None };
    let handshake = match handshake(first, version)? {
        Ok(handshake) => handshake,
        Err(broken) => return Some(Err(broken)),
    };
    let mut rest = Vec::new();
    while let Ok(Some(Item::Text(text))) = packets.next() {
        rest.push(text.to_owned());
    }
    Some(Ok(Opened { version, handshake, rest }))
}

/// Engine.IO's number and text.
fn refusal(status: StatusCode, body: &str) -> Option<(u32, String)> {
    if status.is_success() || status.is_redirection() {
        return None;
    }
    let Refusal { code, message } = Refusal::decode(body)?;
    Some((code, excerpt(&message)))
}

/// The refusal in HTTP that npm's server writes into a WebSocket that it has agreed to.
pub(super) fn late_refusal(front: &Front, bytes: &[u8]) -> Option<Reception> {
    let (status, body) = words::late_refusal(bytes)?;
    let (code, message) = refusal(StatusCode::from_u16(status).ok()?, &body)?;
    let front = Front { status, body: excerpt(&body), ..front.clone() };
    Some(Reception::Refused(front, code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_known_by_how_they_begin() {
        assert_eq!(Stranger::of_bytes(b""), Stranger::Cut);
        assert_eq!(Stranger::of_bytes(&[21, 3, 1, 0, 2, 2, 70]), Stranger::Tls);
        assert_eq!(Stranger::of_bytes(&[0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3]), Stranger::Http2);
        assert_eq!(Stranger::of_bytes(b"SSH-2.0-x\r\n"), Stranger::Other("SSH-2.0-x".to_owned()));
    }
}
