//! Tables and properties of payloads without attachments; those with some are in `attachment::tests`.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::wire::attachment::Value;

const LIMITS: Limits =
    Limits { max_attachments: 10, max_attachments_bytes: 10_000_000, max_args: 5, max_depth: 6 };

#[track_caller] // a failure points at the row, not at this function
fn event(data: &str, name: &str, args_text: &str, len: usize) {
    let (found, payload) = Payload::event(data, &LIMITS).unwrap();
    let found = (&*found, payload.args_text(), payload.len(), payload.text());
    assert_eq!(found, (name, args_text, len, data));
}

#[track_caller]
fn refuse(data: &str, expect: DecodeError) {
    assert_eq!(Payload::event(data, &LIMITS), Err(expect), "reading {data}");
}

#[track_caller]
fn ack(data: &str, args_text: &str, len: usize) {
    let payload = Payload::ack(data, &LIMITS).unwrap();
    assert_eq!((payload.args_text(), payload.len(), payload.text()), (args_text, len, data));
}

#[test]
fn events_are_arrays_that_begin_with_a_name() {
    event(r#"["a"]"#, "a", "", 0);
    event(r#"[""]"#, "", "", 0);
    event(r#"["a",1,"b",{"c":[]}]"#, "a", r#"1,"b",{"c":[]}"#, 3);
    event(" [ \"a\" , 1 , 2 ] ", "a", "1 , 2", 2);
    event(r#"["a" ]"#, "a", "", 0);
    // A number stands for its text.
    event("[1]", "1", "", 0);
    event("[-1.50,true]", "-1.50", "true", 1);
    event(r#"["\u0063onnec\u0054",null]"#, "connecT", "null", 1);
    event(
        r#"["é\n\u{1F600}"]"#.replace("\\u{1F600}", "\\ud83d\\ude00").as_str(),
        "é\n\u{1F600}",
        "",
        0,
    );
    // Not reserved: "error" is an event like any other.
    event(r#"["error"]"#, "error", "", 0);
    event(r#"["Connect"]"#, "Connect", "", 0);
    // JSON's grammar allows half a surrogate pair and numbers of any size; only who asks for their types fails.
    event(r#"["a","\ud800",1e400]"#, "a", r#""\ud800",1e400"#, 2);
    let (name, _) = Payload::event(r#"["a\ud800z"]"#, &LIMITS).unwrap();
    assert!(name.starts_with("a\u{FFFD}") && name.ends_with('z'), "{name:?}");
    event(r#"["a",{"__proto__":1,"__proto__":2}]"#, "a", r#"{"__proto__":1,"__proto__":2}"#, 1);

    for nameless in ["[]", "[ ]", "[{}]", r#"[["a"]]"#, "[null]", "[true]", "[", "[x]"] {
        refuse(nameless, DecodeError::NoEventName);
    }
    for reserved in RESERVED_EVENT_NAMES {
        let error = DecodeError::ReservedEventName { name: reserved.to_owned() };
        refuse(&format!("[{reserved:?}]"), error.clone());
        // Escapes are no way around it.
        let first = u32::from(reserved.as_bytes()[0]);
        refuse(&format!("[\"\\u{first:04x}{}\",1]", &reserved[1..]), error);
    }
    refuse("", DecodeError::Syntax { offset: 0 });
    refuse("{}", DecodeError::Syntax { offset: 0 });
    refuse(r#"["a""#, DecodeError::Syntax { offset: 4 });
    refuse(r#"["a",]"#, DecodeError::Syntax { offset: 5 });
    refuse(r#"["a" 1]"#, DecodeError::Syntax { offset: 5 });
    refuse(r#"["a",1}"#, DecodeError::Syntax { offset: 6 });
    refuse(r#"["a"]]"#, DecodeError::Syntax { offset: 5 });
    refuse(r#"["a",1]x"#, DecodeError::Syntax { offset: 7 });
}

#[test]
fn acks_are_arrays() {
    ack("[]", "", 0);
    ack(" [ ] ", "", 0);
    ack("[1]", "1", 1);
    ack(r#"["connect", {}]"#, r#""connect", {}"#, 2);
    for data in ["", "{}", "[", "[,]", "[1,]", "[1]2"] {
        assert!(Payload::ack(data, &LIMITS).is_err(), "reading {data}");
    }
}

#[test]
fn arguments_and_depth_are_bounded() {
    event(r#"["a",1,2,3,4,5]"#, "a", "1,2,3,4,5", 5);
    refuse(r#"["a",1,2,3,4,5,6]"#, DecodeError::TooManyArgs { limit: 5 });
    ack("[1,2,3,4,5]", "1,2,3,4,5", 5);
    ack("[[[[[[]]]]]]", "[[[[[]]]]]", 1); // the list of arguments counts
    refuse(r#"["a",[[[[[[]]]]]]]"#, DecodeError::TooDeep { limit: 6 });

    let many = format!("[\"a\"{}]", ",1".repeat(450_000));
    let deep = format!("[\"a\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let limits = Limits::default();
    let error = Payload::event(&many, &limits).unwrap_err();
    assert_eq!(error, DecodeError::TooManyArgs { limit: 1_000 });
    let error = Payload::event(&deep, &limits).unwrap_err();
    assert_eq!(error, DecodeError::TooDeep { limit: 127 });
}

/// What is deep enough to pass can also be read.
#[test]
fn the_deepest_payload_is_read() {
    let data = "[".repeat(127) + &"]".repeat(127);
    let payload = Payload::ack(&data, &Limits::default()).unwrap();
    let mut value: &Value = &payload.deserialize().unwrap();
    while let Some([inner]) = value.as_array() {
        value = inner;
    }
    assert_eq!(value, &Value::Array(Vec::new()));
}

#[track_caller]
fn read<T: DeserializeOwned + PartialEq + std::fmt::Debug>(data: &str, expect: T) {
    let payload = Payload::ack(data, &LIMITS).unwrap();
    assert_eq!(payload.deserialize::<T>().unwrap(), expect, "reading {data}");
    // The name of an event changes nothing.
    let data =
        format!("[\"name\"{}{}]", if payload.is_empty() { "" } else { "," }, payload.args_text());
    let (_, payload) = Payload::event(&data, &LIMITS).unwrap();
    assert_eq!(payload.deserialize::<T>().unwrap(), expect, "reading {data}");
    assert_eq!(payload.clone().into_owned(), payload);
}

#[track_caller]
fn fail<T: DeserializeOwned + std::fmt::Debug>(data: &str, text: &str) {
    let payload = Payload::ack(data, &LIMITS).unwrap();
    let error = payload.deserialize::<T>().unwrap_err().to_string();
    assert!(error.starts_with(text), "reading {data}: {error}");
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Chat {
    text: String,
    to: Option<u8>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Point(i32, i32);

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Shout {
    Quiet,
    Loud(u8),
    Both { a: u8 },
}

#[test]
fn tuples_are_arguments_and_other_types_one_argument() {
    read("[]", ());
    read("[1,2]", ());
    read("[1]", (1,));
    read(r#"[1,"a"]"#, (1, "a".to_owned()));
    read("[1,2]", [1, 2]);
    read("[[1,2],3]", ((1, 2), 3));
    read("[1]", 1);
    read("[[1,2]]", vec![1, 2]);
    read("[[1,2]]", Point(1, 2));
    read(r#"[{"text":"hi"}]"#, Chat { text: "hi".to_owned(), to: None });
    read(r#"[{"text":"hi","to":1}]"#, (Chat { text: "hi".to_owned(), to: Some(1) },));
    read(r#"[{"1":true}]"#, HashMap::from([(1_u8, true)]));
    read(
        r#"["Quiet",{"Loud":3},{"Both":{"a":1}}]"#,
        (Shout::Quiet, Shout::Loud(3), Shout::Both { a: 1 }),
    );
    read(r#"[{"a":[1]}]"#, json!({"a": [1]}));
    // As in JavaScript: what is missing is null, what is too much is ignored, unread.
    read("[]", None::<u8>);
    read("[1]", (1, None::<u8>, Value::Null));
    read(r#"[1,"\ud800",1e400]"#, 1);

    fail::<(u8,)>("[]", "argument 1 is missing, there are only 0");
    fail::<(u8, u8)>("[1]", "argument 2 is missing, there are only 1");
    fail::<(u8, u8)>(r#"[1,"a"]"#, r#"argument 2: invalid type: string "a", expected u8"#);
    fail::<u8>("[256]", "argument 1: invalid value: integer `256`, expected u8");
    fail::<String>(r#"["\ud800"]"#, "argument 1: unexpected end of hex escape");
    fail::<f64>("[1e400]", "argument 1: number out of range");
    fail::<Chat>("[{}]", "argument 1: missing field `text`");
}

#[test]
fn lists_of_any_length() {
    for (data, expect) in [("[]", vec![]), ("[1]", vec![1]), ("[1,2,3]", vec![1, 2, 3])] {
        let payload = Payload::ack(data, &LIMITS).unwrap();
        assert_eq!(payload.deserialize_all::<u8>().unwrap(), expect);
        assert_eq!(Payload::serialize_all(&expect).unwrap(), payload);
        let event = payload.to_event("a").unwrap();
        assert_eq!(event.deserialize_all::<u8>().unwrap(), expect);
        assert_eq!(Payload::event(event.text(), &LIMITS).unwrap(), ("a".into(), event.clone()));
        assert!(payload.to_event("connect").is_err());
    }
    let payload = Payload::ack(r#"[1,"a"]"#, &LIMITS).unwrap();
    let error = payload.deserialize_all::<u8>().unwrap_err().to_string();
    assert!(error.starts_with("argument 2: invalid type"), "{error}");
}

#[test]
fn text_is_borrowed_where_it_can_be() {
    let payload = Payload::ack(r#"["abc"]"#, &LIMITS).unwrap();
    let text: &str = payload.deserialize().unwrap();
    assert!(payload.text().as_bytes().as_ptr_range().contains(&text.as_ptr()));
}

#[track_caller]
fn write<T: Serialize + ?Sized>(args: &T, text: &str, len: usize) {
    let payload = Payload::serialize(args).unwrap();
    assert_eq!(payload, Payload::ack(text, &LIMITS).unwrap(), "not written as {text}");
    assert_eq!(payload.len(), len);
    let payload = Payload::serialize_event("é\"", args).unwrap();
    let (name, read) = Payload::event(payload.text(), &LIMITS).unwrap();
    assert_eq!((&*name, read.args_text()), ("é\"", &text[1..text.len() - 1]));
    assert_eq!(payload, read);
}

#[test]
fn values_are_written_as_they_are_read() {
    write(&(), "[]", 0);
    write(&[0; 0], "[]", 0);
    write(&(1,), "[1]", 1);
    write(&(1, "a\n"), r#"[1,"a\n"]"#, 2);
    write(&[1, 2], "[1,2]", 2);
    write(&((1, 2), 3), "[[1,2],3]", 2);
    write(&1, "[1]", 1);
    write("a", r#"["a"]"#, 1);
    write(&[1, 2][..], "[[1,2]]", 1);
    write(&vec![1, 2], "[[1,2]]", 1);
    write(&Point(1, 2), "[[1,2]]", 1);
    write(&Chat { text: String::new(), to: None }, r#"[{"text":"","to":null}]"#, 1);
    write(
        &(Shout::Quiet, Shout::Loud(3), Shout::Both { a: 1 }),
        r#"["Quiet",{"Loud":3},{"Both":{"a":1}}]"#,
        3,
    );
    write(&Shout::Quiet, r#"["Quiet"]"#, 1);
    write(&None::<u8>, "[null]", 1);
    write(&Some((1, 2)), "[[1,2]]", 1);
    write(&f64::NAN, "[null]", 1);
    write(&HashMap::from([(1, true)]), r#"[{"1":true}]"#, 1);

    let error = Payload::serialize(&HashMap::from([((1, 2), 3)])).unwrap_err();
    assert_eq!(error.to_string(), "the arguments have no JSON form: key must be a string");
    let error = Payload::serialize_event("disconnect", &()).unwrap_err();
    assert!(matches!(error, EncodeError::ReservedEventName { name } if name == "disconnect"));
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_arguments_are_read_as_serde_json_reads_them(
        name in "[^c-r].*",
        args in prop::collection::vec(any_json(), 0..5),
        pretty: bool,
    ) {
        let mut array = vec![json!(name)];
        array.extend(args.iter().cloned());
        let data = if pretty { serde_json::to_string_pretty(&array) } else { serde_json::to_string(&array) }.unwrap();

        let (found, payload) = Payload::event(&data, &Limits::default()).unwrap();
        prop_assert_eq!(&*found, &name);
        prop_assert_eq!(payload.len(), args.len());
        let again: Vec<serde_json::Value> = serde_json::from_str(&format!("[{}]", payload.args_text())).unwrap();
        prop_assert_eq!(&again, &args);
        let expect = args.first().cloned().unwrap_or_default();
        prop_assert_eq!(payload.deserialize::<Value>().unwrap(), Value::from(expect.clone()));
        prop_assert_eq!(payload.deserialize::<serde_json::Value>().unwrap(), expect);

        let written = Payload::serialize_event(&name, &(&args,)).unwrap();
        prop_assert_eq!(written.deserialize::<Vec<serde_json::Value>>().unwrap(), args);
    }

    #[test]
    fn never_panics(data in r#"[\[\]{}:,"\\a1 é]{0,16}"#) {
        if let Ok((_, payload)) = Payload::event(&data, &LIMITS) {
            let _ = payload.deserialize::<(Value, Option<String>)>();
        }
        let _ = Payload::ack(&data, &LIMITS);
    }
}

#[test]
fn what_a_peer_sent_is_not_repeated_at_length() {
    let data = format!(r#"["name","{}"]"#, "é".repeat(100_000));
    let (_, payload) = Payload::event(&data, &Limits::default()).unwrap();
    let error = payload.deserialize::<u8>().unwrap_err().to_string();
    assert!(
        error.starts_with("argument 1: invalid type: string \"é") && error.len() < 250,
        "{error}"
    );
}
