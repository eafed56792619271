//! Socket.IO packets in msgpack, as npm `socket.io-msgpack-parser` and python-socketio write them.
//!
//! A packet is one binary message, a map `{type, data, id, nsp}`. Nothing above knows of msgpack: [`decode`] turns the
//! data into JSON text and attachments, [`encode`] does the reverse.
//!
//! | msgpack | JSON |
//! |---|---|
//! | nil; `undefined` (notepack's extension `d4 00 00`) | `null`; an entry whose value is `undefined` is left out |
//! | integer; float without fraction, within 64 bits | digits only, so that Rust's integers read it |
//! | other float | a number; `null` if it is not finite |
//! | str | a string |
//! | bin; `ArrayBuffer` (notepack's extension 0) | an attachment |
//! | date (notepack's extension `d7 00`; extension -1) | what `Date.toJSON` makes of it |
//! | array; map whose keys are str or integers | an array; an object, a key that comes twice included |
//! | other extensions, other keys | an error |

mod date;
mod encode;
mod error;
mod json;
mod reader;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(super) use self::encode::from_json;
pub use self::{encode::encode, error::DecodeError};
use self::{
    json::Json,
    reader::{Reader, Token},
};
use super::{
    packet::{Kind, Limits, is_namespace},
    payload::Payload,
};

/// One packet, with everything that belongs to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// What the packet is for.
    pub kind: Kind,
    /// The namespace.
    pub namespace: String,
    /// The ack id: asked for by an event, answered by an ack.
    pub id: Option<u64>,
    /// What it says.
    pub data: Data,
}

/// The data of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Data {
    /// None: of a [`Kind::Disconnect`] always, of a [`Kind::Connect`] perhaps.
    Nothing,
    /// Of a [`Kind::Connect`] (an object) or [`Kind::ConnectError`] (an object or a string).
    Value {
        /// JSON.
        text: String,
        /// What its placeholders stand for; none, unless somebody authenticates with bytes.
        attachments: Vec<Bytes>,
    },
    /// Of a [`Kind::Event`].
    Event {
        /// The event's name.
        name: String,
        /// The arguments and their attachments.
        payload: Payload<'static>,
    },
    /// Of a [`Kind::Ack`].
    Ack {
        /// The arguments and their attachments.
        payload: Payload<'static>,
    },
}

/// Reads one packet, the whole binary message.
///
/// Its text has at most 6 bytes for each byte of the message, and 40 more for each attachment. A length in the message
/// allocates nothing: memory grows with what is there.
///
/// # Errors
///
/// Every [`DecodeError`] is the peer's fault: close the connection, do not retry.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{msgpack::{Data, DecodeError, decode}, packet::{Kind, Limits}};
///
/// // {type: 2, data: ["say", "hi"], nsp: "/chat"}
/// let bytes = b"\x83\xA4type\x02\xA4data\x92\xA3say\xA2hi\xA3nsp\xA5/chat";
/// let packet = decode(bytes, &Limits::default())?;
/// assert_eq!((packet.kind, &*packet.namespace, packet.id), (Kind::Event, "/chat", None));
/// let Data::Event { name, payload } = packet.data else { panic!("an event has a name") };
/// assert_eq!((&*name, payload.args_text()), ("say", r#""hi""#));
/// # Ok::<_, DecodeError>(())
/// ```
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, DecodeError> {
    let mut reader = Reader::new(bytes);
    let entries = match reader.next()? {
        Token::Map(entries) => entries,
        other => return Err(DecodeError::NotAMap { found: other.name() }),
    };
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, Json::default());
    for _ in 0..entries {
        // As in JavaScript, the last of equal keys counts.
        match reader.next()? {
            Token::Str("type") => kind = Some(read_kind(reader.next()?)?),
            Token::Str("nsp") => namespace = Some(read_namespace(reader.next()?)?),
            Token::Str("id") => id = read_id(reader.next()?)?,
            Token::Str("data") => data = Json::read(&mut reader, limits)?,
            // `options` of the npm client, and whatever comes next.
            Token::Str(_) | Token::Uint(_) | Token::Int(_) => reader.skip()?,
            other => return Err(DecodeError::WrongKey { found: other.name() }),
        }
    }
    reader.end()?;
    let kind = kind.ok_or_else(|| wrong("type", None, KIND))?;
    let namespace = namespace.ok_or_else(|| wrong("nsp", None, NAMESPACE))?;
    Ok(Decoded { kind, namespace, id, data: read_data(kind, data, limits)? })
}

/// Reads one value, the whole message, as JSON; its bytes become attachments.
pub(super) fn to_json(bytes: &[u8], limits: &Limits) -> Result<(String, Vec<Bytes>), DecodeError> {
    let mut reader = Reader::new(bytes);
    let Json { text, attachments, .. } = Json::read(&mut reader, limits)?;
    reader.end()?;
    Ok((text, attachments))
}

const KIND: &str = "a number from 0 to 4";
const NAMESPACE: &str = "a string that begins with / and has no comma";
const ID: &str = "an integer of at least 0, or nothing";

fn read_kind(token: Token<'_>) -> Result<Kind, DecodeError> {
    match token.as_u64() {
        Some(0) => Ok(Kind::Connect),
        Some(1) => Ok(Kind::Disconnect),
        Some(2) => Ok(Kind::Event),
        Some(3) => Ok(Kind::Ack),
        Some(4) => Ok(Kind::ConnectError),
        // 5 and 6, binary event and ack, belong to the JSON parser.
        Some(kind) => Err(DecodeError::UnknownKind { kind }),
        None => Err(wrong("type", Some(token), KIND)),
    }
}

fn read_namespace(token: Token<'_>) -> Result<String, DecodeError> {
    match token {
        // A comma would be harmless here, but the rest of the house could not name the namespace in a text packet.
        Token::Str(name) if is_namespace(name) => Ok(name.to_owned()),
        other => Err(wrong("nsp", Some(other), NAMESPACE)),
    }
}

fn read_id(token: Token<'_>) -> Result<Option<u64>, DecodeError> {
    match (token, token.as_u64()) {
        (Token::Undefined | Token::Nil, _) => Ok(None),
        (_, Some(id)) => Ok(Some(id)),
        (other, None) => Err(wrong("id", Some(other), ID)),
    }
}

fn read_data(kind: Kind, json: Json<'_>, limits: &Limits) -> Result<Data, DecodeError> {
    let Json { start, text, attachments } = json;
    let expected = match (kind, start) {
        // python-socketio writes nil where npm leaves the key out or writes undefined.
        (Kind::Connect | Kind::Disconnect, None | Some(Token::Undefined | Token::Nil)) => {
            return Ok(Data::Nothing);
        }
        (Kind::Connect, Some(Token::Map(_)))
        | (Kind::ConnectError, Some(Token::Map(_) | Token::Str(_))) => {
            return Ok(Data::Value { text, attachments });
        }
        (Kind::Event, Some(Token::Array(_))) => {
            let (name, payload) = Payload::event(&text, limits)?;
            let payload = payload.into_owned().with_own_attachments(attachments);
            return Ok(Data::Event { name: name.into_owned(), payload });
        }
        (Kind::Ack, Some(Token::Array(_))) => {
            let payload = Payload::ack(&text, limits)?.into_owned();
            return Ok(Data::Ack { payload: payload.with_own_attachments(attachments) });
        }
        (Kind::Connect, _) => "a map or nothing, in a CONNECT packet",
        (Kind::Disconnect, _) => "nothing, in a DISCONNECT packet",
        (Kind::Event, _) => "an array, in an EVENT packet",
        (Kind::Ack, _) => "an array, in an ACK packet",
        (Kind::ConnectError, _) => "a map or a string, in a CONNECT_ERROR packet",
    };
    Err(wrong("data", start, expected))
}

fn wrong(field: &'static str, found: Option<Token<'_>>, expected: &'static str) -> DecodeError {
    let found = found.map_or("nothing", |token| token.name());
    DecodeError::WrongField { field, found, expected }
}
