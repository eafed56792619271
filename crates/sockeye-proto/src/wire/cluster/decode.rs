//! Bytes to messages: what nodes in JavaScript take is taken, what would harm a client is refused.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Number, Value, value::RawValue};

use super::{Action, DecodeError, Message, Target, kind};
use crate::wire::{
    msgpack,
    packet::{Kind, Limits, is_namespace},
    payload::Payload,
    prepared::Prepared,
};

/// How deep an event's array lies in a message: the map, its `data`, the packet.
const DEPTH_OF_EVENT: u32 = 3;

/// What msgpack's bytes are when they have become JSON: its own text, as a peer's that looks so is escaped.
const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":"#;

impl Message {
    /// Reads a message; beside it stands the uid of the node that sent it, empty if it says none.
    ///
    /// Rooms may be numbers, which are named by their digits here. Where an event has more than `limits` allow, or none of
    /// what clients need, it is refused, since they would close their connections.
    ///
    /// # Errors
    ///
    /// Every [`DecodeError`] is the other node's doing: pass over the message.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(String, Self), DecodeError> {
        if bytes.first() == Some(&b'{') {
            let text = simdutf8::basic::from_utf8(bytes).map_err(not_a_message)?;
            return read(text, Vec::new(), limits);
        }
        let max_depth = limits.max_depth.saturating_add(DEPTH_OF_EVENT);
        let (text, attachments) = msgpack::to_json(bytes, &Limits { max_depth, ..*limits })?;
        read(&text, attachments, limits)
    }
}

#[derive(Deserialize)]
struct Envelope<'m> {
    #[serde(rename = "type")]
    kind: u64,
    #[serde(borrow)]
    data: Option<&'m RawValue>,
    #[serde(default)]
    uid: String,
    nsp: String,
}

#[derive(Deserialize)]
struct Broadcast<'m> {
    #[serde(borrow)]
    packet: Event<'m>,
    #[serde(default)]
    opts: Options,
    #[serde(rename = "requestId")]
    request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Event<'m> {
    #[serde(rename = "type")]
    kind: u64,
    #[serde(borrow)]
    data: &'m RawValue,
}

#[derive(Deserialize)]
struct Move {
    #[serde(default)]
    opts: Options,
    #[serde(default)]
    rooms: Names,
}

#[derive(Deserialize)]
struct Disconnect {
    #[serde(default)]
    opts: Options,
    #[serde(default)]
    close: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    rooms: Names,
    except: Names,
    /// A map, but some write an empty text.
    flags: Value,
}

/// A list of rooms; nothing, or an empty text, is none.
#[derive(Default, Deserialize)]
#[serde(untagged, expecting = "rooms are not a list of texts and numbers")]
enum Names {
    List(Vec<Name>),
    Text(Nothing),
    #[default]
    Null,
}

#[derive(Deserialize)]
enum Nothing {
    #[serde(rename = "")]
    Empty,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Number(Number),
}

impl Names {
    fn into_rooms(self) -> Vec<Arc<str>> {
        match self {
            Self::List(names) => names
                .into_iter()
                .map(|name| match name {
                    Name::Text(text) => text.into(),
                    Name::Number(number) => number.to_string().into(),
                })
                .collect(),
            Self::Text(Nothing::Empty) | Self::Null => Vec::new(),
        }
    }
}

impl Options {
    fn is_volatile(&self) -> bool {
        self.flags.get("volatile") == Some(&Value::Bool(true))
    }

    fn into_target(self) -> Target {
        Target { rooms: self.rooms.into_rooms(), except: self.except.into_rooms() }
    }
}

fn read(
    text: &str,
    attachments: Vec<Bytes>,
    limits: &Limits,
) -> Result<(String, Message), DecodeError> {
    let Envelope { kind, data, uid, nsp } = parse(text)?;
    if !is_namespace(&nsp) {
        return Err(DecodeError::Namespace { name: nsp });
    }
    let data = data.map_or("{}", RawValue::get);
    if kind != kind::BROADCAST && !attachments.is_empty() {
        return Err(DecodeError::StrayBytes);
    }
    let (opts, action) = match kind {
        kind::BROADCAST => {
            let Broadcast { packet, opts, request } = parse(data)?;
            if request.is_some() {
                return Err(DecodeError::WantsAcks);
            }
            let packet = event(&nsp, &packet, attachments, limits)?;
            let volatile = opts.is_volatile();
            (opts, Action::Emit { packet, volatile })
        }
        kind::SOCKETS_JOIN => {
            let Move { opts, rooms } = parse(data)?;
            (opts, Action::Join { rooms: rooms.into_rooms() })
        }
        kind::SOCKETS_LEAVE => {
            let Move { opts, rooms } = parse(data)?;
            (opts, Action::Leave { rooms: rooms.into_rooms() })
        }
        kind::DISCONNECT_SOCKETS => {
            let Disconnect { opts, close } = parse(data)?;
            (opts, Action::Disconnect { close })
        }
        kind => return Err(DecodeError::UnknownType { kind }),
    };
    Ok((uid, Message { namespace: nsp.into(), target: opts.into_target(), action }))
}

/// The packet that clients get, checked as if one of them had sent it.
fn event(
    namespace: &str,
    event: &Event<'_>,
    attachments: Vec<Bytes>,
    limits: &Limits,
) -> Result<Prepared, DecodeError> {
    if !matches!(event.kind, 2 | 5) {
        return Err(DecodeError::NotAnEvent { kind: event.kind });
    }
    let text = event.data.get();
    if !attachments.is_empty() && text.matches(PLACEHOLDER).count() != attachments.len() {
        return Err(DecodeError::StrayBytes);
    }
    let (_, payload) = Payload::event(text, limits)?;
    let payload = payload.with_attachments(attachments)?;
    let attachments = payload.attachments().to_vec();
    Ok(Prepared::packet(Kind::Event, namespace, None, payload.text(), attachments))
}

fn parse<'m, T: Deserialize<'m>>(text: &'m str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(not_a_message)
}

fn not_a_message(error: impl std::error::Error) -> DecodeError {
    DecodeError::NotAMessage { because: error.to_string() }
}
