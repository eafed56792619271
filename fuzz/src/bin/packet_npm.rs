//! Our packets beside npm socket.io-parser's: both read the same, and refuse the same but for what is listed here.
//!
//! Input: the body of one Engine.IO message. Its attachments are all there.
//!
//! What npm takes and we refuse, with the reasons in `docs/deviations.md` and in the tables of `wire/packet.rs`:
//! - an empty text or a space as the kind, which it reads as 0;
//! - packets without data, where an event or a message can't do without;
//! - ids beyond 64 bits, and spaces among an id's digits;
//! - numbers of attachments such as `1e1`, which only JavaScript takes for integers;
//! - more arguments, or deeper nesting, than our limits;
//! - placeholders that no peer writes: other keys, other orders, other forms of the number, a number twice.
#![no_main]

use std::{cell::RefCell, collections::BTreeSet};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye_fuzz::{Oracle, same_in_javascript};
use sockeye_proto::wire::{
    attachment::Value,
    packet::{self, DecodeError, Found, Kind, Limits, Packet},
    payload::Payload,
    reassembly::{Progress, Reassembly},
};

thread_local! {
    static NPM: RefCell<Oracle> = RefCell::new(Oracle::node("js/parser.mjs"));
}

/// What npm says: why it refuses the packet, or what it is.
#[derive(Debug, Deserialize)]
struct Theirs {
    refused: Option<String>,
    #[serde(rename = "type", default)]
    kind: u8,
    #[serde(default)]
    namespace: String,
    id: Option<f64>,
    #[serde(default)]
    attachments: u32,
    data: Option<Box<RawValue>>,
}

/// What we say.
#[derive(Debug)]
struct Ours<'a> {
    packet: Packet<'a>,
    /// Of an event or ack, the name (if it has one) and the arguments; `None` if Rust can't hold them.
    array: Option<Vec<Value>>,
}

fuzz_target!(|text: &str| {
    let theirs = NPM.with_borrow_mut(|npm| npm.ask(text));
    let ours = read(text);
    compare(text, &ours, &theirs);
    // What we write is no matter of opinion: npm must read the same.
    if let Ok(Ours { packet, .. }) = &ours {
        let mut again = Vec::new();
        packet::encode_into(packet, &mut again);
        let again = String::from_utf8(again).expect("made of texts");
        if again != text {
            let theirs = NPM.with_borrow_mut(|npm| npm.ask(&*again));
            compare(&again, &ours, &theirs);
        }
    }
});

fn compare(text: &str, ours: &Result<Ours<'_>, DecodeError>, theirs: &Theirs) {
    let ours = match (ours, &theirs.refused) {
        (Ok(ours), None) => ours,
        (Err(_), Some(_)) => return,
        (Err(error), None) => {
            assert!(is_deliberate(error, text), "npm reads it, we say: {error}");
            return;
        }
        (Ok(_), Some(refused)) => panic!("we read it, npm says: {refused}"),
    };
    let packet = &ours.packet;
    assert_eq!(digit(packet.kind), theirs.kind);
    assert_eq!((packet.namespace, packet.attachments), (&*theirs.namespace, theirs.attachments));
    assert_eq!(packet.id.map(|id| id as f64), theirs.id);
    assert_eq!(packet.data.is_some(), theirs.data.is_some());
    let data = theirs.data.as_ref().map(|data| data.get()).unwrap_or_default();
    if let (Some(ours), Ok(theirs)) = (&ours.array, serde_json::from_str(data)) {
        let (ours, theirs) = (with_bytes(ours.clone().into()), with_bytes(theirs));
        assert!(same_in_javascript(&ours, &theirs), "{ours:?} {theirs:?}");
    }
}

fn read(text: &str) -> Result<Ours<'_>, DecodeError> {
    let limits = Limits::default();
    let packet = packet::decode(text, &limits)?;
    let data = packet.data.unwrap_or_default();
    let (name, payload) = match packet.kind {
        Kind::Event | Kind::Ack if packet.attachments > 0 => {
            let mut reassembly = Reassembly::new(&packet, &limits)?;
            let assembled = loop {
                let number = packet.attachments - reassembly.missing();
                match reassembly.push(Bytes::from(number.to_string()))? {
                    Progress::Incomplete(more) => reassembly = more,
                    Progress::Complete(assembled) => break assembled,
                }
            };
            (assembled.name, assembled.payload)
        }
        Kind::Event => {
            let (name, payload) = Payload::event(data, &limits)?;
            (Some(name.into_owned()), payload.into_owned())
        }
        Kind::Ack => (None, Payload::ack(data, &limits)?.into_owned()),
        Kind::Connect | Kind::Disconnect | Kind::ConnectError => {
            return Ok(Ours { packet, array: None });
        }
    };
    let array = payload.deserialize_all().ok().map(|args: Vec<Value>| {
        let name = name.map(Value::from);
        name.into_iter().chain(args).collect()
    });
    Ok(Ours { packet, array })
}

const fn digit(kind: Kind) -> u8 {
    match kind {
        Kind::Connect => 0,
        Kind::Disconnect => 1,
        Kind::Event => 2,
        Kind::Ack => 3,
        Kind::ConnectError => 4,
    }
}

/// A value, with an attachment instead of each object that stands for one.
fn with_bytes(value: Value) -> Value {
    match value {
        Value::Object(entries) => match entries.get("$attachment").and_then(Value::as_u64) {
            Some(number) if entries.len() == 1 => Value::Bytes(number.to_string().into()),
            _ => entries.into_iter().map(|(key, value)| (key, with_bytes(value))).collect(),
        },
        Value::Array(items) => items.into_iter().map(with_bytes).collect(),
        other => other,
    }
}

/// Whether we refuse this on purpose.
fn is_deliberate(error: &DecodeError, text: &str) -> bool {
    match error {
        DecodeError::Empty
        | DecodeError::IdTooLarge
        | DecodeError::TooDeep { .. }
        | DecodeError::TooManyArgs { .. } => true,
        DecodeError::UnknownKind { digit } => is_zero(*digit),
        DecodeError::WrongData { found: Found::Nothing, kind, .. } => {
            matches!(kind, Kind::Event | Kind::Ack | Kind::ConnectError)
        }
        DecodeError::WrongData { found: Found::Start(start), .. } => is_zero(*start),
        DecodeError::IllegalAttachments => {
            let number = text.get(1..).and_then(|rest| rest.split_once('-'));
            number.is_some_and(|(number, _)| !number.bytes().all(|byte| byte.is_ascii_digit()))
        }
        DecodeError::IllegalPlaceholder { .. } => odd_placeholders(text),
        _ => false,
    }
}

/// Whether JavaScript takes a character for the number 0.
fn is_zero(text: char) -> bool {
    text.is_whitespace() || text == '\u{FEFF}'
}

/// Whether something in the text looks like a placeholder, but not as a peer writes it: each number once.
fn odd_placeholders(text: &str) -> bool {
    const START: &str = r#"{"_placeholder":true,"num":"#;
    let text: String = text.chars().filter(|next| !next.is_ascii_whitespace()).collect();
    let mut numbers = BTreeSet::new();
    for (at, _) in text.match_indices(START) {
        let rest = &text[at + START.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if rest[digits..].starts_with('}') {
            numbers.insert(&rest[..digits]);
        }
    }
    numbers.len() < text.matches("_placeholder").count() || text.contains("\\u")
}
