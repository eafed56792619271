//! Tables and properties of attachments: both ways through serde, and reassembly with hostile peers.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{json, value::RawValue};

use super::*;
use crate::wire::{
    packet::{self, Limits},
    payload::{EncodeError, Payload},
    reassembly::{Progress, Reassembly},
};

const LIMITS: Limits =
    Limits { max_attachments: 10, max_attachments_bytes: 10, max_args: 1_000, max_depth: 127 };

fn attachments(contents: &[&'static [u8]]) -> Vec<Bytes> {
    contents.iter().copied().map(Bytes::from_static).collect()
}

fn payload(data: &str, contents: &[&'static [u8]]) -> Result<Payload<'static>, DecodeError> {
    Payload::ack(data, &LIMITS)?.into_owned().with_attachments(attachments(contents))
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct File {
    name: String,
    #[serde(with = "serde_bytes")]
    content: Vec<u8>,
    preview: Option<Bytes>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Part {
    Raw(Bytes),
    Pair(u8, ByteBuf),
    Named { bytes: Bytes },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
enum TextOrBytes {
    Text(String),
    Bytes(ByteBuf),
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type")]
enum Tagged {
    File { content: ByteBuf },
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Wrapper(Bytes);

#[track_caller] // a failure points at the row, not at this function
fn both_ways<T>(value: &T, text: &str, contents: &[&'static [u8]])
where
    T: for<'de> Deserialize<'de> + Serialize + PartialEq + std::fmt::Debug,
{
    let written = Payload::serialize(value).unwrap();
    assert_eq!((written.text(), written.attachments()), (text, &attachments(contents)[..]));
    let read = payload(text, contents).unwrap();
    assert_eq!(&read.deserialize::<T>().unwrap(), value);
}

#[test]
fn bytes_go_both_ways_at_any_place() {
    let ab = Bytes::from_static(b"ab");
    const HOLDER: &str = r#"{"_placeholder":true,"num":0}"#;
    both_ways(&ab, &format!("[{HOLDER}]"), &[b"ab"]);
    both_ways(&(Bytes::new(),), &format!("[{HOLDER}]"), &[b""]);
    both_ways(&Some(ab.clone()), &format!("[{HOLDER}]"), &[b"ab"]);
    both_ways(&Wrapper(ab.clone()), &format!("[{HOLDER}]"), &[b"ab"]);
    both_ways(
        &(1, vec![ByteBuf::from("x"), ByteBuf::from("yz")], ab.clone()),
        r#"[1,[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}],{"_placeholder":true,"num":2}]"#,
        &[b"x", b"yz", b"ab"],
    );
    both_ways(
        &File { name: "n".to_owned(), content: vec![1, 2], preview: Some(ab.clone()) },
        r#"[{"name":"n","content":{"_placeholder":true,"num":0},"preview":{"_placeholder":true,"num":1}}]"#,
        &[b"\x01\x02", b"ab"],
    );
    both_ways(
        &(
            Part::Raw(ab.clone()),
            Part::Pair(1, ByteBuf::from("c")),
            Part::Named { bytes: ab.clone() },
        ),
        r#"[{"Raw":{"_placeholder":true,"num":0}},{"Pair":[1,{"_placeholder":true,"num":1}]},{"Named":{"bytes":{"_placeholder":true,"num":2}}}]"#,
        &[b"ab", b"c", b"ab"],
    );
    // serde reads these into a buffer of its own first.
    both_ways(
        &(TextOrBytes::Bytes(ByteBuf::from([0xFF])), TextOrBytes::Text("t".to_owned())),
        &format!("[{HOLDER},\"t\"]"),
        &[b"\xFF"],
    );
    both_ways(
        &Tagged::File { content: ByteBuf::from("ab") },
        &format!(r#"[{{"type":"File","content":{HOLDER}}}]"#),
        &[b"ab"],
    );
    both_ways(
        &BTreeMap::from([(1, ab.clone()), (2, Bytes::new())]),
        r#"[{"1":{"_placeholder":true,"num":0},"2":{"_placeholder":true,"num":1}}]"#,
        &[b"ab", b""],
    );
    both_ways(
        &[("a", Value::from(ab)), ("b", Value::from(1))].into_iter().collect::<Value>(),
        &format!(r#"[{{"a":{HOLDER},"b":1}}]"#),
        &[b"ab"],
    );
}

#[test]
fn attachments_come_in_any_order_and_can_be_borrowed() {
    let text = r#"[{"_placeholder":true,"num":1},{ "num": 2 , "_placeholder" : true },{"_placeholder":true,"num":0}]"#;
    let payload = payload(text, &[b"a", b"b", b"c"]).unwrap();
    let read: (&[u8], &[u8], &[u8]) = payload.deserialize().unwrap();
    assert_eq!(read, (&b"b"[..], &b"c"[..], &b"a"[..]));
    assert_eq!(read.0.as_ptr(), payload.attachments()[1].as_ptr());
}

/// Two requests could otherwise fill the memory: one attachment, and a text that asks for thirty thousand copies.
#[test]
fn an_attachment_is_not_asked_for_twice() {
    let holders = |numbers: &[usize]| {
        let holder = |number| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
        format!("[[{}]]", numbers.iter().map(holder).collect::<Vec<_>>().join(","))
    };
    let read = |numbers: &[usize]| payload(&holders(numbers), &[b"a", b"b"]).map(|_| ());
    assert_eq!(read(&[1, 0]), Ok(()));
    assert_eq!(read(&[1]), Ok(()), "one that nobody asks for is harmless");
    assert_eq!(read(&[0, 0]), Err(DecodeError::IllegalPlaceholder { last: 1 }));
    assert_eq!(read(&[0, 1, 0]), Err(DecodeError::IllegalPlaceholder { last: 1 }));
}

#[test]
fn bytes_that_are_not_wanted_are_an_error_of_types() {
    let payload = payload(r#"[{"_placeholder":true,"num":0}]"#, &[b"a"]).unwrap();
    let error = payload.deserialize::<serde_json::Value>().unwrap_err().to_string();
    assert!(
        error.starts_with("argument 1: invalid type: byte array, expected any valid JSON"),
        "{error}"
    );
    assert!(payload.deserialize::<String>().is_err());
    let raw: &RawValue = payload.deserialize().unwrap();
    assert_eq!(raw.get(), r#"{"_placeholder":true,"num":0}"#);
}

/// Bytes as JSON alone has them.
#[test]
fn bytes_are_also_read_from_numbers_and_text() {
    for contents in [&[][..], &[&b"unused"[..]]] {
        let payload = payload(r#"[[1,2],"é"]"#, contents).unwrap();
        let read: (Bytes, Bytes) = payload.deserialize().unwrap();
        assert_eq!(read, (Bytes::from_static(b"\x01\x02"), Bytes::from("é")));
    }
}

#[track_caller]
fn ordinary(text: &str) {
    let data = format!("[{text}]");
    let value: Value = payload(&data, &[b"a"]).unwrap().deserialize().unwrap();
    let expect: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(value, Value::from(expect), "reading {text}");
}

#[track_caller]
fn illegal(text: &str) {
    let expect = DecodeError::IllegalPlaceholder { last: 0 };
    for data in [format!("[{text}]"), format!("[1,[{{\"deep\":{text}}}]]")] {
        assert_eq!(payload(&data, &[b"a"]).unwrap_err(), expect, "reading {data}");
    }
}

#[test]
fn objects_that_are_no_placeholders() {
    ordinary("{}");
    ordinary(r#"{"a":1}"#);
    ordinary(r#"{"num":0}"#);
    ordinary(r#"{"num":0,"name":"x"}"#);
    ordinary(r#"{"num":[1,{"num":{}}],"name":"x"}"#);
    ordinary(r#"{"num":{"_placeholder":false}}"#);
    ordinary(r#"{"_placeholder":false,"num":0}"#);
    ordinary(r#"{"_placeholder":"true","num":0}"#);
    ordinary(r#"{"_placeholder":1,"num":0}"#);
    ordinary(r#"{"_placeholder":null,"num":"splice"}"#);
    ordinary(r#"{"_placeholder":{"_placeholder":false}}"#);
    ordinary(r#"["_placeholder",true,"num",0]"#);
    ordinary(r#"{"a":"_placeholder","num":true}"#);
    ordinary(r#"{"a":1,"_placeholder":"true"}"#);

    // Without attachments there are no placeholders at all, as in the reference.
    let text = r#"[{"_placeholder":true,"num":7}]"#;
    let value: serde_json::Value = payload(text, &[]).unwrap().deserialize().unwrap();
    assert_eq!(value, json!({"_placeholder": true, "num": 7}));
}

#[test]
fn illegal_placeholders() {
    for number in [
        "1",
        "5",
        "-1",
        "-0",
        "1.5",
        "0.5",
        "99999999999999999999",
        "\"splice\"",
        "\"0\"",
        "null",
        "true",
    ] {
        illegal(&format!(r#"{{"_placeholder":true,"num":{number}}}"#));
        illegal(&format!(r#"{{"num":{number},"_placeholder":true}}"#));
    }
    illegal(r#"{"_placeholder":true}"#);
    illegal(r#"{"_placeholder":true,"num":[0]}"#);
    illegal(r#"{"_placeholder":true,"num":{}}"#);
    illegal(r#"{"_placeholder":true,"nun":0}"#);
    // The reference takes what follows.
    illegal(r#"{"_placeholder":true,"num":0.0}"#);
    illegal(r#"{"_placeholder":true,"num":0,"more":1}"#);
    illegal(r#"{"_placeholder":true,"num":0,"num":0}"#);
    illegal(r#"{"_placeholder":true,"_placeholder":true,"num":0}"#);

    // The mark anywhere else, in any spelling: the reference finds it.
    illegal(r#"{"a":1,"_placeholder":true,"num":0}"#);
    illegal(r#"{"\u005fplaceholder":true,"num":0}"#);
    illegal(r#"{"num":0,"_placehol\u0064er" : true}"#);
    illegal(r#"{"num":[0],"_placeholder":true}"#);
    illegal(r#"{"a":{"b":1,"_placeholder":true}}"#);
    illegal(r#"["\ud800",{"a":1,"_placeholder":true}]"#);

    let deep = r#"{"num":"#.repeat(10_000) + "0" + &"}".repeat(10_000);
    let error = payload(&format!("[{deep}]"), &[b"a"]).unwrap_err();
    assert_eq!(error, DecodeError::TooDeep { limit: 127 });
}

/// What only Rust can't hold must not close the connection.
#[test]
fn half_surrogate_pairs_pass_beside_attachments() {
    let text = r#"["\ud800",{"\ud800":1},{"_placeholder":true,"num":0}]"#;
    let payload = payload(text, &[b"a"]).unwrap();
    assert_eq!(payload.len(), 3);
    assert!(payload.deserialize::<Value>().is_err());
}

/// A client that gets it closes its connection; so one client's words, passed on, could cut off all the others.
#[test]
fn what_looks_like_a_placeholder_is_not_sent_beside_bytes() {
    let forged = |value: bool| {
        [("a", Value::from(1)), ("_placeholder", Value::from(value))].into_iter().collect::<Value>()
    };
    let is_false = |written: Result<Payload<'static>, EncodeError>| {
        matches!(written, Err(EncodeError::FalsePlaceholder))
    };
    let ab = Bytes::from_static(b"ab");
    assert!(is_false(Payload::serialize(&(&ab, forged(true)))));
    assert!(is_false(Payload::serialize_event("a", &(forged(true), &ab))));
    let right = json!({"_placeholder": true, "num": 0});
    assert!(is_false(Payload::serialize(&(&ab, right))), "it would stand for the same bytes");
    Payload::serialize(&(&ab, forged(false))).unwrap();
    Payload::serialize(&(forged(true),)).unwrap(); // without bytes there are no placeholders
    // npm's other parser needs none, so its users may send one.
    let text = r#"[{"_placeholder":true,"num":0},{"\u005fplaceholder":true}]"#;
    let msgpack = Payload::ack(text, &LIMITS).unwrap().with_own_attachments(vec![ab]);
    assert!(is_false(msgpack.to_event("a")));
}

fn reassemble(text: &str, contents: &[&'static [u8]]) -> Result<Progress, DecodeError> {
    let mut progress =
        Reassembly::new(&packet::decode(text, &LIMITS)?, &LIMITS).map(Progress::Incomplete)?;
    for attachment in attachments(contents) {
        let Progress::Incomplete(reassembly) = progress else { panic!("complete too early") };
        progress = reassembly.push(attachment)?;
    }
    Ok(progress)
}

#[track_caller]
fn refuse(text: &str, contents: &[&'static [u8]], expect: DecodeError) {
    assert_eq!(reassemble(text, contents).unwrap_err(), expect, "reassembling {text}");
}

#[test]
fn packets_are_complete_with_their_last_attachment() {
    let text = r#"52-/chat,7["file",{"_placeholder":true,"num":1}]"#;
    let Progress::Incomplete(reassembly) = reassemble(text, &[b"a"]).unwrap() else { panic!() };
    assert_eq!(reassembly.missing(), 1);
    let Progress::Complete(packet) = reassembly.push(Bytes::from_static(b"b")).unwrap() else {
        panic!()
    };
    assert_eq!(
        (&*packet.namespace, packet.id, packet.name.as_deref()),
        ("/chat", Some(7), Some("file"))
    );
    assert_eq!(packet.payload.deserialize::<Bytes>().unwrap(), "b");

    let text = r#"61-0[{"_placeholder":true,"num":0}]"#;
    let Progress::Complete(packet) = reassemble(text, &[b""]).unwrap() else { panic!() };
    assert_eq!((&*packet.namespace, packet.id, packet.name), ("/", Some(0), None));
    assert_eq!(packet.payload.attachments(), [Bytes::new()]);
}

#[test]
fn hostile_reassemblies() {
    refuse(r#"2["a"]"#, &[], DecodeError::IllegalAttachments);
    refuse("51-[]", &[], DecodeError::NoEventName);
    refuse(r#"51-["connect"]"#, &[], DecodeError::ReservedEventName { name: "connect".to_owned() });
    refuse(r#"51-["a""#, &[], DecodeError::Syntax { offset: 4 });
    refuse(r#"52-["a"]"#, &[b"12345678901"], DecodeError::AttachmentsTooLarge { limit: 10 });
    refuse(r#"52-["a"]"#, &[b"1234567890", b"1"], DecodeError::AttachmentsTooLarge { limit: 10 });
    let text = r#"51-["a",{"_placeholder":true,"num":1}]"#;
    refuse(text, &[b"1234567890"], DecodeError::IllegalPlaceholder { last: 0 });
}

/// Any value with bytes in it.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        any::<Vec<u8>>().prop_map(|bytes| Value::from(Bytes::from(bytes))),
    ];
    leaf.prop_recursive(5, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(
                (prop_oneof![any::<String>(), Just("num".to_owned())], inner),
                0..5
            )
            .prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn values_of_any_depth_go_both_ways(value in any_value()) {
        let written = Payload::serialize(&value).unwrap();
        let read = Payload::ack(written.text(), &Limits::default()).unwrap();
        let read = read.with_attachments(written.attachments().to_vec()).unwrap();
        prop_assert_eq!(&read.deserialize::<Value>().unwrap(), &value);
        let event = read.to_event("again").unwrap();
        prop_assert_eq!(event.deserialize_all::<Value>().unwrap(), [value]);
    }

    #[test]
    fn placeholders_never_panic(
        text in r#"(\{|\}|\[|\]|:|,|"_placeholder"|"num"|true|0|1| ){0,12}"#,
        object in r#"\{("_placeholder":true|"num":[01]|"a":\{\}|,){0,5}\}"#,
    ) {
        for text in [format!("[{text}]"), format!("[{object}]")] {
            if let Ok(payload) = payload(&text, &[b"a"]) {
                let _ = payload.deserialize::<Value>();
                let _ = payload.deserialize::<(File, Bytes, BTreeMap<u8, Bytes>)>();
            }
        }
    }
}
