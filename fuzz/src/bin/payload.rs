//! The arguments of an event or ack: what `serde_json` takes we take, limits aside, and both read the same.
//!
//! Input: the JSON text. It is also what drives the JSON cursor, step by step.
#![no_main]

use std::collections::HashMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye_proto::wire::{
    attachment::Value,
    packet::{DecodeError, Limits},
    payload::Payload,
};

const SMALL: Limits =
    Limits { max_attachments: 2, max_attachments_bytes: 10, max_args: 3, max_depth: 4 };

/// A type as an application has it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only read")]
struct Chat {
    text: String,
    to: Option<u8>,
    #[serde(default)]
    file: Option<Bytes>,
    #[serde(flatten)]
    more: HashMap<String, Value>,
}

/// Another.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only read")]
enum Shout {
    Quiet,
    Loud(u8),
    Both { a: Box<Self>, b: (f64, char) },
}

fuzz_target!(|text: &str| {
    let is_array = serde_json::from_str::<Vec<&RawValue>>(text);
    for limits in [Limits::default(), SMALL] {
        match Payload::ack(text, &limits) {
            Ok(payload) => {
                check(&payload, is_array.as_ref().expect("serde_json refuses it"), &limits);
            }
            Err(DecodeError::Syntax { offset }) => {
                assert!(is_array.is_err(), "refused at {offset}, but serde_json takes it");
                assert!(text.is_char_boundary(offset), "{offset} is in a character");
            }
            Err(DecodeError::TooDeep { limit }) => assert_eq!(limit, limits.max_depth),
            Err(DecodeError::TooManyArgs { limit }) => assert_eq!(limit, limits.max_args),
            Err(error) => panic!("not for an ack: {error}"),
        }
        match Payload::event(text, &limits) {
            Ok((name, payload)) => {
                let items = is_array.as_ref().expect("serde_json refuses it");
                check(&payload, &items[1..], &limits);
                check_name(&name, items[0].get());
            }
            Err(DecodeError::Syntax { .. }) => assert!(is_array.is_err()),
            Err(DecodeError::NoEventName) => {
                let is_name = |text: &str| {
                    text.starts_with(['"', '-']) || text.as_bytes()[0].is_ascii_digit()
                };
                assert!(
                    !is_array
                        .as_ref()
                        .is_ok_and(|it| it.first().is_some_and(|it| is_name(it.get())))
                );
            }
            Err(_) => {}
        }
    }
});

fn check_name(name: &str, written: &str) {
    match serde_json::from_str::<String>(written) {
        Ok(text) => assert_eq!(name, text),
        // Half a surrogate pair, or a number.
        Err(_) => assert!(name.contains('\u{FFFD}') || name == written, "{written} as {name:?}"),
    }
}

fn check(payload: &Payload<'_>, items: &[&RawValue], limits: &Limits) {
    assert!(payload.len() <= limits.max_args);
    assert_eq!(payload.len(), items.len());
    assert_eq!(payload.is_empty(), items.is_empty());
    let args = format!("[{}]", payload.args_text());
    let again: Vec<&RawValue> = serde_json::from_str(&args).expect("the arguments alone");
    assert!(again.iter().map(|it| it.get()).eq(items.iter().map(|it| it.get())));
    assert_eq!(payload.clone().into_owned(), *payload);

    let event = payload.to_event("again").expect("not reserved");
    let (name, read) = Payload::event(event.text(), &Limits::default()).expect("our own event");
    assert_eq!((&*name, &read), ("again", &event));
    assert_eq!(read.args_text(), payload.args_text());

    let theirs: Result<Vec<serde_json::Value>, _> = serde_json::from_str(&args);
    let ours: Result<Vec<Value>, _> = payload.deserialize_all();
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?}");
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        assert_eq!(ours, theirs.into_iter().map(Value::from).collect::<Vec<_>>());
        let written = Payload::serialize_all(&ours).expect("it was JSON before");
        assert_eq!(written.len(), ours.len());
        assert!(written.attachments().is_empty());
        assert_eq!(written.deserialize_all::<Value>().expect("our own text"), ours);
    }

    // Types of applications: an error at most.
    payload.deserialize::<()>().expect("asks for nothing");
    drop(payload.deserialize::<(String, Option<u8>)>());
    drop(payload.deserialize::<(Chat, Shout)>());
    drop(payload.deserialize::<Vec<Shout>>());
    drop(payload.deserialize::<(&str, &RawValue, Bytes)>());
    drop(payload.deserialize::<(i128, f32, HashMap<u8, [bool; 2]>)>());
}
