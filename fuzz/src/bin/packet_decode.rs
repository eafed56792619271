//! Socket.IO packets: what is read can be written and read again, and keeps to the limits.
//!
//! Input: the body of one Engine.IO message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_proto::wire::{
    packet::{self, DecodeError, Kind, Limits, Packet},
    payload::Payload,
    prepared::Prepared,
};

const SMALL: Limits =
    Limits { max_attachments: 2, max_attachments_bytes: 10, max_args: 3, max_depth: 4 };

fuzz_target!(|text: &str| {
    for limits in [Limits::default(), SMALL] {
        let Ok(packet) = packet::decode(text, &limits) else { continue };
        check(text, &packet, &limits);
        match packet.kind {
            Kind::Event => drop(Payload::event(packet.data.unwrap_or_default(), &limits)),
            Kind::Ack => drop(Payload::ack(packet.data.unwrap_or_default(), &limits)),
            _ => assert!(packet.data.is_none_or(|data| depth(data) <= limits.max_depth), "{text}"),
        }
    }
    // More is allowed by the default limits than by small ones, and refused for no other reason.
    if let (Ok(_), Err(error)) =
        (packet::decode(text, &Limits::default()), packet::decode(text, &SMALL))
    {
        assert!(
            matches!(error, DecodeError::TooManyAttachments { .. } | DecodeError::TooDeep { .. }),
            "{error}"
        );
    }
});

fn check(text: &str, packet: &Packet<'_>, limits: &Limits) {
    assert!(packet.attachments <= limits.max_attachments);
    assert!(packet::is_namespace(packet.namespace), "{:?}", packet.namespace);
    assert!(text.ends_with(packet.data.unwrap_or_default()));
    let mut again = Vec::new();
    packet::encode_into(packet, &mut again);
    assert_eq!(again.len(), packet::encoded_bytes(packet));
    let again = String::from_utf8(again).expect("made of texts");
    assert_eq!(packet::decode(&again, limits).as_ref(), Ok(packet), "written as {again}");

    let attachments = vec![bytes::Bytes::from_static(b"x"); packet.attachments as usize];
    let data = packet.data.unwrap_or_default();
    let prepared = Prepared::packet(packet.kind, packet.namespace, packet.id, data, attachments);
    assert_eq!(prepared.text(), format!("4{again}"));
    assert_eq!(prepared.slices().map(<[u8]>::len).sum::<usize>(), prepared.wire_bytes());
}

/// How deep arrays and objects nest in valid JSON.
fn depth(json: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u32, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}
