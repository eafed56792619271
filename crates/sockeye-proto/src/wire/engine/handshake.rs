//! The server's first packet: who the session is and how it is kept alive.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde_json::{Value, value::RawValue};
use thiserror::Error;

/// Largest number that every reader of JSON holds exactly (RFC 8259 §6).
const MAX_NUMBER: f64 = 9_007_199_254_740_991.0;
/// Longest session id that a server may give, in bytes: it goes into the URL of each request of polling.
const MAX_SID_BYTES: usize = 4_096;
/// Most characters of a server's words that an error repeats.
const MAX_FOUND: usize = 40;

/// The server's first packet: who the session is and how it is kept alive.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use sockeye_proto::wire::engine::{Handshake, HandshakeError};
///
/// let json = r#"{"sid":"a1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
/// let handshake = Handshake::decode(json)?;
/// assert_eq!(handshake.ping_interval, Duration::from_secs(25));
/// assert_eq!(serde_json::to_string(&handshake).ok().as_deref(), Some(json));
/// # Ok::<_, HandshakeError>(())
/// ```
// The field order is the order of the keys on the wire.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The session's id: a bearer secret, never the public id of a socket.
    pub sid: String,
    /// Names of the transports that this session may move to.
    pub upgrades: Vec<String>,
    /// Time between two pings of the server; whole milliseconds on the wire.
    #[serde(serialize_with = "milliseconds")]
    pub ping_interval: Duration,
    /// Time that a ping's answer may take; whole milliseconds on the wire.
    #[serde(serialize_with = "milliseconds")]
    pub ping_timeout: Duration,
    /// Largest message that the server accepts, in bytes; servers before Engine.IO 6.2 don't say.
    #[serde(rename = "maxPayload", skip_serializing_if = "Option::is_none")]
    pub max_payload_bytes: Option<u64>,
}

impl Handshake {
    /// Reads the server's first message: a [`Kind::Open`](super::Kind::Open) with its body.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::engine::Handshake;
    ///
    /// let error = Handshake::decode_packet("hello").unwrap_err();
    /// assert!(error.to_string().starts_with("it begins with \"hello\""));
    /// ```
    pub fn decode_packet(packet: &str) -> Result<Self, HandshakeError> {
        match packet.strip_prefix('0') {
            Some(body) => Self::decode(body),
            None => {
                let json = Value::from(packet).to_string();
                Err(HandshakeError::NotOpen { found: excerpt(&json, MAX_FOUND) })
            }
        }
    }

    /// Reads the body of a server's [`Kind::Open`](super::Kind::Open).
    ///
    /// A value is read by its meaning: `25000`, `25000.0`, `2.5e4` and `"25000"` are one, as they are to JavaScript; what is
    /// smaller than a millisecond or a byte is cut off. Of a key that comes twice the last counts. Without `upgrades` there
    /// are none, and a `maxPayload` of 0, or one that can't be read, is no limit, as to npm's client.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]: the server's fault, and a retry is pointless.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::engine::Handshake;
    ///
    /// let error = Handshake::decode(r#"{"sid":"a1","pingInterval":"soon","pingTimeout":20000}"#).unwrap_err();
    /// assert!(error.to_string().starts_with(r#"pingInterval is "soon"; expected milliseconds"#));
    /// ```
    pub fn decode(body: &str) -> Result<Self, HandshakeError> {
        let fields: Fields<'_> = serde_json::from_str(body).map_err(|error| {
            HandshakeError::NotObject { because: excerpt(&error.to_string(), 3 * MAX_FOUND) }
        })?;
        let millis = |field| {
            number(&fields, field, MILLISECONDS)?.ok_or_else(|| missing(field, MILLISECONDS))
        };
        let (sid, upgrades) = (sid(&fields)?, upgrades(&fields)?);
        let (ping_interval, ping_timeout) = (millis("pingInterval")?, millis("pingTimeout")?);
        if (ping_interval, ping_timeout) == (0, 0) {
            return Err(HandshakeError::NoTime);
        }
        Ok(Self {
            sid,
            upgrades,
            ping_interval: Duration::from_millis(ping_interval),
            ping_timeout: Duration::from_millis(ping_timeout),
            // A hint alone: one that can't be read is none, as to other clients.
            max_payload_bytes: number(&fields, "maxPayload", BYTES)
                .ok()
                .flatten()
                .filter(|bytes| *bytes > 0),
        })
    }
}

/// Why a server's handshake can't be read. The server's fault.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum HandshakeError {
    /// The server's first message is another packet, or none.
    #[error("it begins with {found}; expected 0 and a JSON object, 0{{\"sid\":…}}")]
    NotOpen {
        /// How it begins, as JSON that is cut after 40 characters.
        found: String,
    },
    /// It does not end.
    #[error(
        "it has more than {max_bytes} bytes; expected sid, upgrades, pingInterval, pingTimeout, maxPayload"
    )]
    TooLong {
        /// How many were read.
        max_bytes: usize,
    },
    /// It is no JSON object.
    #[error(
        "it is no JSON object ({because}); expected sid, upgrades, pingInterval, pingTimeout, maxPayload"
    )]
    NotObject {
        /// What is wrong with it, cut after 120 characters.
        because: String,
    },
    /// A field is not there, or is not what it should be.
    #[error("{field} is {found}; expected {expected}")]
    Field {
        /// Its name on the wire.
        field: &'static str,
        /// What stands there, as JSON that is cut after 40 characters; or `missing`.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// Silence of no length would be the end: nobody could keep such a session.
    #[error(
        "pingInterval and pingTimeout are both 0; expected milliseconds, at least one of them above 0: in no time no sign of life can come"
    )]
    NoTime,
}

type Fields<'b> = BTreeMap<String, &'b RawValue>;

const ID: &str = "the session's id, a text of at most 4096 bytes";
const NAMES: &str = "a list of transports, such as [\"websocket\"]";
const MILLISECONDS: &str = "milliseconds, a number from 0 to 9007199254740991";
const BYTES: &str = "bytes, a number from 0 to 9007199254740991";

/// What stands in a field; `null` is nothing.
fn value<'b>(fields: &Fields<'b>, field: &str) -> Option<&'b str> {
    fields.get(field).map(|value| value.get()).filter(|json| *json != "null")
}

fn missing(field: &'static str, expected: &'static str) -> HandshakeError {
    HandshakeError::Field { field, found: "missing".to_owned(), expected }
}

fn wrong(field: &'static str, json: &str, expected: &'static str) -> HandshakeError {
    HandshakeError::Field { field, found: excerpt(json, MAX_FOUND), expected }
}

fn sid(fields: &Fields<'_>) -> Result<String, HandshakeError> {
    let json = value(fields, "sid").ok_or_else(|| missing("sid", ID))?;
    let is_number = json.starts_with(|begin: char| begin == '-' || begin.is_ascii_digit());
    let text = if is_number { Some(json.to_owned()) } else { serde_json::from_str(json).ok() };
    text.filter(|text| text.len() <= MAX_SID_BYTES).ok_or_else(|| wrong("sid", json, ID))
}

fn upgrades(fields: &Fields<'_>) -> Result<Vec<String>, HandshakeError> {
    let Some(json) = value(fields, "upgrades") else { return Ok(Vec::new()) };
    if let Ok(one) = serde_json::from_str::<String>(json) {
        return Ok(vec![one]);
    }
    let names: Vec<&RawValue> =
        serde_json::from_str(json).map_err(|_| wrong("upgrades", json, NAMES))?;
    // What is no text names no transport that we know, nor one that npm's client does.
    Ok(names.into_iter().filter_map(|name| serde_json::from_str(name.get()).ok()).collect())
}

fn number(
    fields: &Fields<'_>,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<u64>, HandshakeError> {
    let Some(json) = value(fields, field) else { return Ok(None) };
    let text: Option<String> = serde_json::from_str(json).ok();
    let number = text.as_deref().unwrap_or(json).trim().parse::<f64>().ok();
    // Neither NaN nor infinity, both of which Rust reads, is in the range.
    match number.filter(|number| (0.0..=MAX_NUMBER).contains(number)) {
        Some(number) => Ok(Some(number as u64)),
        None => Err(wrong(field, json, expected)),
    }
}

/// The beginning of what a server said, without what could rewrite a terminal.
fn excerpt(text: &str, max: usize) -> String {
    let mut excerpt = String::new();
    for character in text.chars().take(max) {
        match character {
            '"' | '\'' | '\\' => excerpt.push(character),
            _ => excerpt.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(max).is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// A duration as a JSON number of milliseconds.
fn milliseconds<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_interval(spelling: &str) -> String {
        format!(r#"{{"sid":"x","upgrades":[],"pingInterval":{spelling},"pingTimeout":2}}"#)
    }

    #[test]
    fn handshakes_of_old_and_new_servers() {
        #[track_caller]
        fn check(json: &str, expect: &Handshake) {
            assert_eq!(Handshake::decode(json).as_ref(), Ok(expect), "reading {json}");
        }
        let old = Handshake {
            sid: "x".to_owned(),
            upgrades: Vec::new(),
            ping_interval: Duration::from_millis(1),
            ping_timeout: Duration::from_millis(2),
            max_payload_bytes: None,
        };
        let new = Handshake { max_payload_bytes: Some(3), ..old.clone() };
        check(&with_interval("1"), &old);
        let text = r#"{"more":[],"maxPayload":3,"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":2}"#;
        check(text, &new);
        // What stands for nothing.
        for nothing in
            ["null", "0", "\"0\"", "-3", "1e999", "false", "\"\"", "99999999999999999999"]
        {
            let text = format!(
                r#"{{"sid":"x","upgrades":null,"pingInterval":1,"pingTimeout":2,"maxPayload":{nothing}}}"#
            );
            check(&text, &old);
        }
        check(r#"{"sid":"x","pingInterval":1,"pingTimeout":2}"#, &old);
        // JavaScript takes the last.
        check(r#"{"sid":1,"pingInterval":9,"pingTimeout":2,"pingInterval":1,"sid":"x"}"#, &old);
        let number = Handshake { sid: "12345678901234567890123".to_owned(), ..old.clone() };
        check(r#"{"sid":12345678901234567890123,"pingInterval":1,"pingTimeout":2}"#, &number);
        let upgrades = Handshake { upgrades: vec!["websocket".to_owned()], ..new };
        let text = r#"{"sid":"x","upgrades":[1,"websocket",null],"pingInterval":"1","pingTimeout":"2","maxPayload":"3"}"#;
        check(text, &upgrades);
        check(&text.replace(r#"[1,"websocket",null]"#, r#""websocket""#), &upgrades);
    }

    #[test]
    fn a_number_is_read_by_its_meaning() {
        #[track_caller]
        fn check(spelling: &str, millis: u64) {
            let handshake = Handshake::decode(&with_interval(spelling)).unwrap();
            assert_eq!(handshake.ping_interval, Duration::from_millis(millis), "{spelling}");
        }
        for spelling in ["25000", "25000.0", "2.5e4", "2.5E+4", "25000.9", "250000e-1"] {
            check(spelling, 25_000);
            check(&format!("\"{spelling}\""), 25_000);
            check(&format!("\" {spelling}\\n\""), 25_000);
        }
        check("1e6", 1_000_000);
        check("0", 0);
        check("-0", 0);
        check("0.4", 0);
        check("9007199254740991", 9_007_199_254_740_991);
    }

    #[test]
    fn a_field_that_is_nonsense_is_named_with_what_was_found() {
        #[track_caller]
        fn check(json: &str, expect: &str) {
            let error = Handshake::decode(json).unwrap_err().to_string();
            assert!(error.starts_with(expect) && error.contains("expected"), "{json}: {error}");
            assert!(error.chars().count() < 250, "{error}");
        }
        for nonsense in [
            "-1",
            "-0.5",
            "1e16",
            "1e400",
            "\"\"",
            "\" \"",
            "\"soon\"",
            "\"25s\"",
            "\"0x10\"",
            "\"NaN\"",
            "\"inf\"",
            "\"-Infinity\"",
            "true",
            "[]",
            "[25000]",
            "{}",
            "18446744073709551615",
        ] {
            check(&with_interval(nonsense), &format!("pingInterval is {nonsense}; "));
        }
        check(&with_interval("null"), "pingInterval is missing; ");
        check(r#"{"sid":"x","pingInterval":1}"#, "pingTimeout is missing; ");
        check("{}", "sid is missing; ");
        check(r#"{"sid":null}"#, "sid is missing; ");
        check(r#"{"sid":["x"]}"#, "sid is [\"x\"]; ");
        check(r#"{"sid":true}"#, "sid is true; ");
        check(&format!(r#"{{"sid":"{}"}}"#, "x".repeat(MAX_SID_BYTES + 1)), "sid is \"xxx");
        check(r#"{"sid":"\ud800"}"#, r#"sid is "\ud800"; "#); // half a surrogate pair is no text
        check(r#"{"sid":"x","upgrades":1}"#, "upgrades is 1; ");
        for nothing in ["0", "0.9", "\"0\""] {
            let text = format!(r#"{{"sid":"x","pingInterval":{nothing},"pingTimeout":{nothing}}}"#);
            check(&text, "pingInterval and pingTimeout are both 0; ");
        }
        check(r#"{"sid":"x","upgrades":{}}"#, "upgrades is {}; ");
        let long = format!("\"\u{202e}{}\"", "9".repeat(100_000));
        check(&with_interval(&long), r#"pingInterval is "\u{202e}999"#);

        for broken in
            ["", "[]", "\"x\"", "null", r#"{"sid":"x","upgrades":["#, &with_interval("NaN")]
        {
            check(broken, "it is no JSON object (");
        }
        check(&format!("\"{}\"", "x".repeat(100_000)), "it is no JSON object (");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_panics(
            text: String,
            sid: String,
            upgrades: Vec<String>,
            times in (0..1_u64 << 53, 1..1_u64 << 53),
            max in proptest::option::of(1..1_u64 << 53),
        ) {
            let _ = Handshake::decode(&text);
            let handshake = Handshake {
                sid,
                upgrades,
                ping_interval: Duration::from_millis(times.0),
                ping_timeout: Duration::from_millis(times.1),
                max_payload_bytes: max,
            };
            let written = serde_json::to_string(&handshake).unwrap();
            prop_assert_eq!(Handshake::decode(&written), Ok(handshake));
        }
    }
}
