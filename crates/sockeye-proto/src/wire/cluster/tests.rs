//! Messages byte for byte as npm's cluster adapters write them, hostile ones, and round trips.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::wire::{
    msgpack,
    packet::{self, Kind, Limits},
    payload::Payload,
};

const LIMITS: Limits =
    Limits { max_attachments: 10, max_attachments_bytes: 1_000, max_args: 100, max_depth: 127 };

const UID: &str = "4380c636613b290c";

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

/// What a message says, in one line.
fn told(message: &Message) -> String {
    let Message { namespace, target: Target { rooms, except }, action } = message;
    let action = match action {
        Action::Emit { packet, volatile } => {
            let attachments: String =
                packet.attachments().iter().map(|bytes| format!(" {bytes:?}")).collect();
            let volatile = if *volatile { " volatile" } else { "" };
            format!("emit {}{attachments}{volatile}", packet.text())
        }
        Action::Join { rooms } => format!("join {rooms:?}"),
        Action::Leave { rooms } => format!("leave {rooms:?}"),
        Action::Disconnect { close: false } => "disconnect".to_owned(),
        Action::Disconnect { close: true } => "close".to_owned(),
    };
    format!("{namespace} to {rooms:?} except {except:?}: {action}")
}

#[track_caller]
fn check(bytes: &[u8], expect: &str) {
    let shown = String::from_utf8_lossy(bytes);
    let (_, message) =
        Message::decode(bytes, &LIMITS).unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(told(&message), expect, "decoding {shown}");
}

/// [`check`], and that we write the same bytes.
#[track_caller]
fn both(bytes: &[u8], expect: &str) {
    check(bytes, expect);
    let (uid, message) = Message::decode(bytes, &LIMITS).unwrap();
    assert_eq!(uid, UID);
    let written = message.encode(UID);
    let shown = (String::from_utf8_lossy(&written), String::from_utf8_lossy(bytes));
    assert_eq!(written, bytes, "{} is not {}", shown.0, shown.1);
}

#[track_caller]
fn refuse(bytes: &[u8], expect: &DecodeError) {
    let error = Message::decode(bytes, &LIMITS).map(|(_, message)| told(&message)).unwrap_err();
    assert_eq!(&error, expect, "decoding {}", String::from_utf8_lossy(bytes));
}

/// What is refused for a reason that serde words.
#[track_caller]
fn refuse_for(text: &str, words: &str) {
    match Message::decode(text.as_bytes(), &LIMITS).map(|(_, message)| told(&message)) {
        Err(DecodeError::NotAMessage { because }) if because.contains(words) => {}
        other => panic!("{text}: {other:?}, expected {words:?}"),
    }
}

/// Made by socket.io-adapter 2.5.8, `JSON.stringify` and notepack.io 3.0.1, from what socket.io 4.8 does to groups.
#[test]
fn messages_of_npm_are_read_and_written_alike() {
    both(
        br#"{"type":3,"data":{"packet":{"type":2,"data":["hello",1]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to [] except []: emit 42["hello",1]"#,
    );
    both(
        r#"{"type":3,"data":{"packet":{"type":2,"data":["said","é \"q\"",{"a":[1.5,null,true,-3]}]},"opts":{"rooms":["r1","r2"],"except":["x"],"flags":{}}},"uid":"4380c636613b290c","nsp":"/chat"}"#.as_bytes(),
        r#"/chat to ["r1", "r2"] except ["x"]: emit 42/chat,["said","é \"q\"",{"a":[1.5,null,true,-3]}]"#,
    );
    both(
        br#"{"type":3,"data":{"packet":{"type":2,"data":["x"]},"opts":{"rooms":["r1"],"except":[],"flags":{"volatile":true}}},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to ["r1"] except []: emit 42["x"] volatile"#,
    );
    both(
        br#"{"type":4,"data":{"opts":{"rooms":["r1"],"except":[],"flags":{}},"rooms":["r2"]},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to ["r1"] except []: join ["r2"]"#,
    );
    both(
        br#"{"type":5,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"rooms":["a","b"]},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to [] except []: leave ["a", "b"]"#,
    );
    both(
        br#"{"type":6,"data":{"opts":{"rooms":[],"except":["k"],"flags":{}},"close":false},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to [] except ["k"]: disconnect"#,
    );
    both(
        br#"{"type":6,"data":{"opts":{"rooms":[],"except":[],"flags":{}},"close":true},"uid":"4380c636613b290c","nsp":"/chat"}"#,
        "/chat to [] except []: close",
    );
    both(
        &hex(
            "84a47479706503a46461746182a67061636b657482a47479706502a46461746193a570686f746fc402ffd881a162c40101a46f70747383a5726f6f6d7391a27231a665786365707490a5666c61677380a3756964b034333830633633363631336232393063a36e7370a12f",
        ),
        r#"/ to ["r1"] except []: emit 452-["photo",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}] b"\xff\xd8" b"\x01""#,
    );
    // Rooms that are numbers, flags that change nothing here, msgpack without need.
    check(
        &hex(
            "84a47479706503a46461746182a67061636b657482a47479706502a46461746191a16ea46f70747383a5726f6f6d739105a665786365707490a5666c61677380a3756964b034333830633633363631336232393063a36e7370a12f",
        ),
        r#"/ to ["5"] except []: emit 42["n"]"#,
    );
    check(
        br#"{"type":3,"data":{"packet":{"type":2,"data":["c"]},"opts":{"rooms":[],"except":[],"flags":{"compress":false}}},"uid":"4380c636613b290c","nsp":"/"}"#,
        r#"/ to [] except []: emit 42["c"]"#,
    );
    check(
        &hex(
            "84a47479706506a46461746182a46f70747383a5726f6f6d7390a665786365707490a5666c61677380a5636c6f7365c3a3756964b034333830633633363631336232393063a36e7370a52f63686174",
        ),
        "/chat to [] except []: close",
    );
    let wants_acks = "84a47479706503a46461746183a67061636b657482a47479706502a46461746192a17101a9726571756573744964b037653339393861393166626261343536a46f70747383a5726f6f6d7390a665786365707490a5666c61677381a774696d656f7574cd03e8a3756964b034333830633633363631336232393063a36e7370a12f";
    refuse(&hex(wants_acks), &DecodeError::WantsAcks);
    for kind in [1, 2, 7, 8, 9, 10, 11, 12, 13, 14] {
        let message = format!(r#"{{"type":{kind},"uid":"{UID}","nsp":"/"}}"#);
        refuse(message.as_bytes(), &DecodeError::UnknownType { kind });
    }
}

#[test]
fn what_emitters_of_other_languages_write_is_read() {
    let emit = |rest: &str| format!(r#"{{"nsp":"/a","uid":"emitter","type":3,"data":{rest}}}"#);
    // Without `opts`, npm's nodes throw.
    check(br#"{"type":6,"nsp":"/a"}"#, "/a to [] except []: disconnect");
    check(br#"{"type":4,"nsp":"/a","data":{"rooms":[""]}}"#, r#"/a to [] except []: join [""]"#);
    let check = |rest: &str, expect: &str| check(emit(rest).as_bytes(), expect);
    check(
        r#"{"opts":{"flags":"","rooms":""},"packet":{"data":["e"],"type":2,"nsp":"/a"}}"#,
        r#"/a to [] except []: emit 42/a,["e"]"#,
    );
    check(
        r#"{"opts":{"except":null,"rooms":["a",-1.5]},"packet":{"type":5,"data":["e", 1]}}"#,
        r#"/a to ["a", "-1.5"] except []: emit 42/a,["e", 1]"#,
    );
    check(
        r#"{"packet":{"type":2,"data":["e"],"id":null},"requestId":null,"seq":9}"#,
        r#"/a to [] except []: emit 42/a,["e"]"#,
    );
}

#[test]
fn what_would_harm_clients_or_is_no_message_is_refused() {
    let event = |event: &str| {
        format!(r#"{{"type":3,"data":{{"packet":{event}}},"uid":"","nsp":"/"}}"#).into_bytes()
    };
    // An event without a name makes clients throw.
    refuse(&event(r#"{"type":2,"data":[]}"#), &packet::DecodeError::NoEventName.into());
    refuse(&event(r#"{"type":2,"data":[null]}"#), &packet::DecodeError::NoEventName.into());
    let name = "disconnect".to_owned();
    let reserved = packet::DecodeError::ReservedEventName { name };
    refuse(&event(r#"{"type":2,"data":["disconnect"]}"#), &reserved.into());
    refuse(&event(r#"{"type":4,"data":{}}"#), &DecodeError::NotAnEvent { kind: 4 });
    let many = format!(r#"{{"type":2,"data":["e"{}]}}"#, ",1".repeat(101));
    refuse(&event(&many), &packet::DecodeError::TooManyArgs { limit: 100 }.into());
    let comma = br#"{"type":6,"nsp":"/a,b"}"#;
    refuse(comma, &DecodeError::Namespace { name: "/a,b".to_owned() });
    for (text, words) in [
        (r#"{"type":3,"nsp":"/","data":{"packet":{"type":2}}}"#, "missing field `data`"),
        (r#"{"type":3,"nsp":"/"}"#, "missing field `packet`"),
        (r#"{"type":3,"nsp":"/","data":null}"#, "missing field `packet`"),
        (r#"{"type":"3","nsp":"/"}"#, "invalid type: string"),
        (r#"{"type":-3,"nsp":"/"}"#, "invalid value: integer `-3`"),
        (r#"{"nsp":"/"}"#, "missing field `type`"),
        (r#"{"type":6}"#, "missing field `nsp`"),
        (r#"{"type":4,"nsp":"/","data":{"rooms":"lobby"}}"#, "rooms are not a list"),
        (r#"{"type":4,"nsp":"/","data":{"rooms":[{}]}}"#, "rooms are not a list"),
        (r#"{"type":4,"nsp":"/","data":{"rooms":{"a":1}}}"#, "rooms are not a list"),
        (r#"{"type":6,"nsp":"/","data":{"close":"yes"}}"#, "expected a boolean"),
        (r#"{"type":6,"#, "EOF"),
        ("{", "EOF"),
    ] {
        refuse_for(text, words);
    }
    refuse(b"", &msgpack::DecodeError::Truncated { offset: 0 }.into());
    refuse(b"\xC1", &msgpack::DecodeError::Reserved { offset: 0 }.into());
    refuse(b"\xC0\xC0", &msgpack::DecodeError::TrailingBytes { offset: 1 }.into());
    assert!(
        Message::decode(b"null", &LIMITS).is_err() && Message::decode(b"\xC0", &LIMITS).is_err()
    );
    assert!(Message::decode(b"{\xFF", &LIMITS).is_err());
}

/// A message in msgpack with this JSON, in which placeholders stand for one byte each.
fn packed(text: &str, attachments: usize) -> Vec<u8> {
    msgpack::from_json(text, &vec![bytes::Bytes::from_static(b"x"); attachments])
}

#[test]
fn bytes_stand_in_the_arguments_of_an_event_or_nowhere() {
    const FIRST: &str = r#"{"_placeholder":true,"num":0}"#;
    const SECOND: &str = r#"{"_placeholder":true,"num":1}"#;
    let event = |name: &str, rest: &str| {
        format!(r#"{{"type":3,"nsp":"/","data":{{"packet":{{"type":2,"data":{name}}}{rest}}}}}"#)
    };
    let (one, aside) = (event(&format!(r#"["e",{FIRST}]"#), ""), format!(r#","seq":{SECOND}"#));
    check(
        &packed(&one, 1),
        r#"/ to [] except []: emit 451-["e",{"_placeholder":true,"num":0}] b"x""#,
    );
    let beside = event(&format!(r#"["e",{FIRST}]"#), &aside);
    refuse(&packed(&beside, 2), &DecodeError::StrayBytes);
    let none = event(r#"["e"]"#, &format!(r#","seq":{FIRST}"#));
    refuse(&packed(&none, 1), &DecodeError::StrayBytes);
    let leave = format!(r#"{{"type":5,"nsp":"/","data":{{"rooms":[{FIRST}]}}}}"#);
    refuse(&packed(&leave, 1), &DecodeError::StrayBytes);
    let named = event(&format!("[{FIRST}]"), "");
    refuse(&packed(&named, 1), &packet::DecodeError::NoEventName.into());
    let eleven: String =
        (0..11).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#)).collect();
    let too_many =
        msgpack::DecodeError::from(packet::DecodeError::TooManyAttachments { limit: 10 });
    refuse(&packed(&event(&format!(r#"["e"{eleven}]"#), ""), 11), &too_many.into());
    // In JSON there are none: what looks like one is an object of the application's.
    check(one.as_bytes(), r#"/ to [] except []: emit 42["e",{"_placeholder":true,"num":0}]"#);
}

#[test]
fn an_event_may_nest_as_deep_here_as_in_a_packet() {
    let limits = Limits { max_depth: 4, ..LIMITS };
    let event = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(
            r#"{{"type":3,"nsp":"/","data":{{"packet":{{"type":2,"data":["e",{open}{close}]}}}}}}"#
        )
    };
    for (depth, fits) in [(2, true), (4, true), (5, false)] {
        let text = event(depth);
        assert_eq!(Message::decode(text.as_bytes(), &limits).is_ok(), fits, "{text}");
        assert_eq!(Message::decode(&packed(&text, 0), &limits).is_ok(), fits, "{text} in msgpack");
    }
}

fn rooms() -> impl Strategy<Value = Vec<Arc<str>>> {
    vec(any::<String>().prop_map(Arc::from), 0..4)
}

fn action() -> impl Strategy<Value = Action> {
    // A whole float is written as an integer by msgpack if one holds it, which no reader in JavaScript can tell.
    let float = any::<f64>().prop_filter("stays a float", |float| {
        float.fract() != 0.0 || float.abs() > u64::MAX as f64
    });
    let arguments = vec((any::<String>(), any::<i64>(), float, vec(any::<u8>(), 0..9)), 0..4);
    let emit =
        (arguments, any::<bool>(), any::<bool>()).prop_map(|(arguments, binary, volatile)| {
            let bytes = |bytes: Vec<u8>| binary.then(|| bytes::Bytes::from(bytes));
            let arguments: Vec<_> = arguments
                .into_iter()
                .map(|(text, integer, float, data)| (text, integer, float, bytes(data)))
                .collect();
            let (text, attachments) =
                Payload::serialize_event("said", &(arguments,)).unwrap().into_parts();
            let packet = Prepared::packet(Kind::Event, "/a", None, &text, attachments);
            Action::Emit { packet, volatile }
        });
    prop_oneof![
        emit,
        rooms().prop_map(|rooms| Action::Join { rooms }),
        rooms().prop_map(|rooms| Action::Leave { rooms }),
        any::<bool>().prop_map(|close| Action::Disconnect { close }),
    ]
}

proptest! {
    #[test]
    fn what_a_node_writes_another_reads((rooms, except, action) in (rooms(), rooms(), action()), uid: String) {
        let message = Message { namespace: "/a".into(), target: Target { rooms, except }, action };
        let bytes = message.encode(&uid);
        let (read_uid, read) = Message::decode(&bytes, &LIMITS).unwrap();
        prop_assert_eq!(read_uid, uid);
        prop_assert_eq!(told(&read), told(&message));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text: String) {
        let _ = Message::decode(&bytes, &LIMITS);
        let _ = Message::decode(text.as_bytes(), &LIMITS);
    }

    #[test]
    fn no_message_that_is_nearly_right_makes_it_panic(action in action(), at: prop::sample::Index, byte: u8) {
        let message = Message { namespace: "/a".into(), target: Target::default(), action };
        let mut bytes = message.encode(UID);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((_, message)) = Message::decode(&bytes, &LIMITS) {
            let _ = message.encode(UID);
        }
    }
}

#[test]
fn names_of_rooms_are_any_text() {
    let odd = ["", "5", "a b", "\"", "\\", "\u{0}", "é", "_placeholder", "#"];
    let target = Target { rooms: names(&odd), except: names(&odd) };
    let action = Action::Join { rooms: names(&odd) };
    let message = Message { namespace: "/".into(), target, action };
    check(&message.encode(""), &told(&message));
}
