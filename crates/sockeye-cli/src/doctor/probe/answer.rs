//! What an answer is: a handshake of Engine.IO, a refusal of Engine.IO, a page, another protocol, nothing.

use std::{error::Error as _, time::Duration};

use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use sockeye::client::DialError;
use sockeye_proto::wire::{
    engine::{Handshake, Version},
    polling::{Format, Item, Packets},
};

use super::{
    flood::Flood,
    handshake::{Broken, handshake},
    http::{Reply, Unanswered},
};

/// Most characters of a body that are shown.
const EXCERPT_CHARS: usize = 120;

/// What came of asking for a session.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A session of Engine.IO.
    Open(Front, Opened),
    /// The first packet of one, whose handshake can't be used.
    Broken(Front, Broken),
    /// Engine.IO says no, with its number.
    Refused(Front, u32, String),
    /// A response of HTTP that is not Engine.IO.
    Http(Front),
    /// A WebSocket without Engine.IO on it.
    Raw(Front, Raw),
    /// The stream ended, or what came is no HTTP/1.
    Stranger(Stranger),
    /// Nothing came in time.
    Silent,
    /// There was no stream any more.
    Unreached(String),
}

/// A session, as the server opened it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) version: Version,
    pub(crate) handshake: Handshake,
    /// Packets that came along with the handshake.
    pub(crate) rest: Vec<String>,
}

/// The head of a response: who answers, and what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Front {
    pub(crate) status: u16,
    pub(crate) server: Option<String>,
    pub(crate) via: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    /// The beginning of the body, on one line.
    pub(crate) body: String,
}

/// A WebSocket that is not Engine.IO's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Raw {
    /// It was cut at once, without a word.
    Cut,
    /// It was closed at once, with a code.
    Closed(u16),
    /// It says nothing.
    Silent,
    /// It says something else.
    Says(String),
    /// It sends frames that are none, and why.
    Unreadable(String),
    /// It sends back what we say.
    Echoes,
    /// It pings and pings, and says nothing else.
    Floods(Flood),
    /// The answer to the handshake is wrong.
    WrongHandshake(String),
}

/// What answers instead of HTTP/1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stranger {
    /// An alert of TLS.
    Tls,
    /// HTTP/2.
    Http2,
    /// The end of the stream.
    Cut,
    /// A response of HTTP/1 that can't be read, and why.
    Unreadable(String),
    /// Something else, which begins so.
    Other(String),
}

impl Answer {
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

    pub(crate) const fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Open(_, opened) => Some(opened),
            _ => None,
        }
    }

    pub(crate) fn speaks(&self, version: Version) -> bool {
        self.opened().is_some_and(|opened| opened.version == version)
    }

    /// Engine.IO's number of the refusal.
    pub(crate) const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused(_, code, _) => Some(*code),
            _ => None,
        }
    }

    /// Whether Engine.IO answers there, be it with a refusal, or wrongly.
    pub(crate) const fn is_engine(&self) -> bool {
        matches!(self, Self::Open(..) | Self::Broken(..) | Self::Refused(..))
    }

    /// The id of the session that it would open, which is nobody else's business.
    pub(crate) fn sid(&self) -> Option<&str> {
        match self {
            Self::Open(_, opened) => Some(&opened.handshake.sid),
            Self::Broken(_, broken) => broken.sid.as_deref(),
            _ => None,
        }
    }

    /// The head of the response, if there was one.
    pub(crate) const fn front(&self) -> Option<&Front> {
        match self {
            Self::Open(front, _)
            | Self::Broken(front, _)
            | Self::Refused(front, ..)
            | Self::Http(front)
            | Self::Raw(front, _) => Some(front),
            _ => None,
        }
    }

    /// In a few words.
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Open(_, Opened { version, handshake, .. }) => {
                let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
                format!(
                    "EIO={}, ping every {}, {} to answer",
                    version.to_eio(),
                    seconds(handshake.ping_interval),
                    seconds(handshake.ping_timeout)
                )
            }
            Self::Broken(_, broken) => format!("a handshake that can't be used: {}", broken.error),
            Self::Refused(front, code, message) => {
                format!("{}: {message} (code {code}){}", front.status, front.who())
            }
            Self::Http(front) => {
                let body = if front.body.is_empty() {
                    String::new()
                } else {
                    format!(", says {:?}", front.body)
                };
                format!("{}{}{body}", front.status, front.who())
            }
            Self::Raw(front, raw) => {
                format!("{}, then {}{}", front.status, raw.note(), front.who())
            }
            Self::Stranger(stranger) => stranger.note(),
            Self::Silent => "no answer in time".to_owned(),
            Self::Unreached(error) => error.clone(),
        }
    }

    /// For programs.
    pub(crate) fn evidence(&self) -> Map<String, Value> {
        let mut evidence = self.front().map_or_else(Map::new, Front::evidence);
        let mut add = |name: &str, value: Value| evidence.insert(name.to_owned(), value);
        match self {
            Self::Open(_, Opened { version, handshake, .. }) => {
                let milliseconds =
                    |time: Duration| json!(time.as_millis().min(u128::from(u64::MAX)) as u64);
                add("eio", json!(version.to_eio()));
                add("pingInterval", milliseconds(handshake.ping_interval));
                add("pingTimeout", milliseconds(handshake.ping_timeout));
                add("maxPayload", json!(handshake.max_payload_bytes));
                add("upgrades", json!(handshake.upgrades));
                add("sids", json!(1));
            }
            Self::Broken(_, broken) => {
                add("eio", json!(broken.version.to_eio()));
                add("handshake", json!(broken.error));
            }
            Self::Refused(_, code, message) => {
                add("code", json!(code));
                add("message", json!(message));
            }
            Self::Raw(_, raw) => {
                add("websocket", json!(raw.note()));
            }
            Self::Stranger(stranger) => {
                add("error", json!(stranger.note()));
            }
            Self::Silent | Self::Unreached(_) => {
                add("error", json!(self.note()));
            }
            Self::Http(_) => {}
        }
        evidence
    }
}

impl From<Unanswered> for Answer {
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

    /// Who says to have answered, or to have passed it on.
    fn who(&self) -> String {
        let named = [("Server", &self.server), ("Via", &self.via)];
        let named =
            named.iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?)));
        let named: Vec<_> = named.collect();
        if named.is_empty() { String::new() } else { format!(", {}", named.join(", ")) }
    }

    fn evidence(&self) -> Map<String, Value> {
        let texts = [
            ("server", &self.server),
            ("via", &self.via),
            ("contentType", &self.content_type),
            ("location", &self.location),
            ("retryAfter", &self.retry_after),
            ("date", &self.date),
        ];
        let mut evidence = Map::new();
        evidence.insert("status".to_owned(), json!(self.status));
        for (name, text) in texts {
            if let Some(text) = text {
                evidence.insert(name.to_owned(), json!(text));
            }
        }
        if !self.body.is_empty() {
            evidence.insert("body".to_owned(), json!(self.body));
        }
        evidence
    }
}

impl Raw {
    pub(crate) fn note(&self) -> String {
        match self {
            Self::Cut => "cut at once".to_owned(),
            Self::Closed(code) => format!("closed at once with code {code}"),
            Self::Silent => "says nothing".to_owned(),
            Self::Floods(flood) => flood.note(),
            Self::Says(text) => format!("says {text:?}, which is not Engine.IO"),
            Self::Unreadable(why) => format!("sends what can't be read: {why}"),
            Self::Echoes => "sends back what we say".to_owned(),
            Self::WrongHandshake(error) => format!("a wrong handshake: {error}"),
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

    pub(crate) fn note(&self) -> String {
        match self {
            Self::Tls => "an alert of TLS: the port does not speak plain HTTP".to_owned(),
            Self::Http2 => "HTTP/2 alone".to_owned(),
            Self::Cut => "the connection was closed without an answer".to_owned(),
            Self::Unreadable(why) => format!("a response of HTTP that can't be read: {why}"),
            Self::Other(text) => format!("no HTTP but {text:?}"),
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

/// Engine.IO's number and text, in the words of each server that has its own.
fn refusal(status: StatusCode, body: &str) -> Option<(u32, String)> {
    if status.is_success() || status.is_redirection() {
        return None;
    }
    let json: Option<Value> = serde_json::from_str(body).ok();
    if let Some(Value::Object(map)) = &json {
        // socketioxide writes the number as a string.
        let code = match map.get("code")? {
            Value::Number(code) => code.as_u64().and_then(|code| u32::try_from(code).ok()),
            Value::String(code) => code.parse().ok(),
            _ => None,
        };
        let message = map.get("message").and_then(Value::as_str)?;
        return Some((code?, excerpt(message)));
    }
    // On a WebSocket npm's server says the text alone; python-engineio has texts of its own, as JSON.
    let text = json.as_ref().and_then(Value::as_str).unwrap_or(body).trim();
    let codes = [
        ("Transport unknown", 0),
        ("Invalid transport", 0),
        ("Session ID unknown", 1),
        ("Invalid session", 1),
        ("Bad handshake method", 2),
        ("Bad request", 3),
        ("Invalid websocket upgrade", 3),
        ("Forbidden", 4),
        ("Not accepted origin", 4),
        ("Unsupported protocol version", 5),
        ("The client is using an unsupported version", 5),
    ];
    // A page may have these words in it, too.
    let begins = |(begin, _): &(&str, u32)| text.len() < 120 && text.starts_with(begin);
    let (_, code) = codes.iter().find(|known| begins(known))?;
    // An id follows it in python-engineio.
    let message = if *code == 1 { "Session ID unknown" } else { text };
    Some((*code, excerpt(message)))
}

/// The refusal in HTTP that npm's server writes into a WebSocket that it has agreed to.
pub(super) fn late_refusal(front: &Front, bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let (code, message) = refusal(status, body)?;
    let front = Front { status: status.as_u16(), body: excerpt(body), ..front.clone() };
    Some(Answer::Refused(front, code, message))
}

/// The beginning of a text on one line, without tags; control characters are escaped where it is printed.
pub(crate) fn excerpt(text: &str) -> String {
    let mut plain = String::new();
    let (mut in_tag, mut is_apart) = (false, false);
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => (in_tag, is_apart) = (false, true),
            _ if in_tag => {}
            c if c.is_whitespace() || c.is_control() => is_apart = true,
            c => {
                if is_apart && !plain.is_empty() {
                    plain.push(' ');
                }
                is_apart = false;
                plain.push(c);
            }
        }
        if plain.chars().count() >= EXCERPT_CHARS {
            plain.push('…');
            break;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_every_dialect() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(status: u16, body: &str, expect: Option<u32>) {
            let found = refusal(StatusCode::from_u16(status).unwrap(), body);
            assert_eq!(found.map(|(code, _)| code), expect, "{body}");
        }
        check(400, r#"{"code":0,"message":"Transport unknown"}"#, Some(0));
        check(400, r#"{"code":"5","message":"Unsupported protocol version"}"#, Some(5));
        check(403, r#"{"code":4,"message":"the application's own"}"#, Some(4));
        check(400, "Bad request", Some(3));
        check(400, r#""Invalid session abc""#, Some(1));
        check(400, r#""The client is using an unsupported version of the Socket.IO""#, Some(5));
        check(400, r#"{"error":"no"}"#, None);
        check(200, r#"{"code":0,"message":"Transport unknown"}"#, None);
        check(404, "<html>Forbidden</html>", None);
        check(403, "Forbidden", Some(4));
    }

    #[test]
    fn strangers_are_known_by_how_they_begin() {
        assert_eq!(Stranger::of_bytes(b""), Stranger::Cut);
        assert_eq!(Stranger::of_bytes(&[21, 3, 1, 0, 2, 2, 70]), Stranger::Tls);
        assert_eq!(Stranger::of_bytes(&[0, 0, 18, 4, 0, 0, 0, 0, 0, 0, 3]), Stranger::Http2);
        assert_eq!(Stranger::of_bytes(b"SSH-2.0-x\r\n"), Stranger::Other("SSH-2.0-x".to_owned()));
    }

    #[test]
    fn pages_become_lines() {
        assert_eq!(excerpt("<html>\n <h1>404</h1> Not\r\nFound"), "404 Not Found");
        assert_eq!(excerpt(&"x".repeat(500)).chars().count(), EXCERPT_CHARS + 1);
        assert_eq!(excerpt("a \u{1b}[2J b"), "a [2J b");
    }
}
