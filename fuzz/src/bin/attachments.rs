//! A packet and its attachments: bounded while they arrive, whole at the end, and the same when sent on.
//!
//! Input: the packet's text; behind the first byte 0xFF the attachments, each with its length in one byte.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::{Said, Script, read};
use sockeye_proto::wire::{
    attachment::{Assembled, Progress, Reassembly, Value},
    packet::{self, DecodeError, Kind, Limits},
    payload::Payload,
    prepared::Prepared,
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
    let values: Vec<Value> = payload.deserialize_all().unwrap_or_default();

    // Sent on as it is: over a WebSocket, as text and binary messages.
    let (array, attachments) = payload.into_parts();
    let prepared = Prepared::packet(kind, &namespace, id, &array, attachments);
    let frames = prepared.slices().collect::<Vec<_>>().concat();
    let decoder = Decoder::new(Role::Client, ws::Limits::default());
    let (said, end) = read(decoder, &frames, frames.len());
    assert!(end.is_ok_and(|decoder| decoder.is_between_messages()));
    let [Said::Text(text), said @ ..] = &said[..] else { panic!("{said:?}") };
    let attachments: Vec<Bytes> = said
        .iter()
        .map(|said| match said {
            Said::Binary(bytes) => Bytes::copy_from_slice(bytes),
            other => panic!("{other:?}"),
        })
        .collect();
    let again = assemble(&text[1..], &attachments).expect("our own packet").expect("all of it");
    assert_eq!(again, assembled);

    // As new arguments: the values are the same, whatever the numbers of their attachments.
    let written = Payload::serialize_all(&values);
    let written = written.expect("it was JSON before");
    assert_eq!(written.deserialize_all::<Value>().expect("our own text"), values);
    assert_eq!(written.attachments().len(), values.iter().map(bytes_in).sum::<usize>());
});

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
