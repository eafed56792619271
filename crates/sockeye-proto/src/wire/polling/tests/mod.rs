//! Bodies as npm `engine.io-parser` 5.2 (Engine.IO 4) and 2.2 (Engine.IO 3) write and read them.

mod captured;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::wire::{
    encoding::{Encoding, Parser},
    engine::{self, Kind},
    packet,
    prepared::Prepared,
    ws::Message,
};

const FORMATS: [Format; 3] = [Format::V4, Format::V3Text, Format::V3Binary];

/// All items of a body, and the error that ends it.
fn decoded(format: Format, body: &[u8]) -> (Vec<Item<'_>>, Option<DecodeError>) {
    let mut packets = Packets::new(format, body);
    let mut items = Vec::new();
    loop {
        match packets.next() {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, None),
            Err(error) => {
                assert_eq!(packets.next(), Err(error), "an error stays");
                return (items, Some(error));
            }
        }
    }
}

fn text(text: &str) -> Item<'_> {
    Item::Text(text)
}

fn binary(data: &[u8]) -> Item<'_> {
    Item::Binary(data.into())
}

fn event(data: &str, attachments: &[&[u8]]) -> Prepared {
    let attachments = attachments.iter().map(|data| Bytes::copy_from_slice(data)).collect();
    Prepared::packet(packet::Kind::Event, "/", None, data, attachments)
}

fn engine(kind: Kind, body: &str) -> Prepared {
    Prepared::engine(kind, body)
}

/// What a reader finds in these packets.
fn items(packets: &[Prepared]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for packet in packets {
        items.push(text(packet.text()));
        items.extend(packet.attachments().iter().map(|data| binary(data)));
    }
    items
}

/// The body with everything, and the format to read it in.
fn encoded(packets: &[Prepared], version: Version, supports_binary: bool) -> (Body, Format) {
    let (body, count) = encode(packets.iter(), version, supports_binary, usize::MAX);
    assert_eq!(count, packets.len());
    let format = Format::of_request(version, Some(body.content_type)).unwrap();
    (body, format)
}

/// Both sides speak as npm does; `octets` is empty where npm writes the same text for binary readers too.
#[track_caller]
fn check(packets: &[Prepared], v4: &str, v3: &str, octets: &[u8]) {
    let octets = if octets.is_empty() { (v3.as_bytes(), TEXT) } else { (octets, OCTETS) };
    for (version, supports_binary, (bytes, content_type)) in [
        (Version::V4, false, (v4.as_bytes(), TEXT)),
        (Version::V4, true, (v4.as_bytes(), TEXT)),
        (Version::V3, false, (v3.as_bytes(), TEXT)),
        (Version::V3, true, octets),
    ] {
        let (body, format) = encoded(packets, version, supports_binary);
        assert_eq!(body.bytes.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        assert_eq!(body.content_type, content_type);
        assert_eq!(decoded(format, bytes), (items(packets), None), "{}", bytes.escape_ascii());
    }
}

const TEXT: &str = "text/plain; charset=UTF-8";
const OCTETS: &str = "application/octet-stream";

#[test]
fn bodies_are_those_of_npm() {
    check(&[event(r#"["a",1]"#, &[])], r#"42["a",1]"#, r#"9:42["a",1]"#, b"");
    check(&[event(r#"["€"]"#, &[])], r#"42["€"]"#, r#"7:42["€"]"#, b"");
    check(
        &[event(r#"["😀é"]"#, &[]), engine(Kind::Ping, ""), engine(Kind::Pong, "probe")],
        "42[\"😀é\"]\u{1E}2\u{1E}3probe",
        r#"9:42["😀é"]1:26:3probe"#,
        b"",
    );
    check(
        &[event(r#"["b",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]])],
        "451-[\"b\",{\"_placeholder\":true,\"num\":0}]\u{1E}bAQIDBA==",
        r#"39:451-["b",{"_placeholder":true,"num":0}]10:b4AQIDBA=="#,
        b"\x00\x03\x09\xFF451-[\"b\",{\"_placeholder\":true,\"num\":0}]\x01\x05\xFF\x04\x01\x02\x03\x04",
    );
    check(
        &[
            event(r#"["€"]"#, &[]),
            event(r#"["€😀",{"_placeholder":true,"num":0}]"#, &[&[255]]),
            event("[]", &[]),
        ],
        "42[\"€\"]\u{1E}451-[\"€😀\",{\"_placeholder\":true,\"num\":0}]\u{1E}b/w==\u{1E}42[]",
        r#"7:42["€"]41:451-["€😀",{"_placeholder":true,"num":0}]6:b4/w==4:42[]"#,
        b"\x00\x09\xFF42[\"\xE2\x82\xAC\"]\x00\x04\x05\xFF451-[\"\xE2\x82\xAC\xF0\x9F\x98\x80\",{\"_placeholder\":true,\"num\":0}]\x01\x02\xFF\x04\xFF\x00\x04\xFF42[]",
    );
    check(
        &[event(r#"["e",{"_placeholder":true,"num":0}]"#, &[b""])],
        "451-[\"e\",{\"_placeholder\":true,\"num\":0}]\u{1E}b",
        r#"39:451-["e",{"_placeholder":true,"num":0}]2:b4"#,
        b"\x00\x03\x09\xFF451-[\"e\",{\"_placeholder\":true,\"num\":0}]\x01\x01\xFF\x04",
    );
    check(
        &[event(
            r#"["t",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            &[&[0, 30, 255, 4], &[0, 1, 2, 3, 4, 5, 6, 7, 8]],
        )],
        "452-[\"t\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\u{1E}bAB7/BA==\u{1E}bAAECAwQFBgcI",
        r#"69:452-["t",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]10:b4AB7/BA==14:b4AAECAwQFBgcI"#,
        b"\x00\x06\x09\xFF452-[\"t\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]\x01\x05\xFF\x04\x00\x1E\xFF\x04\x01\x01\x00\xFF\x04\x00\x01\x02\x03\x04\x05\x06\x07\x08",
    );
    check(&[engine(Kind::Noop, "")], "6", "1:6", b"");
    check(&[engine(Kind::Close, "")], "1", "1:1", b"");
    for kind in [Kind::Noop, Kind::Close, Kind::Pong] {
        for version in [Version::V3, Version::V4] {
            let of_packet = encode([engine(kind, "")].iter(), version, true, 9).0;
            assert_eq!(Body::bare(version, kind), of_packet);
        }
    }
}

#[track_caller]
fn check_type(version: Version, content_type: &str, expect: Result<Format, DecodeError>) {
    assert_eq!(Format::of_request(version, Some(content_type)), expect, "{content_type:?}");
}

#[test]
fn content_types_of_both_versions() {
    use Version::{V3, V4};

    for (version, text_format) in [(V4, Format::V4), (V3, Format::V3Text)] {
        assert_eq!(Format::of_request(version, None), Ok(text_format));
        for any in ["", "text/plain", "text/plain;charset=UTF-8", "application/json", ";", "é"] {
            check_type(version, any, Ok(text_format));
        }
        check_type(version, "application/octet-stream-text", Ok(text_format));
    }
    for octets in [OCTETS, "Application/Octet-Stream", " application/octet-stream ;charset=UTF-8"] {
        check_type(V4, octets, Err(DecodeError::BinaryContent));
        check_type(V3, octets, Ok(Format::V3Binary));
    }
}

#[track_caller]
fn check_decode(format: Format, body: &[u8], items: &[Item<'_>], error: Option<DecodeError>) {
    let expect = (items.to_vec(), error);
    assert_eq!(decoded(format, body), expect, "{format:?} {}", body.escape_ascii());
}

#[expect(clippy::unnecessary_wraps, reason = "the error of a row is one, or none")]
fn wrong(packet: engine::DecodeError) -> Option<DecodeError> {
    Some(DecodeError::Packet(packet))
}

#[test]
fn bodies_of_engine_io_4() {
    use DecodeError::NotUtf8;
    use engine::DecodeError::{Empty, NotBase64};

    let check = |body: &[u8], items: &[Item<'_>], error| {
        check_decode(Format::V4, body, items, error);
    };
    check(b"4", &[text("4")], None);
    check(b"4a\x1E4b", &[text("4a"), text("4b")], None);
    check("4€😀".as_bytes(), &[text("4€😀")], None);
    // What stands behind a type is for others to judge, and so is the type.
    check(b"x", &[text("x")], None);
    check(b"b", &[binary(b"")], None);
    check(b"bAQID", &[binary(&[1, 2, 3])], None);
    check(b"bAQ==\x1EbAQI=\x1E2", &[binary(&[1]), binary(&[1, 2]), text("2")], None);
    check(b"bAQ==\n", &[binary(&[1])], None); // the Java client, of all attachments
    check(b"bAQ\r\nID\r\n\x1E4", &[binary(&[1, 2, 3]), text("4")], None);
    // Bits that no byte needs, no padding, the alphabet for URLs: npm reads them all.
    check(b"bAR==\x1EbAQJ=", &[binary(&[1]), binary(&[1, 2])], None);
    check(b"bAQ\x1EbAQI\x1EbAQ=", &[binary(&[1]), binary(&[1, 2]), binary(&[1])], None);
    check(b"b-_8=", &[binary(&[0xFB, 0xFF])], None);

    check(b"", &[], wrong(Empty));
    check(b"\x1E", &[], wrong(Empty));
    check(b"\x1E4a", &[], wrong(Empty));
    check(b"4a\x1E", &[text("4a")], wrong(Empty));
    check(b"4a\x1E\x1E4b", &[text("4a")], wrong(Empty));
    check(b"4a\x1E4\xFF\x1E4b", &[text("4a")], Some(NotUtf8));
    check(b"4\xED\xA0\x80", &[], Some(NotUtf8)); // half a pair of surrogates
    check(b"4\xE2\x82\x1E4", &[], Some(NotUtf8));
    check(b"b\n", &[binary(b"")], None);
    for garbage in ["b!", "bA", "b====", "bAQ==AQ==", "bAQ ==", "b\nA"] {
        check(garbage.as_bytes(), &[], wrong(NotBase64));
    }
    check(b"bAQ\x00=", &[], wrong(NotBase64));
    check("bé".as_bytes(), &[], wrong(NotBase64));
}

#[test]
fn text_bodies_of_engine_io_3() {
    use DecodeError::{IllegalLength, NotUtf8, SplitCharacter};
    use engine::DecodeError::{Empty, NotBase64, NotMessage};

    let check = |body: &str, items: &[Item<'_>], error| {
        check_decode(Format::V3Text, body.as_bytes(), items, error);
    };
    let truncated = |announced, left| Some(DecodeError::Truncated { announced, left });
    check("1:2", &[text("2")], None);
    check("4:4abc1:3", &[text("4abc"), text("3")], None);
    check("06:4hello", &[text("4hello")], None);
    check("2:4€", &[text("4€")], None);
    check("3:4😀1:2", &[text("4😀"), text("2")], None);
    check("5:4é😀x1:2", &[text("4é😀x"), text("2")], None);
    check("4:4:5:", &[text("4:5:")], None);
    check("2:b46:b4AQ==", &[binary(b""), binary(&[1])], None);
    check("7:b4AQ==\n", &[binary(&[1])], None);
    check("6:b4AR==4:b4AQ", &[binary(&[1]), binary(&[1])], None);
    check("0:", &[], None); // what npm writes for no packets, and reads over
    check("0:1:20:", &[text("2")], None);
    check("1:x", &[text("x")], None);

    check("", &[], wrong(Empty));
    check("2:4😀", &[], Some(SplitCharacter { announced: 2 }));
    check("1:😀", &[], Some(SplitCharacter { announced: 1 }));
    check("5:4a", &[], truncated(5, 2));
    check("3:4€", &[], truncated(3, 4)); // enough bytes, but not enough units
    check("9999999999999999999:4", &[], truncated(9_999_999_999_999_999_999, 1));
    for length in
        ["", ":4", "4", "4hello", " 1:4", "1 :4", "1e0:4", "0x1:4", "+1:4", "-1:4", "1.0:4", "١:4"]
    {
        let error = if length.is_empty() { wrong(Empty) } else { Some(IllegalLength) };
        check(length, &[], error);
    }
    check("00000000000000000001:4", &[], Some(IllegalLength)); // twenty digits
    check("0000000000000000001:4", &[text("4")], None);
    check(&"9".repeat(1_000_000), &[], Some(IllegalLength));
    check("1:21", &[text("2")], Some(IllegalLength));
    check("1:21:", &[text("2")], truncated(1, 0));
    check("6:b2AQ==", &[], wrong(NotMessage { found: b'2' }));
    check("1:b", &[], wrong(Empty));
    check("6:b4AQ=A", &[], wrong(NotBase64));
    check_decode(Format::V3Text, b"2:4\xC3", &[], Some(NotUtf8));
    check_decode(Format::V3Text, b"1:\x80\x804", &[], Some(NotUtf8)); // bytes that begin no character
    check_decode(Format::V3Text, b"1:\x80\x80", &[], truncated(1, 2));
}

#[test]
fn binary_bodies_of_engine_io_3() {
    use DecodeError::{IllegalLength, NotUtf8, UnknownMark};
    use engine::DecodeError::{Empty, NotMessage};

    let check = |body: &[u8], items: &[Item<'_>], error| {
        check_decode(Format::V3Binary, body, items, error);
    };
    let truncated = |announced, left| Some(DecodeError::Truncated { announced, left });
    check(b"\x00\x01\xFF2", &[text("2")], None);
    check(b"\x00\x04\xFF4\xE2\x82\xAC", &[text("4€")], None);
    check(b"\x00\x01\xFF2\x01\x02\xFF\x04\x09", &[text("2"), binary(&[9])], None);
    check(b"\x00\x01\x00\xFF4123456789", &[text("4123456789")], None);
    check(b"\x00\x00\x02\xFF4a", &[text("4a")], None);
    check(b"\x01\x01\xFF\x04", &[binary(b"")], None);
    check(b"\x01\x04\xFF\x04\xFF\x00\x04", &[binary(&[255, 0, 4])], None);
    check(b"\x00\x06\xFFb4AQ==", &[binary(&[1])], None);

    check(b"", &[], wrong(Empty));
    check(b"\x00", &[], Some(IllegalLength)); // npm's reader never ends
    check(b"\x00\xFF4", &[], Some(IllegalLength));
    check(b"\x00\x0C\xFF4a", &[], Some(IllegalLength));
    check(b"\x001\xFF4", &[], Some(IllegalLength)); // an ASCII digit
    check(&[&[0][..], &[9; 1_000_000]].concat(), &[], Some(IllegalLength));
    check(b"\x00\x00\xFF", &[], wrong(Empty));
    check(b"\x01\x00\xFF", &[], wrong(Empty));
    check(b"\x02\x01\xFF4", &[], Some(UnknownMark { found: 2 }));
    check(b"4hello", &[], Some(UnknownMark { found: b'4' }));
    check(b"\x01\x02\xFF\x02\x09", &[], wrong(NotMessage { found: 2 }));
    check(b"\x00\x02\xFFb2", &[], wrong(NotMessage { found: b'2' }));
    check(b"\x00\x09\xFF4", &[], truncated(9, 1));
    let giant = [&[1][..], &[9; 19], &[0xFF, 4]].concat();
    check(&giant, &[], truncated(9_999_999_999_999_999_999, 1));
    check(b"\x00\x02\xFF4\xFF", &[], Some(NotUtf8));
    check(b"\x00\x01\xFF2\x00\x03\xFF4\xC3", &[text("2")], truncated(3, 2));
}

#[test]
fn a_body_ends_before_it_is_too_large() {
    #[track_caller]
    fn check(queue: &[Prepared], version: Version, octets: bool, max_bytes: usize, expect: usize) {
        let (body, count) = encode(queue.iter(), version, octets, max_bytes);
        assert_eq!(count, expect, "{version:?}, at most {max_bytes}: {body:?}");
        let (whole, _) = encode(queue[..count].iter(), version, octets, usize::MAX);
        assert_eq!(body, whole, "nothing is parted");
    }
    use Version::{V3, V4};

    let text = engine(Kind::Message, "abc"); // 4, 6 and 7 bytes
    let file = event("[1]", &[&[1, 2, 3, 4]]); // 7+1+9, 9+13 and 10+8 bytes
    let queue = [text.clone(), text.clone(), file, text];
    for (version, octets, sizes) in
        [(V4, true, [4, 9, 27, 32]), (V3, false, [6, 12, 34, 40]), (V3, true, [6, 12, 32, 39])]
    {
        for (packets, bytes) in (1..).zip(sizes) {
            check(&queue, version, octets, bytes, packets);
            check(&queue, version, octets, bytes - 1, (packets - 1).max(1));
        }
        check(&queue, version, octets, 0, 1);
        check(&queue, version, octets, usize::MAX, 4);
        check(&[], version, octets, 1_000, 0);
    }
}

#[test]
fn what_is_no_packet_leaves_no_trace() {
    let pong = Prepared::websocket(Message::Pong(b"?"));
    let queue = [pong.clone(), engine(Kind::Ping, ""), pong, engine(Kind::Noop, "")];
    for (version, bytes) in [(Version::V4, "2\u{1E}6"), (Version::V3, "1:21:6")] {
        let (body, count) = encode(queue.iter(), version, true, 1_000);
        assert_eq!((body.bytes.as_slice(), count), (bytes.as_bytes(), 4));
    }
}

#[test]
fn packets_in_other_encodings_fit_in_bodies_too() {
    use Version::{V3, V4};

    let packet = event("[1]", &[&[9]]);
    let in_encoding = |version, parser| packet.clone().encoded_for(Encoding::new(version, parser));
    let octets = b"\x00\x07\xFF451-[1]\x01\x02\xFF\x04\x09";
    for (version, parser, octets, expect) in [
        (V3, Parser::Json, false, &b"7:451-[1]6:b4CQ=="[..]),
        (V3, Parser::Json, true, octets),
        // {type: 2, data: [1], nsp: "/"}
        (V4, Parser::MsgPack, true, b"bg6R0eXBlAqRkYXRhkQGjbnNwoS8="),
        (V3, Parser::MsgPack, false, b"30:b4g6R0eXBlAqRkYXRhkQGjbnNwoS8="),
        (
            V3,
            Parser::MsgPack,
            true,
            b"\x01\x02\x01\xFF\x04\x83\xA4type\x02\xA4data\x91\x01\xA3nsp\xA1/",
        ),
    ] {
        let (body, count) = encode([in_encoding(version, parser)].iter(), version, octets, 0);
        assert_eq!(count, 1);
        assert_eq!(body.bytes.escape_ascii().to_string(), expect.escape_ascii().to_string());
    }
}

/// Hostile because it is many: each packet must cost the same, wherever the cursor is taken up again.
#[test]
fn a_million_tiny_packets_take_no_longer_than_their_bytes() {
    const MANY: usize = 500_000;
    for (format, body, expect) in [
        (Format::V4, [b"2", &*b"\x1E2".repeat(MANY - 1)].concat(), MANY),
        (Format::V3Text, b"1:2".repeat(MANY), MANY),
        (Format::V3Text, [b"1:2", &*b"0:".repeat(MANY)].concat(), 1),
        (Format::V3Binary, b"\x00\x01\xFF2".repeat(MANY), MANY),
    ] {
        let mut consumed = 0;
        let mut count = 0;
        loop {
            let mut packets = Packets::resume(format, &body, consumed);
            if packets.next().unwrap().is_none() {
                break;
            }
            count += 1;
            consumed = packets.consumed();
        }
        assert_eq!(count, expect, "{format:?}");
    }
}

fn any_packet() -> impl Strategy<Value = Prepared> {
    let attachments = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..3);
    // In Engine.IO 4 a text can't hold the separator.
    ("[^\u{1E}]{0,30}", attachments).prop_map(|(text, attachments)| {
        let attachments: Vec<_> = attachments.iter().map(Vec::as_slice).collect();
        event(&text, &attachments)
    })
}

/// Pieces of bodies, so that one in a few is well-formed to its end.
fn almost_a_body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(vec![
            &b"4a"[..],
            b"\x1E",
            b"bAQ==",
            b"1:2",
            b"2:b4",
            b"3:4\xF0\x9F\x98\x80",
            b"0:",
            b"99:",
            b"\x00\x01\xFF2",
            b"\x01\x02\xFF\x04\x09",
            b"\x00\x09\xFF",
            b"\xE2\x82",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(packets in prop::collection::vec(any_packet(), 1..6)) {
        for (version, octets) in [(Version::V4, false), (Version::V3, false), (Version::V3, true)] {
            let (body, format) = encoded(&packets, version, octets);
            prop_assert_eq!(decoded(format, &body.bytes), (items(&packets), None));
        }
    }

    #[test]
    fn bodies_keep_to_their_limit(
        packets in prop::collection::vec(any_packet(), 1..9),
        max_bytes in 0_usize..300,
        octets: bool,
    ) {
        for version in [Version::V3, Version::V4] {
            let (mut rest, mut read) = (packets.as_slice(), Vec::new());
            while !rest.is_empty() {
                let (body, count) = encode(rest.iter(), version, octets, max_bytes);
                prop_assert!(count == 1 || body.bytes.len() <= max_bytes);
                let format = Format::of_request(version, Some(body.content_type)).unwrap();
                let (items, error) = decoded(format, &body.bytes);
                prop_assert_eq!(error, None);
                read.extend(items.iter().map(|item| format!("{item:?}")));
                rest = &rest[count..];
            }
            let expect: Vec<_> = items(&packets).iter().map(|item| format!("{item:?}")).collect();
            prop_assert_eq!(read, expect);
        }
    }

    #[test]
    fn no_body_panics_and_any_stop_changes_nothing(body in almost_a_body()) {
        for format in FORMATS {
            let (whole, error) = decoded(format, &body);
            let (mut parts, mut consumed) = (Vec::new(), 0);
            let end = loop {
                let mut packets = Packets::resume(format, &body, consumed);
                match packets.next() {
                    Ok(Some(item)) => parts.push(item),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
                prop_assert!(packets.consumed() > consumed, "each packet takes bytes");
                consumed = packets.consumed();
            };
            prop_assert_eq!((parts, end), (whole, error));
        }
    }

    #[test]
    fn no_bytes_panic(body: Vec<u8>, offset in 0_usize..64) {
        for format in FORMATS {
            let mut packets = Packets::resume(format, &body, offset);
            while let Ok(Some(_)) = packets.next() {}
            decoded(format, &body);
        }
    }
}
