//! What an answer is: a handshake of Engine.IO, a refusal of Engine.IO, a page, another protocol, nothing.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sockeye_proto::wire::engine::{Handshake, Version};

use super::Flood;

/// Most characters of a body that are shown.
const EXCERPT_CHARS: usize = 120;

/// What came of asking for a session.
#[derive(Clone, Debug)]
pub(crate) enum Reception {
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

/// A handshake that can't be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Broken {
    pub(crate) version: Version,
    /// Which field, what was found and what was expected.
    pub(crate) error: String,
    pub(crate) sid: Option<String>,
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

impl Reception {
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

impl Front {
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
    fn pages_become_lines() {
        assert_eq!(excerpt("<html>\n <h1>404</h1> Not\r\nFound"), "404 Not Found");
        assert_eq!(excerpt(&"x".repeat(500)).chars().count(), EXCERPT_CHARS + 1);
        assert_eq!(excerpt("a \u{1b}[2J b"), "a [2J b");
    }
}
