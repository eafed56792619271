//! A packet is the same in JSON and in msgpack, for npm's two parsers and for ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;

use bytes::Bytes;
use sockeye_proto::wire::{
    attachment::Value,
    msgpack::{self, Data, Decoded},
    packet::{self, Kind, Limits, Packet},
    payload::Payload,
    reassembly::{Progress, Reassembly},
};
use sockeye_testkit::{Peer, PeerError, Rng, pinned};

const PACKETS: u64 = 400;

const LIMITS: Limits = Limits {
    max_attachments: 1_000,
    max_attachments_bytes: 1_000_000,
    max_args: 1_000,
    max_depth: 127,
};

/// An event or ack, taken apart into what does not depend on a parser.
#[derive(Debug, PartialEq)]
struct Message {
    namespace: String,
    id: Option<u64>,
    name: Option<String>,
    args: Vec<Value>,
}

/// A message, its text and its attachments, as ours writes them for the JSON parser.
struct Sent {
    message: Message,
    kind: Kind,
    payload: Payload<'static>,
}

impl Sent {
    fn random(rng: &mut Rng) -> Self {
        let args = (0..rng.below(5)).map(|_| value(rng, 4)).collect::<Vec<_>>();
        let namespace = ["/", "/chat", "/é"][rng.below(3) as usize].to_owned();
        let id = [None, Some(0), Some(rng.below(1 << 53))][rng.below(3) as usize];
        let payload = Payload::serialize_all(&args).unwrap();
        let (kind, name, payload) = if id.is_some() && rng.below(2) == 0 {
            (Kind::Ack, None, payload)
        } else {
            let name = format!("e{}", string(rng));
            let payload = payload.to_event(&name).unwrap();
            (Kind::Event, Some(name), payload)
        };
        Self { message: Message { namespace, id, name, args }, kind, payload }
    }

    fn packet(&self) -> Packet<'_> {
        Packet {
            kind: self.kind,
            attachments: self.payload.attachments().len() as u32,
            namespace: &self.message.namespace,
            id: self.message.id,
            data: Some(self.payload.text()),
        }
    }

    fn msgpack(&self) -> Vec<u8> {
        msgpack::encode(&self.packet(), self.payload.attachments())
    }

    /// The packet in the JSON parser's form, as a JSON list of its messages.
    fn json(&self) -> String {
        let mut text = Vec::new();
        packet::encode_into(&self.packet(), &mut text);
        let mut messages = vec![String::from_utf8(text).unwrap()];
        messages.extend(self.payload.attachments().iter().map(|bytes| hex(bytes)));
        serde_json::to_string(&messages).unwrap()
    }
}

/// What JavaScript can hold as well: integers up to 2^53, and no float without a fraction.
fn value(rng: &mut Rng, depth: u64) -> Value {
    match rng.below(if depth == 0 { 7 } else { 10 }) {
        0 => Value::Null,
        1 => Value::from(rng.below(2) == 0),
        2 => Value::from(integer(rng)),
        3 => Value::from(-integer(rng)),
        4 => Value::from(rng.below(1 << 40) as f64 + 0.5),
        5 => Value::from(string(rng)),
        6 => Value::from(bytes(rng)),
        7 | 8 => {
            let len = size(rng, 20);
            (0..len).map(|_| value(rng, depth - 1)).collect()
        }
        _ => {
            let len = size(rng, 20);
            let entries = (0..len).map(|_| (string(rng), value(rng, depth - 1)));
            Value::Object(entries.collect::<BTreeMap<_, _>>())
        }
    }
}

/// A number of at most 53 bits, all sizes alike.
fn integer(rng: &mut Rng) -> i64 {
    let bits = rng.below(54);
    rng.below(1 << bits) as i64
}

/// A length, mostly small, sometimes around a step of msgpack's headers.
fn size(rng: &mut Rng, most: u64) -> u64 {
    match rng.below(10) {
        0 => most.min(14 + rng.below(4)),
        1 => most.min(30 + rng.below(4)),
        2 => most.min(254 + rng.below(4)),
        _ => rng.below(4),
    }
}

fn string(rng: &mut Rng) -> String {
    const CHARS: [char; 12] =
        ['a', 'Z', '0', '"', '\\', '\n', '\u{1}', '\u{7f}', 'é', '€', '\u{2028}', '\u{1F600}'];
    (0..size(rng, 300)).map(|_| CHARS[rng.below(12) as usize]).collect()
}

fn bytes(rng: &mut Rng) -> Bytes {
    (0..size(rng, 300)).map(|_| rng.next_u64() as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "no hex: {text}");
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_else(|_| panic!("{text}"));
    (0..text.len()).step_by(2).map(byte).collect()
}

fn from_msgpack(packet: Decoded) -> Message {
    let Decoded { namespace, id, data, .. } = packet;
    let (name, payload) = match data {
        Data::Event { name, payload } => (Some(name), payload),
        Data::Ack { payload } => (None, payload),
        other => panic!("{other:?}"),
    };
    Message { namespace, id, name, args: payload.deserialize_all().unwrap() }
}

/// Reads `[text, hex of each attachment...]`.
fn from_json(messages: &str) -> Message {
    let messages: Vec<String> =
        serde_json::from_str(messages).unwrap_or_else(|error| panic!("{error}: {messages}"));
    let (text, attachments) = messages.split_first().unwrap();
    let packet = packet::decode(text, &LIMITS).unwrap();
    if packet.attachments == 0 {
        let data = packet.data.unwrap();
        let (name, payload) = match packet.kind {
            Kind::Ack => (None, Payload::ack(data, &LIMITS).unwrap()),
            _ => {
                let (name, payload) = Payload::event(data, &LIMITS).unwrap();
                (Some(name.into_owned()), payload)
            }
        };
        let (namespace, id) = (packet.namespace.to_owned(), packet.id);
        return Message { namespace, id, name, args: payload.deserialize_all().unwrap() };
    }
    let mut reassembly = Reassembly::new(&packet, &LIMITS).unwrap();
    for attachment in attachments {
        match reassembly.push(unhex(attachment).into()).unwrap() {
            Progress::Incomplete(rest) => reassembly = rest,
            Progress::Complete(packet) => {
                let args = packet.payload.deserialize_all().unwrap();
                return Message {
                    namespace: packet.namespace,
                    id: packet.id,
                    name: packet.name,
                    args,
                };
            }
        }
    }
    panic!("attachments are missing: {messages:?}");
}

/// Asks npm's parsers; `None` if they are not installed.
fn peer() -> Result<Option<Peer>, PeerError> {
    pinned::node("js/msgpack.mjs").map(|command| Peer::launch(command, "ready")).transpose()
}

fn ask(peer: &mut Peer, verb: &str, what: &str) -> Result<String, PeerError> {
    peer.say(&format!("{verb} {what}"))?;
    peer.next_line()
}

#[test]
fn npm_reads_what_we_write() -> Result<(), PeerError> {
    let Some(mut peer) = peer()? else { return Ok(()) };
    let mut rng = Rng::new(1);
    for number in 0..PACKETS {
        let sent = Sent::random(&mut rng);
        let read = ask(&mut peer, "json", &hex(&sent.msgpack()))?;
        assert_eq!(from_json(&read), sent.message, "packet {number}: {}", sent.json());
    }
    Ok(())
}

#[test]
fn we_read_what_npm_writes() -> Result<(), PeerError> {
    let Some(mut peer) = peer()? else { return Ok(()) };
    let mut rng = Rng::new(2);
    for number in 0..PACKETS {
        let sent = Sent::random(&mut rng);
        let written = ask(&mut peer, "msgpack", &sent.json())?;
        let read = msgpack::decode(&unhex(&written), &LIMITS)
            .unwrap_or_else(|error| panic!("packet {number}: {error}: {}", sent.json()));
        assert_eq!(from_msgpack(read), sent.message, "packet {number}: {}", sent.json());
    }
    Ok(())
}

/// What JSON has no word for becomes what `JSON.stringify` makes of it.
#[test]
fn values_of_javascript_become_what_its_json_has() -> Result<(), PeerError> {
    let Some(mut peer) = peer()? else { return Ok(()) };
    for expression in [
        "undefined",
        "[undefined, null]",
        "{ a: undefined, b: { c: undefined }, d: [undefined], e: undefined }",
        "NaN",
        "[Infinity, -Infinity, -0, 0.1 + 0.2]",
        "[2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, Number.MAX_SAFE_INTEGER, 2 ** 53]",
        "[-(2 ** 31), -(2 ** 31) - 1, -(2 ** 32), Number.MIN_SAFE_INTEGER]",
        "[Number.MIN_VALUE, 1e-300 / 3.7, Math.PI, 1e-7]",
        "new Date(0)",
        "[new Date(1700000000123), new Date(-1), new Date(-62198755200000)]",
        "[new Date(8.64e15), new Date(-8.64e15), new Date('0000-02-29'), new Date('2000-12-31T23:59:59.999Z')]",
        "{ toJSON() { return { in: 'its place' }; } }",
        "Object.assign(new (class { constructor() { this.own = 1; } get not() { return 2; } })())",
        "{ f() {}, 1: 'number', '-1': 'text' }",
        "'\\u2028\\u0000\\b\\f\\v' + '\\u{1F600}'",
        "Array.from({ length: 70000 }, (_, i) => i)",
        "Object.fromEntries(Array.from({ length: 70000 }, (_, i) => ['k' + i, i % 3]))",
    ] {
        let answer = ask(&mut peer, "value", expression)?;
        let (written, json) = answer.split_once(' ').unwrap_or_else(|| panic!("{answer}"));
        let decoded = msgpack::decode(&unhex(written), &LIMITS).unwrap();
        let Data::Ack { payload } = decoded.data else { panic!("{decoded:?}") };
        let expect: Value = serde_json::from_str(json).unwrap();
        assert_eq!(Value::Array(payload.deserialize_all().unwrap()), expect, "{expression}");
    }
    Ok(())
}

/// Half a surrogate pair arrives as whatever notepack makes of it, but it arrives.
#[test]
fn a_broken_string_of_javascript_is_no_error() -> Result<(), PeerError> {
    let Some(mut peer) = peer()? else { return Ok(()) };
    for expression in ["'\\ud800'", "'\\udc00 x'", "'\\ud800'.repeat(100)", "{ '\\ud800': 1 }"] {
        let answer = ask(&mut peer, "value", expression)?;
        let (written, _) = answer.split_once(' ').unwrap_or_else(|| panic!("{answer}"));
        assert!(msgpack::decode(&unhex(written), &LIMITS).is_ok(), "{expression}: {written}");
    }
    Ok(())
}

/// A packet of every kind passes npm's own check.
#[test]
fn npm_takes_every_kind_of_packet() -> Result<(), PeerError> {
    let Some(mut peer) = peer()? else { return Ok(()) };
    let packet = |kind, id, data| Packet { kind, attachments: 0, namespace: "/a", id, data };
    for (packet, text) in [
        (packet(Kind::Connect, None, None), "0/a,"),
        (packet(Kind::Connect, None, Some(r#"{"sid":"x"}"#)), r#"0/a,{"sid":"x"}"#),
        (packet(Kind::Disconnect, None, None), "1/a,"),
        (packet(Kind::Event, Some(7), Some(r#"["x"]"#)), r#"2/a,7["x"]"#),
        (packet(Kind::Ack, Some(7), Some("[]")), "3/a,7[]"),
        (packet(Kind::ConnectError, None, Some(r#"{"message":"no"}"#)), r#"4/a,{"message":"no"}"#),
    ] {
        let read = ask(&mut peer, "json", &hex(&msgpack::encode(&packet, &[])))?;
        assert_eq!(read, serde_json::to_string(&[text]).unwrap());
    }
    let read = ask(&mut peer, "json", &hex(b"\x81\xA4type\x02"))?;
    assert_eq!(read, "error invalid namespace", "the peer does check");
    Ok(())
}
