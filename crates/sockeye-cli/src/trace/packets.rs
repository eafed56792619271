//! From packets of Engine.IO to lines: their own, and those of the Socket.IO packets in them.

use std::fmt::Write as _;

use sockeye::client::{Direction, Parser};
use sockeye_proto::wire::{
    engine::{self, Kind, Version},
    msgpack::{self, Data},
    packet::{self, Limits, Packet},
    payload::Payload,
};

use super::remark::{Layer, Remark};
use crate::secrets::Secrets;

/// Reads along in both directions: attachments belong to the packet before them.
#[derive(Debug)]
pub(crate) struct Packets {
    parser: Parser,
    secrets: &'static Secrets,
    incoming: Attachments,
    outgoing: Attachments,
    unknown: Attachments,
}

/// Those that a packet has announced, and how many have come.
#[derive(Clone, Copy, Debug, Default)]
struct Attachments {
    announced: u32,
    arrived: u32,
}

/// What is told of a packet.
#[derive(Debug)]
pub(crate) struct Told {
    /// Of Engine.IO.
    pub(crate) engine: Remark,
    /// Of the packet of Socket.IO in it, if there is one.
    pub(crate) socket: Option<Remark>,
}

/// Whoever looks on has no reason to refuse; what it costs is in proportion to what is there.
const LIMITS: Limits = Limits {
    max_attachments: u32::MAX,
    max_attachments_bytes: usize::MAX,
    max_args: usize::MAX,
    max_depth: 127,
};

/// Which version bytes in base64 are of. One of version 4 has its base64 right behind the `b`; only one of both readings
/// has a length that base64 has.
pub(crate) fn version_of_base64(text: &[u8]) -> Version {
    match text.strip_prefix(b"b4") {
        Some(data) if data.len().is_multiple_of(4) => Version::V3,
        _ => Version::V4,
    }
}

impl Packets {
    pub(crate) fn new(parser: Parser, secrets: &'static Secrets) -> Self {
        let none = Attachments::default();
        Self { parser, secrets, incoming: none, outgoing: none, unknown: none }
    }

    /// A packet in text, with its digit, or in base64. Which version it is of is found out, if nobody knows.
    ///
    /// # Errors
    ///
    /// It is none of Engine.IO; the line says so.
    pub(crate) fn text(
        &mut self,
        version: Option<Version>,
        direction: Option<Direction>,
        text: &str,
    ) -> Result<Told, Remark> {
        let version = version.unwrap_or_else(|| version_of_base64(text.as_bytes()));
        let told = match engine::decode_base64(version, text.as_bytes()) {
            Ok(Some(data)) => Ok(self.binary(direction, &data)),
            Ok(None) => engine::decode(text).map(|(kind, body)| self.packet(direction, kind, body)),
            Err(error) => Err(error),
        };
        told.map_err(|error| {
            let line = Remark::trouble(Layer::EngineIo, direction, &error.to_string());
            line.carrying("found", self.secrets.redact(text))
        })
    }

    /// A packet in text.
    pub(crate) fn packet(&mut self, direction: Option<Direction>, kind: Kind, body: &str) -> Told {
        let name = match kind {
            Kind::Open => "OPEN",
            Kind::Close => "CLOSE",
            Kind::Ping => "PING",
            Kind::Pong => "PONG",
            Kind::Message => "MESSAGE",
            Kind::Upgrade => "UPGRADE",
            Kind::Noop => "NOOP",
        };
        let text = format!("{} {name}", char::from(kind.digit()));
        let engine = Remark::new(Layer::EngineIo, direction, text).with("kind", name);
        if kind == Kind::Message {
            let mut engine = engine.with("bytes", body.len());
            let _ = write!(engine.text, " {} B", body.len()); // a String takes everything
            let socket = Some(self.message(direction, body));
            return Told { engine, socket };
        }
        let engine = match body {
            "" => engine,
            body => engine.carrying("data", self.secrets.redact(body)),
        };
        Told { engine, socket: None }
    }

    /// Binary data, without the type that stands before it in version 3.
    pub(crate) fn binary(&mut self, direction: Option<Direction>, data: &[u8]) -> Told {
        let text = format!("binary {} B", data.len());
        let engine = Remark::new(Layer::EngineIo, direction, text);
        let engine = engine.with("kind", "BINARY").with("bytes", data.len());
        let socket = match self.parser {
            Parser::MsgPack => self.msgpack(direction, data),
            _ => self.attachment(direction, data),
        };
        Told { engine, socket: Some(socket) }
    }

    fn message(&mut self, direction: Option<Direction>, body: &str) -> Remark {
        let checked = packet::decode(body, &LIMITS).and_then(|packet| {
            // Whether all of it is JSON is left to who reads its arguments.
            match (packet.kind, packet.data) {
                (packet::Kind::Event, Some(data)) => _ = Payload::event(data, &LIMITS)?,
                (packet::Kind::Ack, Some(data)) => _ = Payload::ack(data, &LIMITS)?,
                _ => {}
            }
            Ok(packet)
        });
        let packet = match checked {
            Ok(packet) => packet,
            Err(error) => {
                let line = Remark::trouble(Layer::SocketIo, direction, &error.to_string());
                return line.carrying("found", self.secrets.redact(body));
            }
        };
        let arrived = 0;
        *self.attachments(direction) = Attachments { announced: packet.attachments, arrived };
        self.shown(direction, &packet)
    }

    fn msgpack(&mut self, direction: Option<Direction>, data: &[u8]) -> Remark {
        let decoded = match msgpack::decode(data, &LIMITS) {
            Ok(decoded) => decoded,
            Err(error) => {
                let line = Remark::trouble(Layer::SocketIo, direction, &error.to_string());
                return line.with("bytes", data.len());
            }
        };
        let (text, attachments) = match &decoded.data {
            Data::Nothing => (None, 0),
            Data::Value { text, attachments } => (Some(text.clone()), attachments.len()),
            Data::Event { payload, .. } | Data::Ack { payload } => {
                (Some(payload.text().to_owned()), payload.attachments().len())
            }
        };
        let packet = Packet {
            kind: decoded.kind,
            attachments: u32::try_from(attachments).unwrap_or(u32::MAX),
            namespace: &decoded.namespace,
            id: decoded.id,
            data: text.as_deref(),
        };
        self.shown(direction, &packet)
    }

    /// A packet of Socket.IO.
    fn shown(&self, direction: Option<Direction>, packet: &Packet<'_>) -> Remark {
        let Packet { kind, attachments, namespace, id, data } = *packet;
        let digit = match (kind, attachments) {
            (packet::Kind::Connect, _) => 0,
            (packet::Kind::Disconnect, _) => 1,
            (packet::Kind::Event, 0) => 2,
            (packet::Kind::Ack, 0) => 3,
            (packet::Kind::ConnectError, _) => 4,
            (packet::Kind::Event, _) => 5,
            (packet::Kind::Ack, _) => 6,
        };
        // In version 3 what a client comes with is a query behind the namespace.
        let namespace = self.secrets.target(namespace);
        let mut text = format!("{digit} {kind} {namespace}");
        let mut line = Remark::new(Layer::SocketIo, direction, "").with("kind", kind.to_string());
        line = line.with("nsp", namespace);
        if let Some(id) = id {
            let _ = write!(text, " id={id}"); // a String takes everything, here and below
            line = line.with("id", id);
        }
        if attachments > 0 {
            let _ = write!(text, " attachments={attachments}");
            line = line.with("attachments", attachments);
        }
        let Some(data) = data else {
            line.text = text;
            return line;
        };
        if kind == packet::Kind::Connect && is_auth(direction, data) {
            line.text = text + " auth";
            return line.carrying("auth", self.secrets.auth(data));
        }
        line.text = text;
        line.carrying("data", self.secrets.redact(data))
    }

    fn attachment(&mut self, direction: Option<Direction>, data: &[u8]) -> Remark {
        let attachments = self.attachments(direction);
        if attachments.arrived >= attachments.announced {
            let why =
                "an attachment that no packet has announced; is it msgpack (--parser msgpack)?";
            return Remark::trouble(Layer::SocketIo, direction, why).with("bytes", data.len());
        }
        attachments.arrived += 1;
        let Attachments { announced, arrived } = *attachments;
        let text = format!("attachment {arrived}/{announced} {} B", data.len());
        Remark::new(Layer::SocketIo, direction, text)
            .with("kind", "ATTACHMENT")
            .with("number", arrived)
            .with("of", announced)
            .with("bytes", data.len())
    }

    const fn attachments(&mut self, direction: Option<Direction>) -> &mut Attachments {
        match direction {
            Some(Direction::In) => &mut self.incoming,
            Some(Direction::Out) => &mut self.outgoing,
            None => &mut self.unknown,
        }
    }
}

/// Whether the data of a CONNECT is what a client comes with; a server's answer has but the id of the socket.
fn is_auth(direction: Option<Direction>, data: &str) -> bool {
    match direction {
        Some(direction) => direction == Direction::Out,
        None => {
            let answer = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(data);
            !answer.is_ok_and(|answer| {
                answer.contains_key("sid")
                    && answer.keys().all(|key| ["sid", "pid"].contains(&&**key))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of a packet, for people.
    fn told(told: Result<Told, Remark>) -> Vec<String> {
        let lines = match told {
            Ok(Told { engine, socket }) => vec![Some(engine), socket],
            Err(line) => vec![Some(line)],
        };
        lines.into_iter().flatten().map(|line| line.for_people(None, false)).collect()
    }

    fn packets(parser: Parser) -> Packets {
        Packets::new(parser, Box::leak(Box::default()))
    }

    #[test]
    fn packets_in_text() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(direction: Option<Direction>, text: &str, expect: &[&str]) {
            assert_eq!(told(packets(Parser::Json).text(None, direction, text)), expect, "{text:?}");
        }
        let (into, out) = (Some(Direction::In), Some(Direction::Out));
        check(
            into,
            r#"0{"sid":"abcd","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
            &[
                r#"EIO  ← 0 OPEN {"sid":"‹redacted›","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
            ],
        );
        check(None, "2probe", &["EIO    2 PING probe"]);
        check(out, "3", &["EIO  → 3 PONG"]);
        check(
            out,
            r#"40/imchat,{"token":"abcd"}"#,
            &["EIO  → 4 MESSAGE 25 B", "SIO  → 0 CONNECT /imchat auth ‹redacted›"],
        );
        check(
            None,
            r#"40{"user":"Ada"}"#,
            &["EIO    4 MESSAGE 15 B", "SIO    0 CONNECT / auth ‹redacted›"],
        );
        check(
            None,
            r#"40{"sid":"abcd"}"#,
            &["EIO    4 MESSAGE 15 B", r#"SIO    0 CONNECT / {"sid":"‹redacted›"}"#],
        );
        check(
            out,
            "40/imchat?token=abcd&a=1",
            &["EIO  → 4 MESSAGE 23 B", "SIO  → 0 CONNECT /imchat?token=‹redacted›&a=1"],
        );
        check(
            into,
            r#"42/imchat,7["chat","hi\u001b[2J",{"password":"x"}]"#,
            &[
                "EIO  ← 4 MESSAGE 49 B",
                r#"SIO  ← 2 EVENT /imchat id=7 ["chat","hi\u001b[2J",{"password":"‹redacted›"}]"#,
            ],
        );
        check(into, "430[]", &["EIO  ← 4 MESSAGE 4 B", "SIO  ← 3 ACK / id=0 []"]);
        check(into, "41/a,", &["EIO  ← 4 MESSAGE 4 B", "SIO  ← 1 DISCONNECT /a"]);
        check(
            into,
            r#"44{"message":"no"}"#,
            &["EIO  ← 4 MESSAGE 17 B", r#"SIO  ← 4 CONNECT_ERROR / {"message":"no"}"#],
        );
        check(None, "", &["EIO    ✘ empty packet; expected a type digit from 0 to 6 "]);
        check(
            None,
            "9x",
            &[
                "EIO    ✘ packet type '9' is not in 0..=6; close the connection, the peer is not Engine.IO 9x",
            ],
        );
        check(
            None,
            r#"42["a",]"#,
            &["EIO    4 MESSAGE 7 B", r#"SIO    ✘ the data is not JSON from byte 5 on 2["a",]"#],
        );
        let long = format!(r#"42["{}"]"#, "é".repeat(1_000));
        let expect = format!(r#"SIO    2 EVENT / ["{}… (2004 B)"#, "é".repeat(199));
        check(None, &long, &["EIO    4 MESSAGE 2005 B", &expect]);
    }

    #[test]
    fn attachments_belong_to_the_packet_before_them() {
        let mut packets = packets(Parser::Json);
        let (into, out) = (Some(Direction::In), Some(Direction::Out));
        let text = r#"451-["a",{"_placeholder":true,"num":0}]"#;
        told(packets.text(None, into, text));
        let stray = told(Ok(packets.binary(out, b"x")));
        assert!(stray[1].starts_with("SIO  → ✘ an attachment that no packet"), "{stray:?}");
        let first = told(Ok(packets.binary(into, b"x")));
        assert_eq!(first, ["EIO  ← binary 1 B", "SIO  ← attachment 1/1 1 B"]);
        assert!(told(Ok(packets.binary(into, b"x")))[1].contains('✘'));
    }

    #[test]
    fn packets_in_msgpack() {
        let mut packets = packets(Parser::MsgPack);
        let event = b"\x83\xA4type\x02\xA4data\x92\xA3say\xC4\x01\xff\xA3nsp\xA5/chat";
        assert_eq!(
            told(Ok(packets.binary(None, event)))[1],
            r#"SIO    5 EVENT /chat attachments=1 ["say",{"_placeholder":true,"num":0}]"#
        );
        assert!(told(Ok(packets.binary(None, b"\xc0")))[1].contains('✘'));
    }

    #[test]
    fn programs_get_the_parts() {
        let mut packets = packets(Parser::Json);
        let told = packets.text(None, Some(Direction::Out), "42/a,7[\"b\",\n1.50]").unwrap();
        assert_eq!(
            told.socket.unwrap().for_programs(Some(("t", "T".into()))),
            r#"{"t":"T","layer":"sio","dir":"out","kind":"EVENT","nsp":"/a","id":7,"data":["b", 1.50]}"#
        );
        assert_eq!(
            told.engine.for_programs(None),
            r#"{"layer":"eio","dir":"out","kind":"MESSAGE","bytes":16}"#
        );
    }

    proptest! {
        #[test]
        fn no_packet_panics(texts in prop::collection::vec(any_text(), 0..6), data: Vec<u8>) {
            for parser in [Parser::Json, Parser::MsgPack] {
                let mut packets = packets(parser);
                for text in &texts {
                    told(packets.text(None, None, text));
                    told(Ok(packets.binary(None, &data)));
                }
            }
        }
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[0-6][0-6]([0-9]-)?(/[a?=,]{0,4},)?[0-9]?[\\[\\]{}\",a:0é]{0,12}"
        ]
    }
}
