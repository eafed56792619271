//! Socket.IO packets (protocol version 5): header grammar, decoding and encoding.
//!
//! ```text
//! kind [attachments "-"] [namespace ","] [id] [data]
//! ```

use std::fmt;

use thiserror::Error;

use super::json::{self, Cursor};

/// What a Socket.IO packet is for.
///
/// Binary events and binary acks (digits `5` and `6`) are events and acks with attachments.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// `0`: asks to join a namespace, or says that it is joined.
    Connect,
    /// `1`: leaves a namespace.
    Disconnect,
    /// `2`, or `5` with attachments: a name and arguments.
    Event,
    /// `3`, or `6` with attachments: the arguments that answer an event.
    Ack,
    /// `4`: refuses a [`Kind::Connect`].
    ConnectError,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Event => "EVENT",
            Self::Ack => "ACK",
            Self::ConnectError => "CONNECT_ERROR",
        })
    }
}

/// One Socket.IO packet, borrowed from the message that carried it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// What the packet is for.
    pub kind: Kind,
    /// How many binary messages follow this one and belong to it. Only events and acks have them.
    pub attachments: u32,
    /// The namespace; `/` if the text names none.
    pub namespace: &'a str,
    /// The ack id: asked for by an event, answered by an ack.
    pub id: Option<u64>,
    /// The JSON text behind the header.
    pub data: Option<&'a str>,
}

/// Bounds on what one packet may demand of its receiver.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::packet::Limits;
///
/// let limits = Limits { max_attachments: 100, ..Limits::default() };
/// assert_eq!(limits.max_args, 1_000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Most attachments of one packet. Default: 10, as in socket.io-parser.
    pub max_attachments: u32,
    /// Most bytes of all attachments of one packet together. Default: 10_000_000, ten messages of the default size.
    pub max_attachments_bytes: usize,
    /// Most arguments of one event or ack. Default: 1_000; the reference has no bound and dies of some hundred thousand.
    pub max_args: usize,
    /// Deepest nesting of arrays and objects, the list of arguments included. Default, and the highest value that
    /// has an effect: 127, the deepest that `serde_json` reads.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_attachments: 10,
            max_attachments_bytes: 10_000_000,
            max_args: 1_000,
            max_depth: json::MAX_DEPTH,
        }
    }
}

/// Reads one Socket.IO packet: the body of an Engine.IO message. Allocates nothing.
///
/// The data of an event or ack is only known to begin like an array; [`Payload`] checks the rest of it, so that its
/// text is read once. All other data has been checked in full.
///
/// # Errors
///
/// Every [`DecodeError`] is the peer's fault: close the connection, do not retry.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::packet::{DecodeError, Kind, Limits, decode};
///
/// let packet = decode(r#"2/chat,7["say","hi"]"#, &Limits::default())?;
/// assert_eq!((packet.kind, packet.namespace, packet.id), (Kind::Event, "/chat", Some(7)));
/// assert_eq!(packet.data, Some(r#"["say","hi"]"#));
/// # Ok::<_, DecodeError>(())
/// ```
///
/// [`Payload`]: super::payload::Payload
pub fn decode<'a>(text: &'a str, limits: &Limits) -> Result<Packet<'a>, DecodeError> {
    let packet = split(text, limits)?;
    check_data(packet.kind, packet.data.unwrap_or_default(), limits)?;
    Ok(packet)
}

/// Splits header and data, whatever the data is.
pub(super) fn split<'a>(text: &'a str, limits: &Limits) -> Result<Packet<'a>, DecodeError> {
    let digit = text.chars().next().ok_or(DecodeError::Empty)?;
    let (kind, is_binary) = match digit {
        '0' => (Kind::Connect, false),
        '1' => (Kind::Disconnect, false),
        '2' => (Kind::Event, false),
        '3' => (Kind::Ack, false),
        '4' => (Kind::ConnectError, false),
        '5' => (Kind::Event, true),
        '6' => (Kind::Ack, true),
        digit => return Err(DecodeError::UnknownKind { digit }),
    };
    let rest = &text[1..]; // every digit above is one byte
    let (attachments, rest) = if is_binary { split_attachments(rest, limits)? } else { (0, rest) };
    let (namespace, rest) = split_namespace(rest);
    let (id, rest) = split_id(rest)?;
    Ok(Packet { kind, attachments, namespace, id, data: (!rest.is_empty()).then_some(rest) })
}

/// Appends a packet's text, as [`decode`] reads it. The caller says with `attachments` how many binary messages follow.
///
/// The namespace must fulfil [`is_namespace`], or else the peer reads another packet.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::packet::{Kind, Packet, encode_into};
///
/// let mut out = Vec::new();
/// let ack = Packet { kind: Kind::Ack, attachments: 0, namespace: "/chat", id: Some(7), data: Some("[true]") };
/// encode_into(&ack, &mut out);
/// assert_eq!(out, b"3/chat,7[true]");
/// ```
pub fn encode_into(packet: &Packet<'_>, out: &mut Vec<u8>) {
    out.push(match (packet.kind, packet.attachments) {
        (Kind::Connect, _) => b'0',
        (Kind::Disconnect, _) => b'1',
        (Kind::Event, 0) => b'2',
        (Kind::Ack, 0) => b'3',
        (Kind::ConnectError, _) => b'4',
        (Kind::Event, 1..) => b'5',
        (Kind::Ack, 1..) => b'6',
    });
    if packet.attachments > 0 {
        push_decimal(packet.attachments.into(), out);
        out.push(b'-');
    }
    if packet.namespace != "/" {
        out.extend_from_slice(packet.namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = packet.id {
        push_decimal(id, out);
    }
    out.extend_from_slice(packet.data.unwrap_or_default().as_bytes());
}

/// How many bytes [`encode_into`] appends.
#[must_use]
pub fn encoded_bytes(packet: &Packet<'_>) -> usize {
    let attachments = match packet.attachments {
        0 => 0,
        count => decimal_bytes(count.into()) + 1,
    };
    let namespace = if packet.namespace == "/" { 0 } else { packet.namespace.len() + 1 };
    let id = packet.id.map_or(0, decimal_bytes);
    1 + attachments + namespace + id + packet.data.map_or(0, str::len)
}

/// Whether a text can name a namespace on the wire: it begins with `/` and has no comma, which would end it.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::packet::is_namespace;
///
/// assert!(is_namespace("/chat"));
/// assert!(!is_namespace("chat"));
/// ```
#[must_use]
pub fn is_namespace(text: &str) -> bool {
    text.starts_with('/') && !text.contains(',')
}

/// Why a packet from the peer was refused, in header, arguments or attachments.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DecodeError {
    /// The message had no bytes behind the Engine.IO digit.
    #[error("empty packet; expected a type digit from 0 to 6")]
    Empty,
    /// The first character is not a packet type.
    #[error(
        "packet type {digit:?} is not in 0..=6; close the connection, the peer is not Socket.IO"
    )]
    UnknownKind {
        /// The character found.
        digit: char,
    },
    /// A binary packet whose number of attachments is missing, zero, or not in plain digits.
    #[error("illegal attachments; expected a number of at least 1 and a dash, as in 51-[\"name\"]")]
    IllegalAttachments,
    /// More attachments than allowed.
    #[error(
        "more than {limit} attachments in one packet; send them in several, or allow more where they are received"
    )]
    TooManyAttachments {
        /// The bound that was passed.
        limit: u32,
    },
    /// Attachments that are too large together.
    #[error(
        "the attachments of one packet hold more than {limit} bytes; send them in several, or allow more where they are received"
    )]
    AttachmentsTooLarge {
        /// The bound that was passed, in bytes.
        limit: usize,
    },
    /// A placeholder that stands for none of the packet's attachments, or for one that another stands for.
    #[error(
        "illegal placeholder; expected {{\"_placeholder\":true,\"num\":n}} with n from 0 to {last}, each n once"
    )]
    IllegalPlaceholder {
        /// Number of the last attachment.
        last: usize,
    },
    /// An ack id that no counter reaches.
    #[error("the ack id doesn't fit in 64 bits")]
    IdTooLarge,
    /// Data that this kind of packet doesn't have.
    #[error("{kind} packet with wrong data: found {found}, expected {expected}")]
    WrongData {
        /// The packet's kind.
        kind: Kind,
        /// What stands behind the header.
        found: Found,
        /// What should stand there.
        expected: &'static str,
    },
    /// Data that is not JSON.
    #[error("the data is not JSON from byte {offset} on")]
    Syntax {
        /// Offset of the first wrong byte in the packet's data.
        offset: usize,
    },
    /// Data that nests too deep.
    #[error("arrays and objects nest deeper than {limit}")]
    TooDeep {
        /// The bound that was passed.
        limit: u32,
    },
    /// More arguments than allowed.
    #[error(
        "more than {limit} arguments; send them as a list, or allow more where they are received"
    )]
    TooManyArgs {
        /// The bound that was passed.
        limit: usize,
    },
    /// An event whose first item is neither a string nor a number.
    #[error("an event without a name; expected an array that begins with a string or a number")]
    NoEventName,
    /// An event with a name that only the library itself may use.
    #[error("event name {name:?} is reserved; only the library itself may raise it")]
    ReservedEventName {
        /// The name found.
        name: String,
    },
}

/// What stands behind a packet's header, by its first character.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// Something that begins with this character.
    Start(char),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Start(start) => write!(f, "something that begins with {start:?}"),
        }
    }
}

impl DecodeError {
    pub(super) const fn from_fault(fault: json::Fault, limits: &Limits) -> Self {
        match fault {
            json::Fault::Syntax { offset } => Self::Syntax { offset },
            json::Fault::TooDeep => Self::TooDeep { limit: limits.max_depth },
        }
    }
}

fn split_attachments<'a>(text: &'a str, limits: &Limits) -> Result<(u32, &'a str), DecodeError> {
    let (digits, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').ok_or(DecodeError::IllegalAttachments)?;
    // An empty text has no number, any other only fails to be one by being too large.
    let count = match digits.parse::<u32>() {
        Ok(count) => count,
        Err(_) if digits.is_empty() => return Err(DecodeError::IllegalAttachments),
        Err(_) => u32::MAX,
    };
    match count {
        // Some parsers wait for attachments for ever here, and hoard all later ones (CVE-2026-69185).
        0 => Err(DecodeError::IllegalAttachments),
        count if count > limits.max_attachments => {
            Err(DecodeError::TooManyAttachments { limit: limits.max_attachments })
        }
        count => Ok((count, rest)),
    }
}

/// A namespace runs to the next comma; without one it is all that is left (`1/chat`).
fn split_namespace(text: &str) -> (&str, &str) {
    if text.starts_with('/') { text.split_once(',').unwrap_or((text, "")) } else { ("/", text) }
}

fn split_id(text: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return Ok((None, rest));
    }
    let id = digits.parse().map_err(|_| DecodeError::IdTooLarge)?; // only digits: nothing else can be wrong
    Ok((Some(id), rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Checks that data fits the packet's kind.
fn check_data(kind: Kind, data: &str, limits: &Limits) -> Result<(), DecodeError> {
    let start = data.bytes().next();
    let expected = match (kind, start) {
        (Kind::Connect | Kind::Disconnect, None) | (Kind::Event | Kind::Ack, Some(b'[')) => {
            return Ok(());
        }
        (Kind::Connect, Some(b'{')) | (Kind::ConnectError, Some(b'{' | b'"')) => {
            return check_json(data, limits);
        }
        (Kind::Connect, _) => "an object or nothing",
        (Kind::Disconnect, _) => "nothing",
        // socket.io-parser lets `2`, `3` and `4` pass without data, and its users then fail on `undefined`.
        (Kind::Event | Kind::Ack, _) => "an array",
        (Kind::ConnectError, _) => "an object or a string",
    };
    let found = data.chars().next().map_or(Found::Nothing, Found::Start);
    Err(DecodeError::WrongData { kind, found, expected })
}

fn check_json(text: &str, limits: &Limits) -> Result<(), DecodeError> {
    let mut cursor = Cursor::new(text);
    cursor
        .skip_value(limits.max_depth)
        .and_then(|()| cursor.end())
        .map_err(|fault| DecodeError::from_fault(fault, limits))
}

fn push_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20]; // u64::MAX has 20
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn decimal_bytes(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        max_attachments: 10,
        max_attachments_bytes: 10_000_000,
        max_args: 1_000,
        max_depth: 127,
    };

    fn packet(kind: Kind, namespace: &str) -> Packet<'_> {
        Packet { kind, attachments: 0, namespace, id: None, data: None }
    }

    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: Packet<'_>) {
        assert_eq!(decode(text, &LIMITS), Ok(expect), "decoding {text:?}");
    }

    #[track_caller]
    fn refuse(text: &str, expect: DecodeError) {
        assert_eq!(decode(text, &LIMITS), Err(expect), "decoding {text:?}");
    }

    #[track_caller]
    fn refuse_data(text: &str, found: Option<char>, expected: &'static str) {
        let found = found.map_or(Found::Nothing, Found::Start);
        match decode(text, &LIMITS) {
            Err(DecodeError::WrongData { found: actual, expected: wanted, .. }) => {
                assert_eq!((actual, wanted), (found, expected), "decoding {text:?}");
            }
            other => panic!("decoding {text:?}: {other:?}"),
        }
    }

    #[test]
    fn connects() {
        let root = packet(Kind::Connect, "/");
        check("0", root);
        check("0/", root);
        check("0/,", root);
        check("0{}", Packet { data: Some("{}"), ..root });
        check("0/admin", packet(Kind::Connect, "/admin"));
        check("0/admin,", packet(Kind::Connect, "/admin"));
        check("0/a,{\"t\":1}", Packet { data: Some("{\"t\":1}"), ..packet(Kind::Connect, "/a") });
        // The query is a part of the name in this version of the protocol.
        check("0/admin?token=x,", packet(Kind::Connect, "/admin?token=x"));
        // Digits are an id, here as everywhere; nobody asks for it.
        check("02", Packet { id: Some(2), ..root });
        check("0/custom,1", Packet { id: Some(1), ..packet(Kind::Connect, "/custom") });

        refuse_data("0[]", Some('['), "an object or nothing");
        refuse_data("0\"x\"", Some('"'), "an object or nothing");
        refuse_data("0null", Some('n'), "an object or nothing");
        refuse("0{", DecodeError::Syntax { offset: 1 });
        refuse("0{}x", DecodeError::Syntax { offset: 2 });
        let deep = format!("0{}", "{\"a\":".repeat(100_000));
        refuse(&deep, DecodeError::TooDeep { limit: 127 });
    }

    #[test]
    fn connect_errors_and_disconnects() {
        check("1", packet(Kind::Disconnect, "/"));
        check("1/admin", packet(Kind::Disconnect, "/admin"));
        check("1/admin,", packet(Kind::Disconnect, "/admin"));
        refuse_data("1[]", Some('['), "nothing");
        refuse_data("1{}", Some('{'), "nothing");

        let refused = packet(Kind::ConnectError, "/");
        check("4{\"message\":\"no\"}", Packet { data: Some("{\"message\":\"no\"}"), ..refused });
        check("4\"no\"", Packet { data: Some("\"no\""), ..refused });
        // socket.io-parser takes it, and its client then fails on a message that is undefined.
        refuse_data("4", None, "an object or a string");
        refuse_data("4[]", Some('['), "an object or a string");
        refuse("4\"no", DecodeError::Syntax { offset: 3 });
    }

    #[test]
    fn events_and_acks() {
        let event = Packet { data: Some("[\"a\"]"), ..packet(Kind::Event, "/") };
        let ack = Packet { data: Some("[]"), ..packet(Kind::Ack, "/") };
        check("2[\"a\"]", event);
        check("20[\"a\"]", Packet { id: Some(0), ..event });
        check("2007[\"a\"]", Packet { id: Some(7), ..event });
        check("2/ns,12[\"a\"]", Packet { namespace: "/ns", id: Some(12), ..event });
        check("2/a[1],[\"a\"]", Packet { namespace: "/a[1]", ..event });
        check("2/\0,[\"a\"]", Packet { namespace: "/\0", ..event });
        check("31[]", Packet { id: Some(1), ..ack });
        check("318446744073709551615[]", Packet { id: Some(u64::MAX), ..ack });

        // What follows is taken by socket.io-parser 4.2.7. Without data there is no event to raise:
        refuse_data("2", None, "an array");
        refuse_data("2/ns", None, "an array");
        refuse_data("3", None, "an array");
        refuse_data("31", None, "an array");
        // It reads a space as the id 0, and 20 digits as 1e20, which no counter hands out:
        refuse_data("2 [\"a\"]", Some(' '), "an array");
        refuse("218446744073709551616[\"a\"]", DecodeError::IdTooLarge);
        refuse("299999999999999999999[\"a\"]", DecodeError::IdTooLarge);

        refuse_data("2{}", Some('{'), "an array");
        refuse_data("2abc[\"a\"]", Some('a'), "an array");
        refuse_data("2-1[\"a\"]", Some('-'), "an array");
        refuse_data("2null", Some('n'), "an array");
        refuse_data("2/ns[\"a\"]", None, "an array"); // without a comma it is all name
        refuse_data("31{}", Some('{'), "an array");
        refuse_data("2٣[]", Some('٣'), "an array"); // a digit, but not an ASCII one
    }

    #[test]
    fn attachments() {
        let event = Packet { attachments: 1, data: Some("[\"a\"]"), ..packet(Kind::Event, "/") };
        check("51-[\"a\"]", event);
        check(
            "510-/ns,7[\"a\"]",
            Packet { attachments: 10, namespace: "/ns", id: Some(7), ..event },
        );
        check("61-0[\"a\"]", Packet { kind: Kind::Ack, id: Some(0), ..event });

        refuse("511-[\"a\"]", DecodeError::TooManyAttachments { limit: 10 });
        refuse("59999999-[\"a\"]", DecodeError::TooManyAttachments { limit: 10 });
        refuse("599999999999999999999-[\"a\"]", DecodeError::TooManyAttachments { limit: 10 });
        refuse("50-[\"a\"]", DecodeError::IllegalAttachments);
        refuse("5", DecodeError::IllegalAttachments);
        refuse("5-[\"a\"]", DecodeError::IllegalAttachments);
        refuse("51", DecodeError::IllegalAttachments);
        refuse("51[\"a\"]", DecodeError::IllegalAttachments);
        refuse("5[\"a\"]", DecodeError::IllegalAttachments);
        refuse("51.0-[\"a\"]", DecodeError::IllegalAttachments);
        refuse("5+1-[\"a\"]", DecodeError::IllegalAttachments);
        // socket.io-parser reads this as 10, and a space as 0.
        refuse("51e1-[\"a\"]", DecodeError::IllegalAttachments);
        refuse("5 -[\"a\"]", DecodeError::IllegalAttachments);
    }

    #[test]
    fn other_texts() {
        refuse("", DecodeError::Empty); // socket.io-parser reads a CONNECT
        refuse("7", DecodeError::UnknownKind { digit: '7' });
        refuse("9", DecodeError::UnknownKind { digit: '9' });
        refuse("é", DecodeError::UnknownKind { digit: 'é' });
    }

    #[test]
    fn error_texts_say_what_was_found_and_expected() {
        let text = decode("2{}", &LIMITS).unwrap_err().to_string();
        assert_eq!(
            text,
            "EVENT packet with wrong data: found something that begins with '{', expected an array"
        );
        let text = DecodeError::IllegalPlaceholder { last: 1 }.to_string();
        assert_eq!(
            text,
            r#"illegal placeholder; expected {"_placeholder":true,"num":n} with n from 0 to 1, each n once"#
        );
    }

    prop_compose! {
        fn any_packet()(
            kind in prop_oneof![
                Just((Kind::Connect, None)),
                Just((Kind::Connect, Some(r#"{"a":[1]}"#))),
                Just((Kind::Disconnect, None)),
                Just((Kind::Event, Some(r#"["a",{}]"#))),
                Just((Kind::Ack, Some("[]"))),
                Just((Kind::ConnectError, Some(r#"{"message":"no"}"#))),
            ],
            attachments in 0..=10_u32,
            namespace in "/[^,]*",
            id: Option<u64>,
        ) -> (Kind, Option<&'static str>, u32, String, Option<u64>) {
            let (kind, data) = kind;
            let has_attachments = matches!(kind, Kind::Event | Kind::Ack);
            (kind, data, if has_attachments { attachments } else { 0 }, namespace, id)
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded((kind, data, attachments, namespace, id) in any_packet()) {
            let packet = Packet { kind, attachments, namespace: &namespace, id, data };
            let mut out = Vec::new();
            encode_into(&packet, &mut out);
            prop_assert_eq!(out.len(), encoded_bytes(&packet));
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(decode(&text, &LIMITS), Ok(packet));
        }

        #[test]
        fn decode_never_panics(text in "[0-9]{0,3}[-/,0-9]{0,5}\\PC*") {
            let _ = decode(&text, &LIMITS);
        }
    }
}
