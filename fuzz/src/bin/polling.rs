//! Bodies of HTTP polling: any body is read within its bounds, and its packets can be written and read again.
//!
//! Input: the format (of three), the largest body to write, then the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_fuzz::Script;
use sockeye_proto::wire::{
    engine::{self, Version},
    packet::Kind,
    polling::{Format, Item, Packets, encode},
    prepared::Prepared,
};

fuzz_target!(|data: &[u8]| {
    let mut script = Script::new(data);
    let format = match script.byte() % 3 {
        0 => Format::V4,
        1 => Format::V3Text,
        _ => Format::V3Binary,
    };
    let max_bytes = script.byte().into();
    let body = script.rest();

    let items = read(format, body);
    let written: Vec<Prepared> = items.iter().filter_map(prepared).collect();
    let expect: Vec<Item<'_>> = written.iter().flat_map(items_of).collect();
    for (version, supports_binary) in
        [(Version::V4, true), (Version::V3, false), (Version::V3, true)]
    {
        // JSON has no separators, but these texts may: whole messages would be told apart wrongly.
        let has_separator = |packet: &Prepared| packet.text().contains('\u{1e}');
        if version == Version::V4 && written.iter().any(has_separator) {
            continue;
        }
        let mut left = &written[..];
        let mut again = Vec::new();
        let mut bodies = Vec::new();
        while !left.is_empty() {
            let (body, count) = encode(left.iter(), version, supports_binary, max_bytes);
            assert!(count > 0 && count <= left.len());
            assert!(count == 1 || body.bytes.len() <= max_bytes, "{} bytes", body.bytes.len());
            left = &left[count..];
            bodies.push(body);
        }
        for body in &bodies {
            let format = Format::of_request(version, Some(body.content_type)).expect("our own");
            again.extend(read_all(format, &body.bytes));
        }
        assert_eq!(again, expect, "{version:?}, binary {supports_binary}");
    }
});

/// The packets before the first that can't be read.
fn read(format: Format, body: &[u8]) -> Vec<Item<'_>> {
    let mut packets = Packets::new(format, body);
    let mut items = Vec::new();
    let mut binary_bytes = 0;
    loop {
        let consumed = packets.consumed();
        let mut later = Packets::resume(format, body, consumed);
        let next = packets.next();
        assert_eq!(later.next(), next, "resumed at {consumed}");
        assert_eq!(later.consumed(), packets.consumed());
        assert!(packets.consumed() <= body.len());
        match next {
            Ok(Some(item)) => {
                assert!(packets.consumed() > consumed, "a packet of no bytes");
                match &item {
                    Item::Text(text) => assert!(!text.is_empty()),
                    Item::Binary(bytes) => binary_bytes += bytes.len(),
                }
                items.push(item);
            }
            Ok(None) => {
                assert_eq!(packets.consumed(), body.len());
                break;
            }
            Err(error) => {
                assert_eq!(packets.next(), Err(error), "an error stays");
                break;
            }
        }
    }
    assert!(binary_bytes <= body.len(), "more bytes than were sent");
    items
}

/// The packets of a body that we wrote.
fn read_all(format: Format, body: &[u8]) -> Vec<Item<'_>> {
    let mut packets = Packets::new(format, body);
    std::iter::from_fn(|| packets.next().expect("our own body")).collect()
}

/// A packet to be sent: the same text, or a packet with the binary data as its attachment.
fn prepared(item: &Item<'_>) -> Option<Prepared> {
    match item {
        Item::Text(text) => {
            let (kind, body) = engine::decode(text).ok()?;
            Some(Prepared::engine(kind, body))
        }
        Item::Binary(bytes) => {
            let attachments = vec![bytes.clone().into_owned().into()];
            Some(Prepared::packet(Kind::Event, "/", None, "[\"é😀\"]", attachments))
        }
    }
}

fn items_of(packet: &Prepared) -> impl Iterator<Item = Item<'_>> {
    let attachments = packet.attachments().iter().map(|data| Item::Binary((&data[..]).into()));
    std::iter::once(Item::Text(packet.text())).chain(attachments)
}
