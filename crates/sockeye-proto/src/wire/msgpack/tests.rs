//! Packets byte for byte as npm's parser and python-socketio write them, hostile ones, and round trips.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use super::*;
use crate::wire::{attachment::Value, packet, packet::Packet};

const LIMITS: Limits =
    Limits { max_attachments: 10, max_attachments_bytes: 1_000, max_args: 100, max_depth: 127 };

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// An ack `{type: 3, data: [value], nsp: "/"}`.
fn ack(value: &[u8]) -> Vec<u8> {
    [b"\x83\xA4type\x03\xA4data\x91", value, b"\xA3nsp\xA1/"].concat()
}

/// A packet's text and attachments in the JSON parser's form.
fn parts(packet: &Decoded) -> (Option<String>, Vec<Bytes>) {
    match packet.data.clone() {
        Data::Nothing => (None, Vec::new()),
        Data::Value { text, attachments } => (Some(text), attachments),
        Data::Event { payload, .. } | Data::Ack { payload } => {
            let (text, attachments) = payload.into_parts();
            (Some(text), attachments)
        }
    }
}

fn encode_decoded(packet: &Decoded) -> Vec<u8> {
    let (data, attachments) = parts(packet);
    let Decoded { kind, ref namespace, id, .. } = *packet;
    encode(&Packet { kind, attachments: 0, namespace, id, data: data.as_deref() }, &attachments)
}

/// Checks what an ack's only argument becomes.
#[track_caller]
fn value(value: &str, expect: &str) {
    let bytes = ack(&hex(value));
    let decoded = decode(&bytes, &LIMITS).unwrap_or_else(|error| panic!("{value}: {error}"));
    assert_eq!(parts(&decoded).0.unwrap(), format!("[{expect}]"), "decoding {value}");
}

/// Checks that a value is read and written the same.
#[track_caller]
fn both(bytes: &str, text: &str) {
    value(bytes, text);
    let data = format!("[{text}]");
    let packet =
        Packet { kind: Kind::Ack, attachments: 0, namespace: "/", id: None, data: Some(&data) };
    assert_eq!(encode(&packet, &[]), ack(&hex(bytes)), "encoding {text}");
}

#[track_caller]
fn refuse(bytes: &[u8], expect: DecodeError) {
    assert_eq!(decode(bytes, &LIMITS), Err(expect), "decoding {bytes:02x?}");
}

/// A packet in bytes, and what it is.
#[track_caller]
fn check(bytes: &str, kind: Kind, namespace: &str, id: Option<u64>, data: Option<&str>) {
    let packet = decode(&hex(bytes), &LIMITS).unwrap_or_else(|error| panic!("{bytes}: {error}"));
    assert_eq!((packet.kind, &*packet.namespace, packet.id), (kind, namespace, id), "{bytes}");
    assert_eq!(parts(&packet).0.as_deref(), data, "{bytes}");
}

/// [`check`], and that we write the same bytes.
#[track_caller]
fn check_both(bytes: &str, kind: Kind, namespace: &str, id: Option<u64>, data: Option<&str>) {
    check(bytes, kind, namespace, id, data);
    assert_eq!(encode_decoded(&decode(&hex(bytes), &LIMITS).unwrap()), hex(bytes), "{data:?}");
}

/// Made with socket.io-msgpack-parser 3.0.2 from the objects that socket.io and socket.io-client 4.8 hand to it.
#[test]
fn packets_of_npm() {
    use Kind::{Ack, Connect, ConnectError, Disconnect, Event};

    check(
        "83a47479706500a46461746182a3736964a3616263a3706964d40000a36e7370a12f",
        Connect,
        "/",
        None,
        Some(r#"{"sid":"abc"}"#),
    ); // `pid: undefined`
    check(
        "84a47479706500a464617461d40000a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
        Connect,
        "/",
        None,
        None,
    );
    check(
        "84a47479706500a46461746181a5746f6b656ea178a76f7074696f6e7381a8636f6d7072657373c3a36e7370a52f63686174",
        Connect,
        "/chat",
        None,
        Some(r#"{"token":"x"}"#),
    );
    check_both("82a47479706500a36e7370a12f", Connect, "/", None, None);
    check_both("82a47479706501a36e7370a22f61", Disconnect, "/a", None, None);
    check_both(
        "84a47479706502a46461746192a3736179a26869a2696407a36e7370a52f63686174",
        Event,
        "/chat",
        Some(7),
        Some(r#"["say","hi"]"#),
    );
    check(
        "85a47479706502a46461746192a3736179a26869a76f7074696f6e7381a8636f6d7072657373c3a26964cd012ca36e7370a12f",
        Event,
        "/",
        Some(300),
        Some(r#"["say","hi"]"#),
    );
    check_both("83a47479706502a4646174619105a36e7370a12f", Event, "/", None, Some("[5]"));
    check_both("84a47479706503a46461746190a2696400a36e7370a12f", Ack, "/", Some(0), Some("[]"));
    check_both(
        "83a47479706504a46461746181a76d657373616765a26e6fa36e7370a12f",
        ConnectError,
        "/",
        None,
        Some(r#"{"message":"no"}"#),
    );
    check_both(
        "83a47479706504a464617461a26e6fa36e7370a12f",
        ConnectError,
        "/",
        None,
        Some(r#""no""#),
    );
}

/// Made with python-socketio 5.18.1 and msgpack 1.2.4.
#[test]
fn packets_of_python() {
    use Kind::{Ack, Connect, ConnectError, Disconnect, Event};

    check("83a47479706500a46461746180a36e7370a12f", Connect, "/", None, Some("{}"));
    check("83a47479706501a464617461c0a36e7370a12f", Disconnect, "/", None, None);
    check(
        "84a47479706502a46461746193a3736179a26869c4020102a36e7370a12fa2696407",
        Event,
        "/",
        Some(7),
        Some(r#"["say","hi",{"_placeholder":true,"num":0}]"#),
    );
    check(
        "83a47479706502a46461746198a176cb3ff0000000000000cb4004000000000000ffcf8000000000000000c0c38201a161a16290a36e7370a12f",
        Event,
        "/",
        None,
        Some(r#"["v",1,2.5,-1,9223372036854775808,null,true,{"1":"a","b":[]}]"#),
    );
    check("84a47479706503a46461746190a36e7370a12fa2696400", Ack, "/", Some(0), Some("[]"));
    check(
        "83a47479706504a464617461b1556e61626c6520746f20636f6e6e656374a36e7370a12f",
        ConnectError,
        "/",
        None,
        Some(r#""Unable to connect""#),
    );
    check(
        "84a47479706503a46461746193d6ff6553f100d7ff1d6f34546553f100c70cff3b8b87c0ffffffffffffffffa36e7370a12fa2696401",
        Ack,
        "/",
        Some(1),
        Some(
            r#"["2023-11-14T22:13:20.000Z","2023-11-14T22:13:20.123Z","1969-12-31T23:59:59.999Z"]"#,
        ),
    );
}

#[test]
fn values_of_npm() {
    both(
        "9a007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001fffffffffffff",
        "[0,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991]",
    );
    both(
        "9affe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001",
        "[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]",
    );
    both("92cb3ff8000000000000cbbfb999999999999a", "[1.5,-0.1]");
    value("92cb7ff8000000000000cb7ff0000000000000", "[null,null]"); // NaN and Infinity
    both("93c3c2c0", "[true,false,null]");
    value("91d40000", "[null]"); // undefined in an array
    value("83a161d40000a16201a163d40000", r#"{"b":1}"#); // undefined in an object
    value("81a161d40000", "{}");
    both(
        "94a0a9c3a9f09f98800a225cbf78787878787878787878787878787878787878787878787878787878787878d9207878787878787878787878787878787878787878787878787878787878787878",
        &json!(["", "é\u{1F600}\n\"\\", "x".repeat(31), "x".repeat(32)]).to_string(),
    );
    both("81a1619281a1628090", r#"{"a":[{"b":{}},[]]}"#);
    both(&format!("dc0010{}", "01".repeat(16)), &json!(vec![1; 16]).to_string());
    both(
        "de0010a26b3000a26b3101a26b3202a26b3303a26b3404a26b3505a26b3606a26b3707a26b3808a26b3909a26b610aa26b620ba26b630ca26b640da26b650ea26b660f",
        r#"{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9,"ka":10,"kb":11,"kc":12,"kd":13,"ke":14,"kf":15}"#,
    );
}

/// Numbers keep their value, and what is an integer is read by Rust's integers.
#[test]
fn numbers() {
    both("cfffffffffffffffff", "18446744073709551615");
    both("d38000000000000000", "-9223372036854775808");
    value("cb4008000000000000", "3");
    value("ca40400000", "3");
    value("ca3dcccccd", "0.10000000149011612"); // what JavaScript reads
    value("cb43f0000000000000", "1.8446744073709552e+19"); // 2^64, the first that no u64 holds
    value("cb43efffffffffffff", "18446744073709549568"); // the float before it
    value("cbc3e0000000000000", "-9223372036854775808");
    value("cbc3e0000000000001", "-9.223372036854778e+18");
    both("cb8000000000000000", "-0.0");
    both("cb7fefffffffffffff", "1.7976931348623157e+308");
    value("d001", "1"); // longer than need be
    value("cf0000000000000001", "1");
    let written = |text: &str| {
        let packet =
            Packet { kind: Kind::Ack, attachments: 0, namespace: "/", id: None, data: Some(text) };
        encode(&packet, &[])
    };
    assert_eq!(written("[1.0]"), ack(&hex("cb3ff0000000000000")), "a float stays one");
    assert_eq!(written("[18446744073709551616]"), ack(&hex("cb43f0000000000000")));
    assert_eq!(written("[1e400]"), ack(&hex("cb7ff0000000000000")), "as in JavaScript");
    assert_eq!(written("[1E2]"), ack(&hex("cb4059000000000000")));
    assert_eq!(written("[-0]"), ack(&hex("00")));
}

#[test]
fn dates() {
    value("d7000000018bcfe5687b", r#""2023-11-14T22:13:20.123Z""#); // notepack 2
    value("d700ffffffffffffffff", r#""1969-12-31T23:59:59.999Z""#);
    value("d6ff00000000", r#""1970-01-01T00:00:00.000Z""#); // notepack 3
    value("d7ff1d5353006553f100", r#""2023-11-14T22:13:20.123Z""#);
    value("c70cff00000000fffffff184aa5080", r#""-000001-01-01T00:00:00.000Z""#);
    value("c70cff00000000000007dba8218000", r#""+275760-09-13T00:00:00.000Z""#);
    value("c70cff00000000000007dba8218001", "null"); // JavaScript's dates end there
    value("d7000021e8a3d7b4d000", "null");
    value("d7007fffffffffffffff", "null");
    value("d7008000000000000000", "null");
    value("c70cffffffffff7fffffffffffffff", "null");
    value("d6ffffffffff", r#""2106-02-07T06:28:15.000Z""#);
    value("d6ff38bc44f0", r#""2000-02-29T22:15:12.000Z""#);
    value("c708ff1d5353006553f100", r#""2023-11-14T22:13:20.123Z""#); // the length apart
}

#[test]
fn bytes_become_attachments_and_return() {
    let bytes = ack(&hex("95c4020102c70300010203c708000000000000000000d50007 08c400"
        .replace(' ', "")
        .as_str()));
    let decoded = decode(&bytes, &LIMITS).unwrap();
    let Data::Ack { payload } = &decoded.data else { panic!("{decoded:?}") };
    let expect = ["\x01\x02", "\x01\x02\x03", "\0\0\0\0\0\0\0\0", "\x07\x08", ""];
    assert_eq!(payload.attachments(), expect);
    assert_eq!(payload.deserialize::<Vec<Bytes>>().unwrap(), expect);
    let again = encode_decoded(&decoded);
    assert_eq!(again, ack(&hex("95c4020102c403010203c4080000000000000000c4020708c400")));
    assert_eq!(decode(&again, &LIMITS).unwrap(), decoded);

    // In an auth payload, too.
    let decoded =
        decode(b"\x83\xA4type\x00\xA3nsp\xA1/\xA4data\x81\xA1k\xC4\x01!", &LIMITS).unwrap();
    assert_eq!(
        parts(&decoded),
        (Some(r#"{"k":{"_placeholder":true,"num":0}}"#.to_owned()), vec!["!".into()])
    );
}

/// An object of the application's that looks like a placeholder is not one, and stays as it is both ways.
#[test]
fn nothing_is_taken_for_a_placeholder() {
    let forged =
        b"\x93\xC4\x01!\x82\xAC_placeholder\xC3\xA3num\x00\x82\xA3num\x00\xAC_placeholder\xC3";
    let decoded = decode(&ack(forged), &LIMITS).unwrap();
    let Data::Ack { payload } = &decoded.data else { panic!("{decoded:?}") };
    let forged_value = [("_placeholder", Value::from(true)), ("num", Value::from(0))];
    let forged_value = forged_value.into_iter().collect::<Value>();
    let expect = vec![Value::from(Bytes::from_static(b"!")), forged_value.clone(), forged_value];
    assert_eq!(payload.deserialize::<Value>().unwrap(), Value::Array(expect));
    assert_eq!(encode_decoded(&decoded), ack(forged));

    // One that stands for no attachment is an ordinary object, in a text of ours.
    let data = r#"[{"_placeholder":true,"num":1},{"_placeholder":true}]"#;
    let packet =
        Packet { kind: Kind::Ack, attachments: 1, namespace: "/", id: None, data: Some(data) };
    let ordinary = b"\x82\xAC_placeholder\xC3\xA3num\x01\x81\xAC_placeholder\xC3";
    let expect = [b"\x83\xA4type\x03\xA4data\x92", &ordinary[..], b"\xA3nsp\xA1/"].concat();
    assert_eq!(encode(&packet, &["!".into()]), expect);
}

#[test]
fn keys() {
    value("81ff01", r#"{"-1":1}"#);
    value("81cf800000000000000001", r#"{"9223372036854775808":1}"#);
    value("82a16101a16102", r#"{"a":1,"a":2}"#); // who reads it keeps the last, as of any JSON
    for (key, found) in [
        ("c0", "nil"),
        ("c3", "a truth value"),
        ("ca40400000", "a number"),
        ("90", "an array"),
        ("c400", "bytes"),
        ("d40000", "undefined"),
    ] {
        refuse(&ack(&hex(&format!("81{key}01"))), DecodeError::WrongKey { found });
        refuse(&hex(&format!("81{key}01")), DecodeError::WrongKey { found });
    }
    // Of the packet's own keys the last counts, and nothing of the others stays.
    let bytes = b"\x85\xA4type\x02\xA4data\x91\xC4\x01!\xA4type\x03\xA4data\x90\xA3nsp\xA1/";
    let decoded = decode(bytes, &LIMITS).unwrap();
    assert_eq!((decoded.kind, parts(&decoded)), (Kind::Ack, (Some("[]".to_owned()), Vec::new())));
    // Unknown ones are stepped over, however deep.
    let deep = [&[0x91; 100_000][..], b"\xC0"].concat();
    let bytes = [b"\x84\xA4type\x03\xA4data\x90\x05", &deep[..], b"\xA3nsp\xA1/"].concat();
    assert_eq!(decode(&bytes, &LIMITS).unwrap().kind, Kind::Ack);
}

#[test]
fn wrong_packets() {
    let wrong = |field, found, expected| DecodeError::WrongField { field, found, expected };
    let kind = |found| wrong("type", found, "a number from 0 to 4");
    let nsp = |found| wrong("nsp", found, "a string that begins with / and has no comma");
    let id = |found| wrong("id", found, "an integer of at least 0, or nothing");

    refuse(b"", DecodeError::Truncated { offset: 0 });
    refuse(b"\x90", DecodeError::NotAMap { found: "an array" });
    refuse(b"2[\"text\"]", DecodeError::NotAMap { found: "a number" });
    refuse(b"\x80", kind("nothing"));
    refuse(b"\x81\xA4type\xFF", kind("a number"));
    refuse(b"\x81\xA4type\xA12", kind("a string"));
    refuse(b"\x81\xA4type\xCB\x3F\xF8\0\0\0\0\0\0", kind("a number"));
    refuse(b"\x81\xA4type\x05", DecodeError::UnknownKind { kind: 5 });
    refuse(b"\x81\xA4type\x06", DecodeError::UnknownKind { kind: 6 });
    refuse(b"\x81\xA4type\x00", nsp("nothing"));
    refuse(b"\x82\xA4type\x00\xA3nsp\xC0", nsp("nil"));
    refuse(b"\x82\xA4type\x00\xA3nsp\xA0", nsp("a string"));
    refuse(b"\x82\xA4type\x00\xA3nsp\xA4chat", nsp("a string"));
    refuse(b"\x82\xA4type\x00\xA3nsp\xA4/a,b", nsp("a string"));
    let with_id =
        |value: &[u8]| [b"\x84\xA4type\x03\xA4data\x90\xA3nsp\xA1/\xA2id", value].concat();
    refuse(&with_id(b"\xFF"), id("a number"));
    refuse(&with_id(b"\xCA\x3F\xC0\0\0"), id("a number"));
    refuse(&with_id(b"\xA11"), id("a string"));
    refuse(&with_id(b"\x91\x01"), id("an array"));
    for (value, expect) in [
        (&b"\xC0"[..], None),
        (b"\xD4\0\0", None),
        (b"\xCA\x40\x40\0\0", Some(3)),
        (b"\xD0\x03", Some(3)),
    ] {
        assert_eq!(decode(&with_id(value), &LIMITS).unwrap().id, expect);
    }

    let with_data = |kind: u8, value: &[u8]| {
        [b"\x83\xA3nsp\xA1/\xA4type", &[kind][..], b"\xA4data", value].concat()
    };
    let data = |found, expected| wrong("data", found, expected);
    refuse(&with_data(0, b"\x90"), data("an array", "a map or nothing, in a CONNECT packet"));
    refuse(&with_data(0, b"\xC4\x00"), data("bytes", "a map or nothing, in a CONNECT packet"));
    refuse(&with_data(1, b"\x80"), data("a map", "nothing, in a DISCONNECT packet"));
    refuse(&with_data(2, b"\x80"), data("a map", "an array, in an EVENT packet"));
    refuse(&with_data(2, b"\xD4\0\0"), data("undefined", "an array, in an EVENT packet"));
    refuse(&with_data(3, b"\xC0"), data("nil", "an array, in an ACK packet"));
    refuse(b"\x82\xA4type\x03\xA3nsp\xA1/", data("nothing", "an array, in an ACK packet"));
    refuse(
        &with_data(4, b"\x05"),
        data("a number", "a map or a string, in a CONNECT_ERROR packet"),
    );
    refuse(
        &with_data(4, b"\xD6\xFF\0\0\0\0"),
        data("a date", "a map or a string, in a CONNECT_ERROR packet"),
    );
    refuse(
        b"\x82\xA4type\x04\xA3nsp\xA1/",
        data("nothing", "a map or a string, in a CONNECT_ERROR packet"),
    );

    let no_name = || DecodeError::Packet(packet::DecodeError::NoEventName);
    for first in [&b"\x90"[..], b"\x91\xC0", b"\x91\xC3", b"\x91\x90", b"\x91\xC4\x00", b"\x91\x80"]
    {
        refuse(&with_data(2, first), no_name());
    }
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let value = [&[0x91, 0xA0 | name.len() as u8], name.as_bytes()].concat();
        let reserved = packet::DecodeError::ReservedEventName { name: name.to_owned() };
        refuse(&with_data(2, &value), reserved.into());
    }
}

#[test]
fn wrong_msgpack() {
    let extension = |kind, bytes, offset| DecodeError::UnknownExtension { kind, bytes, offset };
    refuse(b"\xC1", DecodeError::Reserved { offset: 0 });
    refuse(&ack(b"\xC1"), DecodeError::Reserved { offset: 13 });
    refuse(&ack(b"\xA2\xC3("), DecodeError::NotUtf8 { offset: 14 });
    refuse(&ack(b"\xA3\xED\xA0\x80"), DecodeError::NotUtf8 { offset: 14 }); // a lone surrogate
    refuse(&ack(b"\xD4\x05\x00"), extension(5, 1, 15));
    refuse(&ack(b"\xD8\xFF0123456789abcdef"), extension(-1, 16, 15));
    refuse(&ack(b"\xC7\x00\xFF"), extension(-1, 0, 16));
    refuse(&ack(b"\xC8\x00\x01\x80!"), extension(-128, 1, 17));
    refuse(&[&ack(b"\xC0")[..], b"\x00"].concat(), DecodeError::TrailingBytes { offset: 20 });
    // Every shorter message is refused, at whatever byte it ends.
    let whole = hex(
        "85a47479706502a46461746196a3736179cd0102cb3ff8000000000000c4020102d7000000018bcfe5687bd9026869a76f7074696f6e7381a8636f6d7072657373c3a26964cd012ca36e7370a12f",
    );
    decode(&whole, &LIMITS).unwrap();
    for end in 0..whole.len() {
        let result = decode(&whole[..end], &LIMITS);
        assert!(matches!(result, Err(DecodeError::Truncated { .. })), "at {end}: {result:?}");
    }
}

/// Lengths that promise 4 GB are worth the bytes that come, no matter where they stand.
#[test]
fn promised_lengths_cost_nothing() {
    for header in ["dd", "df", "db", "c6"] {
        let value = hex(&format!("{header}ffffffff"));
        for bytes in [
            value.clone(),
            ack(&value),
            [b"\x81\xA4data", &value[..]].concat(),
            [b"\x81\xA1x", &value[..]].concat(),
        ] {
            assert!(decode(&bytes, &LIMITS).is_err(), "{bytes:02x?}");
        }
    }
    refuse(&hex("df ffff ffff".replace(' ', "").as_str()), DecodeError::Truncated { offset: 5 });
    refuse(&ack(&hex("c9ffffffff05")), DecodeError::Truncated { offset: 19 });
    // A thousand of them, one in the other, in a part that is stepped over.
    let bytes = [b"\x81\xA1x".to_vec(), hex(&"dfffffffff".repeat(1_000))].concat();
    refuse(&bytes, DecodeError::Truncated { offset: bytes.len() });
}

#[test]
fn limits() {
    let packet = |error: packet::DecodeError| DecodeError::Packet(error);
    let nested = |depth| ack(&[vec![0x91; depth], vec![0xC0]].concat());
    assert!(decode(&nested(126), &LIMITS).is_ok(), "with the list of arguments 127");
    refuse(&nested(127), packet(packet::DecodeError::TooDeep { limit: 127 }));
    refuse(&nested(1_000_000), packet(packet::DecodeError::TooDeep { limit: 127 }));
    let maps = ack(&[&b"\x81\xA1a"[..]; 1_000].concat());
    refuse(&maps, packet(packet::DecodeError::TooDeep { limit: 127 }));
    let deeper = Limits { max_depth: 1_000_000, ..LIMITS };
    assert!(decode(&nested(127), &deeper).is_err(), "127 is the highest that has an effect");
    let flat = Limits { max_depth: 1, ..LIMITS };
    assert!(decode(&ack(b"\xC0"), &flat).is_ok());
    assert!(decode(&ack(b"\x90"), &flat).is_err());

    let args = |count: u8| {
        [b"\x83\xA4type\x03\xA3nsp\xA1/\xA4data\xDC\x00", &[count][..], &vec![0; count.into()]]
            .concat()
    };
    assert!(decode(&args(100), &LIMITS).is_ok());
    refuse(&args(101), packet(packet::DecodeError::TooManyArgs { limit: 100 }));

    let attachments = |count: usize, bytes: u8| {
        let header = ack(&[
            &[0xDC, 0, count as u8][..],
            &[&[0xC4, bytes][..], &vec![0; bytes.into()]].concat().repeat(count),
        ]
        .concat());
        decode(&header, &LIMITS).map(|packet| parts(&packet).1.len())
    };
    assert_eq!(attachments(10, 100), Ok(10));
    assert_eq!(
        attachments(11, 1),
        Err(packet(packet::DecodeError::TooManyAttachments { limit: 10 }))
    );
    assert_eq!(
        attachments(10, 101),
        Err(packet(packet::DecodeError::AttachmentsTooLarge { limit: 1_000 }))
    );
}

/// What the documentation of [`decode`] promises, for the values that grow most.
#[test]
fn the_text_is_bounded_by_the_message() {
    let limits = Limits { max_attachments: 1_000, ..LIMITS };
    for value in [
        "00",
        "c0",
        "c2",
        "d0ff",
        "e0",
        "ca00000001",
        "cbffefffffffffffff",
        "a101",
        "817f00",
        "80",
        "d6ff00000000",
        "c400",
        "d40000",
        "81a17fc2",
    ] {
        let item = hex(value);
        let bytes = ack(&[&[0xDC, 1, 0][..], &item.repeat(256)].concat());
        let (text, attachments) = parts(&decode(&bytes, &limits).unwrap());
        let most = 6 * bytes.len() + 40 * attachments.len();
        let text = text.unwrap();
        assert!(text.len() <= most, "{value}: {} bytes of text for {}", text.len(), bytes.len());
        assert!(text.capacity() <= 2 * most, "{value}");
    }
}

#[test]
fn text_that_is_not_json_becomes_nil() {
    for text in [
        "x",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[1}",
        r#"{"a"#,
        r#"{"a""#,
        r#"{"a":"#,
        r#"{"a":1,}"#,
        "{1:2}",
        "[]]",
        "[1] 2",
        "01",
        "nul",
        "\"\n\"",
        " ",
    ] {
        let packet = Packet {
            kind: Kind::Event,
            attachments: 0,
            namespace: "/",
            id: None,
            data: Some(text),
        };
        assert_eq!(encode(&packet, &[]), b"\x83\xA4type\x02\xA4data\xC0\xA3nsp\xA1/", "{text}");
    }
    let packet =
        |data| Packet { kind: Kind::Connect, attachments: 0, namespace: "/", id: None, data };
    assert_eq!(encode(&packet(Some("")), &[]), encode(&packet(None), &[]), "no text is no data");
    let spaced = packet(Some(" { \"a\" : [ 1 , { } , [ ] ] } "));
    assert_eq!(
        encode(&spaced, &[]),
        b"\x83\xA4type\x00\xA4data\x81\xA1a\x93\x01\x80\x90\xA3nsp\xA1/"
    );
    let escaped = packet(Some(r#"{"\u00e9\n":"\ud83d\ude00\ud800"}"#));
    // U+1F600, and a U+FFFD for each byte of what half a surrogate pair would be.
    let value = "\u{1F600}\u{FFFD}\u{FFFD}\u{FFFD}";
    assert!(encode(&escaped, &[]).windows(value.len()).any(|part| part == value.as_bytes()));
}

#[test]
fn long_lists_and_deep_ones_are_written() {
    for len in [15_usize, 16, 0xFFFF, 0x10000] {
        let items = (0..len).map(|number| number.to_string()).collect::<Vec<_>>();
        let entries = items.iter().map(|item| format!("\"{item}\":{item}")).collect::<Vec<_>>();
        let data = format!("[[{}],{{{}}}]", items.join(","), entries.join(","));
        let packet =
            Packet { kind: Kind::Ack, attachments: 0, namespace: "/", id: None, data: Some(&data) };
        let decoded = decode(&encode(&packet, &[]), &LIMITS).unwrap();
        assert_eq!(parts(&decoded).0.unwrap(), data);
    }
    let data = "[".repeat(100_000) + &"]".repeat(100_000);
    let packet =
        Packet { kind: Kind::Ack, attachments: 0, namespace: "/", id: None, data: Some(&data) };
    assert_eq!(encode(&packet, &[]).iter().filter(|byte| **byte == 0x91).count(), 99_999);
}

/// Values as our own serializer writes them.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-40_000..70_000_i64).prop_map(Value::from),
        any::<f64>().prop_map(|number| Value::from(if number.fract() == 0.0 {
            0.5
        } else {
            number
        })),
        any::<String>().prop_map(Value::from),
        Just(Value::from("_placeholder")),
        vec(any::<u8>(), 0..40).prop_map(|bytes| Value::from(Bytes::from(bytes))),
    ];
    leaf.prop_recursive(4, 40, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Value::Array),
            proptest::collection::btree_map(any::<String>(), inner, 0..20).prop_map(Value::Object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(name in "[a-z]{1,40}", args in vec(values(), 0..8), id: Option<u64>) {
        let limits = Limits { max_attachments: 1_000, max_attachments_bytes: 100_000, ..LIMITS };
        let event = Payload::serialize_all(&args).unwrap().to_event(&format!("my {name}")).unwrap();
        let packet = Packet { kind: Kind::Event, attachments: 0, namespace: "/é", id, data: Some(event.text()) };
        let bytes = encode(&packet, event.attachments());
        let decoded = decode(&bytes, &limits).unwrap();
        prop_assert_eq!((&*decoded.namespace, decoded.id), ("/é", id));
        let Data::Event { name: read, payload } = &decoded.data else { panic!("{decoded:?}") };
        prop_assert_eq!(read, &format!("my {name}"));
        prop_assert_eq!(payload.attachments(), event.attachments());
        prop_assert_eq!(payload.deserialize_all::<Value>().unwrap(), event.deserialize_all::<Value>().unwrap());
        prop_assert_eq!(encode_decoded(&decoded), bytes);
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_with_little_memory(bytes in vec(any::<u8>(), 0..200)) {
        for bytes in [bytes.clone(), ack(&bytes), [b"\x83\xA4type\x02\xA3nsp\xA1/\xA4data", &bytes[..]].concat()] {
            if let Ok(packet) = decode(&bytes, &LIMITS) {
                let (text, attachments) = parts(&packet);
                let text = text.unwrap_or_default();
                prop_assert!(text.len() <= 6 * bytes.len() + 40 * attachments.len());
                // What was read is written such that it is read again.
                prop_assert_eq!(decode(&encode_decoded(&packet), &LIMITS), Ok(packet));
            }
        }
    }

    #[test]
    fn any_text_is_written_without_panic(text: String, brackets in r#"[\[\]{}:,"\\u1e.\-a ]{0,24}"#) {
        for data in [text, brackets] {
            let packet = Packet { kind: Kind::Event, attachments: 0, namespace: "/", id: None, data: Some(&data) };
            let bytes = encode(&packet, &["!".into()]);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.skip().and_then(|()| reader.end()), Ok(()), "{:?}", data);
        }
    }
}
