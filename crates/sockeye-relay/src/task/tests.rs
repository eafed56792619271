//! Tasks as they are written, well and badly.

use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

#[test]
fn an_envelope_says_what_is_wanted() {
    let body = br#"{"id":7,"key":"acct-1","nsp":"/imchat","event":"action","args":[1.50,{"b":2,"a":1}],
        "not_before":"2026-12-01T12:00:00Z","deadline":1796126460000,"confirm":"written","attempts":3,
        "reply_to":"replies","traceparent":"00-1-2-01"}"#;
    let task = Task::read(None, body).unwrap();
    let noon = UNIX_EPOCH + Duration::from_secs(1_796_126_400);
    assert_eq!(task.id.as_deref(), Some("7"));
    assert_eq!(task.key.as_deref(), Some("acct-1"));
    assert_eq!(task.namespace.as_deref(), Some("/imchat"));
    assert_eq!(&*task.event, "action");
    assert_eq!(task.args.text(), r#"1.50,{"b":2,"a":1}"#, "as it was written");
    assert_eq!(task.not_before, Some(noon));
    assert_eq!(task.deadline, Some(noon + Duration::from_secs(60)));
    assert_eq!(task.confirm, Some(Confirm::Written));
    assert_eq!(task.max_attempts, Some(3));
    assert_eq!(task.reply_to.as_deref(), Some("replies"));
    assert_eq!(task.traceparent.as_deref(), Some("00-1-2-01"));
    assert_eq!(task.whole.value()["args"][1]["a"], 1);
}

#[test]
fn attachments_are_taken_out_of_the_arguments() {
    let task = Task::read(None, br#"{"event":"e","args":[{"f":{"$bin":"AP8="}},"$bin"]}"#).unwrap();
    assert_eq!(task.args.text(), r#"{"f":{"_placeholder":true,"num":0}},"$bin""#);
    assert_eq!(task.args.attachments()[0][..], [0, 255]);
}

#[test]
fn what_is_wrong_with_an_envelope_is_told() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(body: &str, expect: &str) {
        let error = Task::read(None, body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expect), "{body}: {error}");
    }
    check("", "not JSON: EOF");
    check("hello", "the task is hello; expected an object");
    check("[1]", "the task is [1]; expected an object");
    check("{\"event\":", "not JSON: EOF");
    check("{}", "no \"event\"");
    check(r#"{"event":null}"#, "no \"event\"");
    check(r#"{"event":""}"#, "event is \"\"; expected the name of the event");
    check(r#"{"event":1}"#, "event is 1; expected a text");
    check(
        r#"{"event":"connect"}"#,
        "event is \"connect\"; expected another name, for this one is reserved",
    );
    check(r#"{"event":"e","arg":[1]}"#, "\"arg\", which is none; did you mean \"args\"?");
    check(r#"{"event":"e","xyz":1}"#, "the fields are id, key, nsp, event");
    check(r#"{"event":"e","args":"hi"}"#, "args is \"hi\"; expected a list");
    check(r#"{"event":"e","args":[{"$bin":"%"}]}"#, "args: $bin: not base64");
    check(r#"{"event":"e","id":""}"#, "id is \"\"; expected a text of 1 to 512 bytes");
    check(r#"{"event":"e","id":["a"]}"#, "id is [\"a\"]; expected a text or a number");
    check(r#"{"event":"e","nsp":"imchat"}"#, "nsp is \"imchat\"; expected the name of a namespace");
    check(r#"{"event":"e","deadline":1796126400}"#, "this may be seconds");
    check(r#"{"event":"e","deadline":"soon"}"#, "expected a time");
    check(
        r#"{"event":"e","confirm":"maybe"}"#,
        "expected \"none\", \"written\", \"ack\" or \"event\"",
    );
    for place in ["redis://localhost/0?list=res", "list:res", "stream:res"] {
        check(
            &format!(r#"{{"event":"e","reply_to":"{place}"}}"#),
            &format!("reply_to is \"{place}\"; expected the name of a key"),
        );
    }
    check(r#"{"event":"e","attempts":0}"#, "attempts is 0; expected a number from 1");
    assert_eq!(Task::read(None, b"\xff").unwrap_err(), InvalidTask::NotText);
    let large = vec![b' '; MAX_TASK_BYTES + 1];
    assert!(matches!(Task::read(None, &large), Err(InvalidTask::TooLarge { .. })));
}

#[test]
fn a_mapping_says_where_things_are() {
    let mapping = Mapping::new(
        [("event", "$.type"), ("id", "$.data.reqId"), ("key", "$.to"), ("nsp", "/imchat")],
        ["$.data", "$.n", "chat"],
    )
    .unwrap();
    let body = br#"{"type":"message","to":5,"n":null,"data":{"reqId":"r1","z":1,"a":[true]}}"#;
    let task = Task::read(Some(&mapping), body).unwrap();
    assert_eq!(&*task.event, "message");
    assert_eq!(task.id.as_deref(), Some("r1"));
    assert_eq!(task.key.as_deref(), Some("5"));
    assert_eq!(task.namespace.as_deref(), Some("/imchat"));
    assert!(task.args.text().ends_with(r#",null,"chat""#), "{}", task.args.text());

    let whole =
        Mapping::new([("event", "\\$message")], []).unwrap().with_args_at("$.args").unwrap();
    let task = Task::read(Some(&whole), br#"{"args":[1,[2]]}"#).unwrap();
    assert_eq!((&*task.event, task.args.text()), ("$message", "1,[2]"));
}

#[test]
fn what_a_mapping_does_not_find_is_told() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(body: &str, expect: &str) {
        let mapping = Mapping::new([("event", "$.type"), ("id", "$..id")], ["$.data"]).unwrap();
        let error = Task::read(Some(&mapping), body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expect), "{body}: {error}");
    }
    check(r#"{"data":1}"#, "event: nothing is at $.type");
    check(r#"{"type":"e"}"#, "args: nothing is at $.data");
    check(r#"{"type":{},"data":1}"#, "event is {}; expected a text");
    check(r#"{"type":7,"data":1}"#, "event is 7; expected a text");
    check(r#"{"type":"","data":1}"#, "event is \"\"; expected the name of the event");
    check(r#"{"type":"disconnect","data":1}"#, "event is \"disconnect\"; expected another name");
    check(r#"{"type":"e","data":1,"a":{"id":1},"b":{"id":2}}"#, "$..id finds more than one: 1, 2");
    check("nonsense", "not JSON");
    let mapping = Mapping::new([("event", "e"), ("reply_to", "$.to")], []).unwrap();
    let error = Task::read(Some(&mapping), br#"{"to":"list:res"}"#).unwrap_err().to_string();
    assert!(error.contains("expected the name of a key"), "{error}");
    let task = Task::read(Some(&mapping), br#"{"to":"app:replies"}"#).unwrap();
    assert_eq!(task.reply_to.as_deref(), Some("app:replies"));
}

#[test]
fn a_mapping_that_is_wrong_fails_at_once() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(fields: &[(&str, &str)], expect: &str) {
        let error = Mapping::new(fields.iter().copied(), []).unwrap_err().to_string();
        assert!(error.contains(expect), "{fields:?}: {error}");
    }
    check(&[("event", "$.[")], "event: \"$.[\" is not a JSONPath");
    check(&[("evnt", "$.type")], "did you mean \"event\"?");
    check(&[("id", "$.id")], "no event");
    check(
        &[("event", "type")],
        r#"every task would be the same; expected something like "$.type""#,
    );
    check(&[("event", "type"), ("nsp", "/imchat")], r#"expected something like "$.type""#);
    check(
        &[("event", "$.type"), ("id", "reqId")],
        r#"a copy of it; expected a path, such as "$.reqId""#,
    );
    check(&[("event", "connect"), ("id", "$.id")], "event is \"connect\"; expected another name");
    check(&[("event", "$.type"), ("nsp", "imchat")], "nsp is \"imchat\"; expected the name of a");
    check(&[("event", "$.type"), ("confirm", "maybe")], "confirm is \"maybe\"; expected");
    check(&[("event", "$.type"), ("attempts", "0")], "attempts is 0; expected a number from 1");
    check(&[("event", "$.type"), ("deadline", "soon")], "deadline is \"soon\"; expected a time");
    let whole = Mapping::new([("event", "$.type")], []).unwrap().with_args_at("data");
    let error = whole.unwrap_err().to_string();
    assert!(error.contains("path of the whole list, such as \"$.data\""), "{error}");
    Mapping::new([("event", "\\tick")], []).unwrap();
    Mapping::new([("event", "tick")], ["$.n"]).unwrap();
}

#[test]
fn constants_count_as_what_they_are() {
    let fields = [
        ("event", "$.type"),
        ("attempts", "3"),
        ("confirm", "written"),
        ("deadline", "1796126460000"),
    ];
    let task = Task::read(Some(&Mapping::new(fields, []).unwrap()), br#"{"type":"e"}"#).unwrap();
    assert_eq!((task.max_attempts, task.confirm), (Some(3), Some(Confirm::Written)));
    assert!(task.deadline.is_some());
}

#[test]
fn what_a_mapping_finds_goes_through_as_it_was_written() {
    let body = r#" {"type":"e","id":123456789012345678901234567890,
        "data":[{"z":123456789012345678901234567890,"a":1.50,"z2":1e2},{"skip":1,"skip":{"b":[ 1, 2]}}]} "#;
    let fields = [("event", "$.type"), ("id", "$.id")];
    let paths = ["$.data[0]", "$.data[-1].skip", "$['data'][?@.a].z", "$.data[1].skip.b[1]"];
    let task = Task::read(Some(&Mapping::new(fields, paths).unwrap()), body.as_bytes()).unwrap();
    assert_eq!(task.id.as_deref(), Some("123456789012345678901234567890"));
    assert_eq!(
        task.args.text(),
        r#"{"z":123456789012345678901234567890,"a":1.50,"z2":1e2},{"b":[ 1, 2]},123456789012345678901234567890,2"#
    );
    let whole = Mapping::new(fields, ["$"]).unwrap();
    assert_eq!(Task::read(Some(&whole), body.as_bytes()).unwrap().args.text(), body.trim());
    let list = Mapping::new(fields, []).unwrap().with_args_at("$.data").unwrap();
    let task = Task::read(Some(&list), body.as_bytes()).unwrap();
    assert!(task.args.text().starts_with(r#"{"z":123456789012345678901234567890,"a":1.50"#));
}

#[test]
fn an_event_may_have_arguments_of_its_own() {
    let mapping = Mapping::new([("event", "$.type")], ["$"]).unwrap();
    let mapping = mapping.with_args_of("chat", ["$.room", "$.text"]).unwrap();
    let mapping = mapping.with_args_of_at("raw", "$.list").unwrap();
    let args = |body: &str| {
        Task::read(Some(&mapping), body.as_bytes()).map(|it| it.args.text().to_owned())
    };
    assert_eq!(args(r#"{"type":"chat","room":1,"text":"hi"}"#).unwrap(), r#"1,"hi""#);
    assert_eq!(args(r#"{"type":"raw","list":[1,2]}"#).unwrap(), "1,2");
    assert_eq!(args(r#"{"type":"else"}"#).unwrap(), r#"{"type":"else"}"#);
    let error = args(r#"{"type":"chat","room":1}"#).unwrap_err().to_string();
    assert_eq!(error, "args: nothing is at $.text");
}

#[test]
fn expressions_see_what_was_read() {
    let mapping =
        Mapping::new([("event", "$.type"), ("id", "$.data.reqId"), ("nsp", "/imchat")], ["$.data"]);
    let body = br#"{"type":"message","id":"theirs","key":"mine","data":{"reqId":7}}"#;
    let task = Task::read(Some(&mapping.unwrap()), body).unwrap();
    for holds in [
        "task.id == $[0].reqId",
        "task.id == '7'",
        "task.event == 'message' and task.type == 'message'",
        "task.nsp == '/imchat'",
        "task.key == 'mine'", // not mapped
        "task.data.reqId == 7 and task.args[0].reqId == 7",
    ] {
        let expression = crate::expression::Expression::parse(holds).unwrap();
        let args = serde_json::json!([{"reqId": 7}]);
        assert!(expression.is_true(&args, Some(task.subject())), "{holds}");
    }
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>, text in "\\{\"event\":.{0,40}\\}") {
        let mapping = Mapping::new([("event", "$.type"), ("id", "$..id")], ["$.data"]).unwrap();
        let _ = Task::read(None, &body);
        let _ = Task::read(None, text.as_bytes());
        let _ = Task::read(Some(&mapping), &body);
    }
}
