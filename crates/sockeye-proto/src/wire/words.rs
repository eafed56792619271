//! What servers say in words of their own: why they refuse, and which version they speak.
//!
//! The words are those of npm `engine.io` 3 to 6 (`lib/server.ts`, `errorMessages`) and `socket.io` 2 to 4
//! (`lib/client.ts`), `python-engineio` 3 and 4 (`base_server.py`, `async_server.py`), `python-socketio` 4 and 5
//! (`async_server.py`), `netty-socketio` 1.7 and 2 (`AuthorizeHandler.java`) and `socketioxide` (`engineioxide/src/errors.rs`).

use std::borrow::Cow;

use serde_json::Value;

use super::engine::{Handshake, Version};

/// Engine.IO's number for a refusal, and the server's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal<'b> {
    /// 0 transport unknown, 1 session unknown, 2 bad method, 3 bad request, 4 forbidden, 5 version not supported.
    pub code: u32,
    /// What it says. Of a session that is unknown without its id, which some servers name.
    pub message: Cow<'b, str>,
}

/// How the refusals of servers begin that have no number for them.
const WORDS: [(&str, u32); 11] = [
    ("Transport unknown", 0),
    ("Invalid transport", 0),
    (UNKNOWN_SESSION, 1),
    ("Invalid session", 1),
    ("Bad handshake method", 2),
    ("Bad request", 3),
    ("Invalid websocket upgrade", 3),
    ("Forbidden", 4),
    ("Not accepted origin", 4),
    ("Unsupported protocol version", 5),
    ("The client is using an unsupported version", 5),
];
const UNKNOWN_SESSION: &str = "Session ID unknown";
/// A page may have these words in it, too, and is longer.
const MAX_WORDS_BYTES: usize = 120;

impl<'b> Refusal<'b> {
    /// What the body of an HTTP error means; `None` if it is not Engine.IO's.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::words::Refusal;
    ///
    /// let npm = Refusal::decode(r#"{"code":0,"message":"Transport unknown"}"#).unwrap();
    /// assert_eq!((npm.code, &*npm.message), (0, "Transport unknown"));
    /// let python = Refusal::decode(r#""Invalid transport""#).unwrap();
    /// assert_eq!(python.code, 0);
    /// assert_eq!(Refusal::decode("<html>404</html>"), None);
    /// ```
    #[must_use]
    pub fn decode(body: &'b str) -> Option<Self> {
        let json: Option<Value> = serde_json::from_str(body).ok();
        if let Some(Value::Object(mut error)) = json {
            let code = match error.get("code")? {
                Value::Number(code) => code.as_u64().and_then(|code| u32::try_from(code).ok()),
                // As socketioxide writes it.
                Value::String(code) => code.parse().ok(),
                _ => None,
            }?;
            let Some(Value::String(message)) = error.remove("message") else { return None };
            return Some(Self { code, message: message.into() });
        }
        // On a WebSocket npm's server says the text alone; python-engineio has texts of its own, as JSON.
        let text = match json {
            Some(Value::String(text)) => Cow::Owned(text.trim().to_owned()),
            _ => Cow::Borrowed(body.trim()),
        };
        let begins =
            |(begin, _): &&(&str, u32)| text.len() < MAX_WORDS_BYTES && text.starts_with(begin);
        let (_, code) = *WORDS.iter().find(begins)?;
        let message = if code == 1 { UNKNOWN_SESSION.into() } else { text };
        Some(Self { code, message })
    }
}

/// Whether the message of a CONNECT_ERROR says that there is no such namespace.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::words::names_no_namespace;
///
/// assert!(names_no_namespace("Invalid namespace"));
/// assert!(!names_no_namespace("invalid token"));
/// ```
#[must_use]
pub fn names_no_namespace(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("invalid namespace")
        || message.contains("unknown namespace")
        || message.contains("namespace not found")
        // python-socketio's.
        || message == "unable to connect"
}

/// The refusal in HTTP that npm's server writes into a WebSocket that it has agreed to: it looks at the version after
/// that. Its status and body; `None` if what the server said first is something else, or not whole.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::words::late_refusal;
///
/// let said = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno";
/// assert_eq!(late_refusal(said), Some((400, "no".to_owned())));
/// ```
#[must_use]
pub fn late_refusal(said: &[u8]) -> Option<(u16, String)> {
    let rest = said.strip_prefix(LATE_REFUSAL)?;
    let text = String::from_utf8_lossy(rest);
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some((text.get(..3)?.parse().ok()?, body.to_owned()))
}

/// How [`late_refusal`] begins.
pub const LATE_REFUSAL: &[u8] = b"HTTP/1.1 ";

/// Which version a server speaks, by its handshake and, where that leaves it open, by the message behind it; `None` if
/// that has still to come.
///
/// A server that names its largest payload speaks version 4, since only late ones do. One that does not, and lets us into
/// `/` unasked, speaks version 3. A server of version 4 may say nothing until it is asked.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{engine::{Handshake, Version}, words::version};
///
/// let old = Handshake::decode(r#"{"sid":"a","pingInterval":25000,"pingTimeout":5000}"#)?;
/// assert_eq!(version(&old, None), None);
/// assert_eq!(version(&old, Some("40")), Some(Version::V3));
/// # Ok::<_, sockeye_proto::wire::engine::HandshakeError>(())
/// ```
#[must_use]
pub fn version(handshake: &Handshake, next: Option<&str>) -> Option<Version> {
    match (handshake.max_payload_bytes, next) {
        (Some(_), _) => Some(Version::V4),
        (None, Some(next)) if next.starts_with("40") => Some(Version::V3),
        (None, next) => next.map(|_| Version::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_in_every_dialect() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(body: &str, expect: Option<(u32, &str)>) {
            let found = Refusal::decode(body);
            let found = found.as_ref().map(|refusal| (refusal.code, &*refusal.message));
            assert_eq!(found, expect, "{body}");
        }
        let unknown = Some((1, UNKNOWN_SESSION));
        // npm, by polling and on a WebSocket.
        check(r#"{"code":0,"message":"Transport unknown"}"#, Some((0, "Transport unknown")));
        check(
            r#"{"code":4,"message":"the application's own"}"#,
            Some((4, "the application's own")),
        );
        check("Bad request", Some((3, "Bad request")));
        check("Session ID unknown", unknown);
        check(" Forbidden\r\n", Some((4, "Forbidden")));
        // socketioxide.
        check(
            r#"{"code":"5","message":"Unsupported protocol version"}"#,
            Some((5, "Unsupported protocol version")),
        );
        // python-engineio.
        check(r#""Invalid session abc""#, unknown);
        check(r#""Invalid transport""#, Some((0, "Invalid transport")));
        check(r#""Not accepted origin""#, Some((4, "Not accepted origin")));
        let version =
            "The client is using an unsupported version of the Socket.IO or Engine.IO protocols";
        check(&format!("{version:?}"), Some((5, version)));
        // Other people's.
        for other in [
            "",
            r#"{"error":"no"}"#,
            r#"{"code":true,"message":"no"}"#,
            r#"{"code":1,"message":7}"#,
            r#"{"code":-1,"message":"no"}"#,
            r#""no""#,
            "[]",
            "<html>Forbidden</html>",
            &format!("Forbidden{}", " so".repeat(50)),
        ] {
            check(other, None);
        }
    }

    #[test]
    fn a_namespace_that_is_not_there_is_named_in_many_ways() {
        for message in [
            "Invalid namespace",
            "Unable to connect",
            "unknown namespace /x",
            "Namespace not found",
        ] {
            assert!(names_no_namespace(message), "{message}");
        }
        for message in ["", "invalid token", "Unable to connect to the store"] {
            assert!(!names_no_namespace(message), "{message}");
        }
    }

    #[test]
    fn a_refusal_that_comes_late_is_whole_or_none() {
        #[track_caller]
        fn check(said: &str, expect: Option<(u16, &str)>) {
            let expect = expect.map(|(status, body)| (status, body.to_owned()));
            assert_eq!(late_refusal(said.as_bytes()), expect, "{said:?}");
        }
        check("HTTP/1.1 400 Bad Request\r\n\r\n", Some((400, "")));
        check("HTTP/1.1 403 x\r\na: b\r\n\r\nno\r\n\r\nmore", Some((403, "no\r\n\r\nmore")));
        check("HTTP/1.1 400 Bad Request\r\n", None);
        check("HTTP/1.1 4é0\r\n\r\n", None);
        check("HTTP/1.1 ", None);
        check("\u{81}\u{3}", None);
    }

    #[test]
    fn the_first_words_tell_the_version() {
        let handshake = |max_payload_bytes| Handshake {
            sid: "a".to_owned(),
            upgrades: Vec::new(),
            ping_interval: std::time::Duration::ZERO,
            ping_timeout: std::time::Duration::ZERO,
            max_payload_bytes,
        };
        let (old, new) = (handshake(None), handshake(Some(9)));
        assert_eq!([version(&new, None), version(&new, Some("40"))], [Some(Version::V4); 2]);
        assert_eq!(
            [version(&old, Some("40")), version(&old, Some("2"))],
            [Some(Version::V3), Some(Version::V4)]
        );
        assert_eq!(version(&old, None), None);
    }
}
