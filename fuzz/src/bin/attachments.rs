//! A packet and its attachments: bounded while they arrive, whole at the end, and the same when sent on.
//!
//! Input: the packet's text; behind the first byte 0xFF the attachments, each with its length in one byte.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Said, Script, read, same_in_javascript};
use sockeye_proto::wire::{
    attachment::Value,
    encoding::{Encoding, Parser},
    engine::Version,
    msgpack::{self, Data},
    packet::{self, DecodeError, Kind, Limits},
    payload::Payload,
    prepared::Prepared,
    reassembly::{Assembled, Progress, Reassembly},
    ws::{self, Decoder, Role},
};

const LIMITS: Limits =
    Limits { max_attachments: 5, max_attachments_bytes: 100, max_args: 1_000, max_depth: 127 };

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == 0xff).unwrap_or(data.len());
    let Ok(text) = str::from_utf8(&data[..end]) else { return };
    let mut script = Script::new(data.get(end + 1..).unwrap_or_default());
    let attachments: Vec<Bytes> = std::iter::from_fn(|| {
        let length = script.operation()?;
        Some(Bytes::copy_from_slice(script.take(length.into())))
    })
    .collect();
    let Ok(Some(assembled)) = assemble(text, &attachments) else { return };

    let Assembled { namespace, id, name, payload } = assembled.clone();
    assert_eq!(name.is_some(), matches!(text.as_bytes()[0], b'5'));
    let kind = if name.is_some() { Kind::Event } else { Kind::Ack };
    let values: Option<Vec<Value>> = payload.deserialize_all().ok();

    // Sent on as it is, over a WebSocket.
    let (array, attachments) = payload.into_parts();
    let sent = Prepared::packet(kind, &namespace, id, &array, attachments);
    let (text, attachments) = frames(&sent);
    let again = assemble(&text[1..], &attachments).expect("our own packet").expect("all of it");
    assert_eq!(again, assembled);

    // And to a peer of Engine.IO 3: a byte before each attachment says that it is a message.
    let v3 = Encoding::new(Version::V3, Parser::Json);
    let (text_v3, marked) = frames(&sent.clone().encoded_for(v3));
    assert_eq!(text_v3, text);
    assert!(
        marked
            .iter()
            .map(|it| it.strip_prefix(b"\x04"))
            .eq(attachments.iter().map(|it| Some(&it[..])))
    );

    // And to one with the msgpack parser, whose numbers are JavaScript's.
    let msgpack = Encoding::new(Version::V4, Parser::MsgPack);
    let (nothing, message) = frames(&sent.encoded_for(msgpack));
    assert!(nothing.is_empty() && message.len() == 1);
    let name = name.map(Value::from);
    if name.as_ref().is_some_and(|name| same_in_javascript(name, &Value::Null)) {
        return; // an infinite number is null there, and null is no name
    }
    let read = msgpack::decode(&message[0], &LIMITS).expect("our own packet");
    assert_eq!((&read.namespace, read.id), (&namespace, id));
    let (read_name, payload) = match read.data {
        Data::Event { name, payload } => (Some(name), payload),
        Data::Ack { payload } => (None, payload),
        other => panic!("{other:?}"),
    };
    match (name, read_name) {
        (Some(name), Some(read)) => {
            let number = read.parse::<f64>().map(Value::from);
            let is_same = number.is_ok_and(|number| same_in_javascript(&name, &number));
            assert!(is_same || name == Value::from(&*read), "{name:?} was read as {read}");
        }
        (name, read) => assert!(name.is_none() && read.is_none()),
    }
    if let Some(values) = &values {
        let read = payload.deserialize_all().expect("the same values");
        assert!(same_in_javascript(&Value::Array(read), &Value::Array(values.clone())));
    }

    // As new arguments: the values are the same, whatever the numbers of their attachments.
    let Some(values) = values else { return };
    let written = Payload::serialize_all(&values).expect("it was JSON before");
    assert_eq!(written.deserialize_all::<Value>().expect("our own text"), values);
    assert_eq!(written.attachments().len(), values.iter().map(bytes_in).sum::<usize>());
});

/// Text and attachments as a peer gets them, over a WebSocket.
fn frames(sent: &Prepared) -> (String, Vec<Bytes>) {
    let frames = sent.slices().collect::<Vec<_>>().concat();
    assert_eq!(frames.len(), sent.wire_bytes());
    let decoder = Decoder::new(Role::Client, ws::Limits::default());
    let (said, end) = read(decoder, &frames, frames.len());
    assert!(end.is_ok_and(|decoder| decoder.is_between_messages()));
    assert_eq!(said.len(), sent.frame_count());
    let mut text = String::new();
    let mut attachments = Vec::new();
    for said in said {
        match said {
            Said::Text(said) => text.push_str(&said),
            Said::Binary(bytes) => attachments.push(bytes.into()),
            other => panic!("{other:?}"),
        }
    }
    (text, attachments)
}

/// The packet, once as many attachments have arrived as it announced; `None` before.
fn assemble(text: &str, attachments: &[Bytes]) -> Result<Option<Assembled>, DecodeError> {
    let packet = packet::decode(text, &LIMITS)?;
    let announced = packet.attachments;
    let mut reassembly = match Reassembly::new(&packet, &LIMITS) {
        Ok(reassembly) => reassembly,
        Err(error) => {
            let is_complete = announced == 0;
            assert!(!is_complete || error == DecodeError::IllegalAttachments, "{error}");
            return Err(error);
        }
    };
    let mut left = LIMITS.max_attachments_bytes;
    for (arrived, attachment) in (0..).zip(attachments) {
        assert_eq!(reassembly.missing(), announced - arrived);
        let fits = attachment.len() <= left;
        left = left.saturating_sub(attachment.len());
        reassembly = match reassembly.push(attachment.clone()) {
            Ok(Progress::Incomplete(reassembly)) => {
                assert!(fits, "beyond the limit");
                reassembly
            }
            Ok(Progress::Complete(assembled)) => {
                assert!(fits, "beyond the limit");
                assert_eq!(arrived + 1, announced);
                assert_eq!(assembled.payload.attachments(), &attachments[..announced as usize]);
                return Ok(Some(assembled));
            }
            Err(error @ DecodeError::AttachmentsTooLarge { .. }) => {
                assert!(!fits, "within the limit");
                return Err(error);
            }
            Err(error) => return Err(error),
        };
    }
    Ok(None)
}

fn bytes_in(value: &Value) -> usize {
    match value {
        Value::Bytes(_) => 1,
        Value::Array(items) => items.iter().map(bytes_in).sum(),
        Value::Object(entries) => entries.values().map(bytes_in).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
