//! Each rule of the chat against those who break it: they are refused with a code, and nothing else happens.

mod support;

use serde_json::{Value, json};
use support::{Client, House, code};

#[test]
fn names_are_refused_at_the_door() {
    let house = House::open();
    #[track_caller] // a failure points at the row, not at this function
    fn check(house: &House, auth: &str, expect: &str) {
        let error = house.knock(auth).err().unwrap_or_else(|| panic!("{auth:.80} is let in"));
        assert_eq!(error["data"]["code"], expect, "{auth:.80}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    check(&house, "", "name-empty");
    check(&house, "{}", "name-empty");
    check(&house, r#"{"name":" \t\u3000"}"#, "name-empty");
    check(&house, &json!({ "name": "x".repeat(33) }).to_string(), "name-too-long");
    check(&house, &json!({ "name": "x".repeat(64 * 1024) }).to_string(), "name-too-long");
    check(&house, r#"{"name":"A\u0000da"}"#, "name-control");
    check(&house, r#"{"name":"A\u001b[2Jda"}"#, "name-control");
    check(&house, r#"{"name":"Ada\u202enimda"}"#, "name-control");
    check(&house, r#"{"name":"\u200b"}"#, "name-control");
    check(&house, r#"{"name":"\u0301\u0302"}"#, "name-control");
    check(&house, r#"{"name":"Ad\u200da"}"#, "name-control");
    check(&house, r#"{"name":"Ada","key":"short"}"#, "key-length");
    check(&house, r#"{"name":"Ada","key":""}"#, "key-length");
    assert_eq!(house.chat.server().of("/chat").local_count(), 0);
}

#[test]
fn a_name_of_another_type_is_refused() {
    let house = House::open();
    for auth in [r#"{"name":7}"#, r#"{"name":null}"#, r#"{"name":"\ud800"}"#] {
        assert!(house.knock(auth).is_err(), "{auth}");
    }
}

#[test]
fn names_are_trimmed_and_shown_as_they_are() {
    for (name, shown) in
        [(" Ada ", "Ada"), ("<b>小明</b>", "<b>小明</b>"), ("👩\u{200D}🚀", "👩\u{200D}🚀")]
    {
        assert_eq!(House::open().enter(name).join("lobby"), [shown]);
    }
}

#[test]
fn names_of_rooms_are_refused() {
    let house = House::open();
    let mut ada = house.enter("Ada");
    #[track_caller]
    fn check(ada: &mut Client, room: impl Into<Value>, expect: &str) {
        let room = room.into();
        for event in ["join", "leave"] {
            let answer = ada.ask(event, room.clone());
            assert_eq!(code(&answer), expect, "{event} {room:.80}");
        }
    }
    check(&mut ada, "", "room-empty");
    check(&mut ada, "x".repeat(33), "room-too-long");
    check(&mut ada, "x".repeat(64 * 1024), "room-too-long");
    check(&mut ada, "lobby\u{202E}", "room-control");
    check(&mut ada, "lob\0by", "room-control");
    check(&mut ada, 7, "bad-arguments");
    check(&mut ada, Value::Null, "bad-arguments");
    check(&mut ada, json!(["lobby"]), "bad-arguments");
    assert_eq!(code(&ada.ask_raw(r#"["join"]"#)), "bad-arguments");
    assert_eq!(code(&ada.ask_raw(r#"["join","\ud800"]"#)), "bad-arguments");
    assert_eq!(code(&ada.ask_raw(r#"["shout","lobby"]"#)), "no-handler");
    // Names that mean something elsewhere mean nothing here.
    for room in ["__proto__", "constructor", "/", "../lobby", "a,b"] {
        assert_eq!(ada.join(room), ["Ada"]);
    }
}

#[test]
fn texts_are_refused() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    bo.join("lobby");
    #[track_caller]
    fn check(ada: &mut Client, text: impl Into<Value>, client_id: &str, expect: &str) {
        let text = text.into();
        let message = json!({ "room": "lobby", "text": text, "client_id": client_id });
        assert_eq!(code(&ada.ask("say", message)), expect, "{text:.80}");
    }
    check(&mut ada, "", "", "text-empty");
    check(&mut ada, " \n ", "", "text-empty");
    check(&mut ada, "x".repeat(4_001), "", "text-too-long");
    check(&mut ada, "好".repeat(300_000), "", "text-too-long");
    check(&mut ada, "hi", &"7".repeat(65), "client-id-too-long");
    check(&mut ada, json!({ "html": "<b>" }), "", "bad-arguments");
    check(&mut ada, Value::Null, "", "bad-arguments");
    assert_eq!(code(&ada.ask("say", "hi")), "bad-arguments");
    assert_eq!(code(&ada.ask("say", json!({ "text": "hi" }))), "bad-arguments");
    assert_eq!(bo.overhears(), [""; 0]);

    let longest = "好".repeat(4_000);
    check(&mut ada, longest.clone(), "7", "accepted");
    assert_eq!(bo.hear("said")["text"], longest);
}

#[test]
fn a_socket_is_in_twenty_rooms_at_most() {
    let house = House::open();
    let mut ada = house.enter("Ada");
    for room in 0..20 {
        ada.join(&format!("room {room}"));
    }
    assert_eq!(code(&ada.ask("join", "one more")), "too-many-rooms");
    assert_eq!(code(&ada.ask("join", "room 7")), "accepted", "where one is already");
    assert_eq!(ada.join("lobby"), ["Ada"], "there is always a way to the lobby");
    ada.ask("leave", "room 7");
    assert_eq!(ada.join("one more"), ["Ada"]);
}

#[test]
fn a_crowd_leaves_space_for_the_rooms_of_others() {
    let house = House::open();
    let mut crowd: Vec<_> = (0..50).map(|n| house.enter(&n.to_string())).collect();
    let mut codes = Vec::new();
    for (n, person) in crowd.iter_mut().enumerate() {
        for room in 0..20 {
            codes.push(code(&person.ask("join", format!("room {n}.{room}"))).to_owned());
        }
    }
    assert!(codes.iter().any(|code| code == "too-many-made"));
    let mut late = house.enter("late");
    assert_eq!(late.join("lobby"), ["late"]);
    assert_eq!(late.join("a room of my own"), ["late"]);
    assert_eq!(late.join("room 7.1"), ["7", "late"]);
}

#[test]
fn too_many_messages_are_told_when_to_come_back() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    bo.join("lobby");
    // More than the machine could be slow enough to allow: one more every half second.
    let answers: Vec<_> = (0..200).map(|_| ada.say("lobby", "spam")).collect();
    let refused = answers.iter().find(|answer| code(answer) != "accepted").unwrap();
    assert_eq!(code(refused), "slow-down");
    let wait = refused["error"]["data"]["retry_after_ms"].as_u64().unwrap();
    assert!(wait <= 500, "{wait} ms");
    assert_eq!(refused["error"]["message"], "too fast; try again in 1 s");
    let accepted = answers.iter().filter(|answer| code(answer) == "accepted").count();
    assert!((20..200).contains(&accepted), "{accepted}");
    assert_eq!(bo.overhears(), vec!["said"; accepted]);
    assert_eq!(code(&bo.say("lobby", "stop it")), "accepted", "others are not slowed down");
}

#[test]
fn too_many_moves_are_refused_and_too_much_typing_is_not_told() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    bo.join("lobby");
    let answers: Vec<_> = (0..100).map(|_| ada.ask("join", "lobby")).collect();
    assert!(answers.iter().any(|answer| code(answer) == "slow-down"));
    for _ in 0..100 {
        ada.emit("typing", "lobby");
    }
    ada.overhears();
    assert!(bo.overhears().len() < 100);
}
