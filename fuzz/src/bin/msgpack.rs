//! Packets in msgpack: what is read is JSON within the limits, and can be written and read again.
//!
//! Input: one binary message.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use sockeye_proto::wire::{
    attachment::Value,
    msgpack::{self, Data, Decoded},
    packet::{Limits, Packet, is_namespace},
    payload::Payload,
};

const SMALL: Limits =
    Limits { max_attachments: 2, max_attachments_bytes: 10, max_args: 3, max_depth: 4 };

fuzz_target!(|message: &[u8]| {
    for limits in [Limits::default(), SMALL] {
        let Ok(decoded) = msgpack::decode(message, &limits) else { continue };
        let Decoded { kind, namespace, id, data } = &decoded;
        assert!(is_namespace(namespace));
        let (text, attachments) = match data {
            Data::Nothing => (None, &[][..]),
            Data::Value { text, attachments } => (Some(&**text), &attachments[..]),
            Data::Event { payload, .. } | Data::Ack { payload } => {
                check(payload, &limits);
                (Some(payload.text()), payload.attachments())
            }
        };
        let text_bytes = text.map_or(0, str::len);
        assert!(text_bytes <= 6 * message.len() + 40 * attachments.len(), "{text_bytes} bytes");
        assert!(attachments.len() <= limits.max_attachments as usize);
        let bytes: usize = attachments.iter().map(Bytes::len).sum();
        assert!(bytes <= limits.max_attachments_bytes && bytes <= message.len());
        if let Some(text) = text {
            serde_json::from_str::<&RawValue>(text).expect("the data is JSON");
        }

        let announced = attachments.len() as u32;
        let packet = Packet { kind: *kind, attachments: announced, namespace, id: *id, data: text };
        let again = msgpack::encode(&packet, attachments);
        assert_eq!(msgpack::decode(&again, &limits).as_ref(), Ok(&decoded), "{again:x?}");
    }
});

fn check(payload: &Payload<'_>, limits: &Limits) {
    assert!(payload.len() <= limits.max_args);
    let values: Vec<Value> = payload.deserialize_all().expect("nothing that Rust can't hold");
    assert_eq!(values.len(), payload.len());
    // Of a key that comes twice the last value counts, and what stood in the first is nobody's.
    let bytes: usize = values.iter().map(bytes_in).sum();
    assert!(bytes <= payload.attachments().iter().map(Bytes::len).sum::<usize>());
    // As an event for the other parser, unless something looks like a placeholder there.
    if let Ok(event) = payload.to_event("again") {
        assert_eq!(event.deserialize_all::<Value>().expect("the same"), values);
        let (_, read) = Payload::event(event.text(), &Limits::default()).expect("our own text");
        let read = read.with_attachments(event.attachments().to_vec()).expect("our own text");
        assert_eq!(read.deserialize_all::<Value>().expect("the same"), values);
    } else {
        assert!(!payload.attachments().is_empty() && payload.text().contains("placeholder"));
    }
}

fn bytes_in(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(bytes_in).sum(),
        Value::Object(entries) => entries.values().map(bytes_in).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
