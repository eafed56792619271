//! Who is in which room is told at once and at every change, however somebody goes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Client, House, code};

#[test]
fn whoever_goes_is_told_to_have_left() {
    let ways: [fn(Client); 3] = [Client::cut, Client::disconnect, |mut bo| {
        assert_eq!(bo.ask("leave", "lobby"), Value::Null)
    }];
    for go in ways {
        let house = House::open();
        let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
        ada.join("lobby");
        bo.join("lobby");
        ada.hear("joined");
        let left =
            json!({ "room": "lobby", "people": [{ "id": bo.id, "name": "Bo" }], "count": 1 });
        go(bo);
        assert_eq!(ada.hear("left"), left);
        assert_eq!(house.enter("Cy").join("lobby"), ["Ada", "Cy"]);
    }
}

#[test]
fn every_room_of_a_lost_connection_is_told() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    for room in ["one", "two", "three"] {
        ada.join(room);
        bo.join(room);
    }
    bo.ask("leave", "two");
    ada.hear("left");
    bo.cut();
    let rooms = [ada.hear("left"), ada.hear("left")].map(|left| left["room"].to_string());
    assert_eq!(BTreeSet::from(rooms), BTreeSet::from([r#""one""#, r#""three""#].map(String::from)));
}

#[test]
fn sockets_without_a_key_come_and_go_one_by_one() {
    let house = House::open();
    let mut bo = house.enter("Bo");
    let (mut socket, mut other) = (house.enter("Ada"), house.enter("Ada"));
    bo.join("lobby");
    socket.join("lobby");
    assert_eq!(other.join("lobby"), ["Ada", "Ada", "Bo"]);
    let id = other.id.clone();
    other.disconnect();
    assert_eq!(bo.hear("left")["people"][0]["id"], id);
    assert_eq!(house.enter("Cy").join("lobby"), ["Ada", "Bo", "Cy"], "the other one is still here");
    socket.say("lobby", "as I said");
    assert_eq!(bo.hear("said")["from"]["id"], socket.id);
}

#[test]
fn tabs_of_one_person_are_one_person() {
    const KEY: &str = "a secret of Ada's browser";
    let house = House::open();
    let (mut bo, mut tab) = (house.enter("Bo"), house.enter_with_key("Ada", KEY));
    bo.join("lobby");
    let you = tab.ask("join", "lobby")["you"].clone();
    assert_eq!(bo.hear("joined")["people"], json!([{ "id": you, "name": "Ada" }]));
    assert_ne!(you, tab.id, "a socket's id says nothing of a person's");

    // A second tab, and one that is loaded again: nobody else is told anything.
    let mut other_tab = house.enter_with_key("Ada", KEY);
    assert_eq!(other_tab.join("lobby"), ["Ada", "Bo"]);
    tab.cut();
    tab = house.enter_with_key("Ada", KEY);
    tab.join("lobby");
    other_tab.disconnect();
    assert_eq!(bo.overhears(), [""; 0]);
    tab.say("lobby", "still here");
    assert_eq!(bo.hear("said")["from"]["id"], you);

    let mut namesake = house.enter_with_key("Ada", "a secret of another's");
    assert_ne!(namesake.ask("join", "lobby")["you"], you);
    tab.disconnect();
    assert_eq!(bo.hear("left")["people"], json!([{ "id": you, "name": "Ada" }]));
    assert_eq!(bo.overhears(), ["joined"]);
}

#[test]
fn a_page_that_is_loaded_again_says_nothing() {
    const KEY: &str = "a secret of Ada's browser";
    let house = House::open();
    let (mut bo, mut ada) = (house.enter("Bo"), house.enter_with_key("Ada", KEY));
    bo.join("lobby");
    ada.join("lobby");
    bo.hear("joined");
    for _ in 0..3 {
        ada.cut();
        ada = house.enter_with_key("Ada", KEY);
        ada.join("lobby");
    }
    // Had it left for good, that would be told before what comes after.
    ada.ask("leave", "lobby");
    let (event, left) = bo.hear_any();
    assert_eq!((event.as_str(), &left["people"][0]["name"]), ("left", &json!("Ada")));
}

#[test]
fn joining_and_leaving_twice_tells_once() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    assert_eq!(bo.join(" lobby "), ["Ada", "Bo"]);
    let again = bo.ask("join", "lobby");
    assert_eq!(again, json!({ "room": "lobby", "you": bo.id, "count": 2 }), "it has the list");
    for _ in 0..2 {
        assert_eq!(bo.ask("leave", "lobby"), Value::Null);
    }
    assert_eq!(ada.overhears(), ["joined", "left"]);
}

#[test]
fn a_long_list_of_people_comes_in_pages() {
    let house = House::open();
    let mut crowd: Vec<_> = (0..120).map(|n| house.enter(&format!("{n:03}"))).collect();
    crowd.iter_mut().for_each(|visitor| _ = visitor.ask("join", "lobby"));
    let mut zoe = house.enter("Zoe");
    let entrance = zoe.ask("join", "lobby");
    let mut known: BTreeSet<_> = names(&entrance["people"]);
    assert!(known.len() <= 100);
    assert_eq!(entrance["count"], 121);
    let mut last = entrance["people"].as_array().unwrap().last().unwrap().clone();
    // What is not told yet comes by itself.
    while known.len() < 121 {
        let page = zoe.ask("people", json!({ "room": "lobby", "after": last }));
        match page["people"].as_array().unwrap().last() {
            Some(end) => last = end.clone(),
            None => known.extend(names(&zoe.hear("joined")["people"])),
        }
        known.extend(names(&page["people"]));
    }
    assert_eq!(code(&house.enter("Bo").ask("people", json!({ "room": "lobby" }))), "not-in-room");
}

#[test]
fn rooms_are_listed_to_those_who_ask_and_then_told_by_their_changes() {
    let house = House::open();
    let (mut ada, mut deaf) = (house.enter("Ada"), house.enter("Deaf"));
    assert_eq!(ada.ask_raw(r#"["rooms"]"#), json!([]));
    ada.join("small");
    assert_eq!(ada.hear("rooms"), json!([{ "name": "small", "people": 1 }]));
    ada.join("big");
    let mut bo = house.enter("Bo");
    bo.join("big");
    let has = |changes: &Value, people: u64| {
        changes.as_array().unwrap().contains(&json!({ "name": "big", "people": people }))
    };
    ada.hear_until("rooms", |changes| has(changes, 2));
    let both = json!([{ "name": "big", "people": 2 }, { "name": "small", "people": 1 }]);
    assert_eq!(house.enter("Cy").ask_raw(r#"["rooms"]"#), both, "the fullest first");

    bo.disconnect();
    ada.ask("leave", "small");
    ada.ask("leave", "big");
    ada.hear_until("rooms", |changes| has(changes, 0));
    assert_eq!(deaf.overhears(), [""; 0], "who has not asked is told nothing");
}

#[test]
fn comings_and_goings_cost_a_bystander_little() {
    let house = House::open();
    let mut witness = house.enter("witness");
    witness.ask_raw(r#"["rooms"]"#);
    witness.join("lobby");
    // More than the paces of thirty sockets let through.
    let mut crowd: Vec<_> = (0..30).map(|n| house.enter(&n.to_string())).collect();
    for round in 0..20 {
        for visitor in &mut crowd {
            visitor.ask(if round % 2 == 0 { "join" } else { "leave" }, "lobby");
        }
    }
    let heard = witness.overhears();
    let moves = heard.iter().filter(|event| *event != "rooms").count();
    assert!(moves < 300, "600 moves were told in {moves} events");
    assert!(heard.len() - moves < 60, "{heard:?}");
}

/// Whoever keeps the list of the ack up to date with `joined` and `left` ends with the truth.
#[test]
fn a_crowd_that_comes_and_goes_leaves_no_ghost() {
    let house = House::open();
    let mut ada = house.enter("Ada");
    let mut here = BTreeSet::new();
    std::thread::scope(|scope| {
        for crowd in 0..4 {
            let house = &house;
            scope.spawn(move || {
                for visit in 0..20 {
                    let mut visitor = house.enter(&format!("{crowd}-{visit}"));
                    // Every other one is gone before it can have learnt that it was let in.
                    if visit % 2 == 0 {
                        drop(visitor.join("lobby"))
                    } else {
                        visitor.emit("join", "lobby")
                    }
                    visitor.cut();
                }
            });
        }
        for _ in 0..15 {
            ada.join("lobby");
            ada.ask("leave", "lobby");
        }
        let entrance = ada.ask("join", "lobby");
        ada.forget();
        here = entrance["people"].as_array().unwrap().iter().map(id).collect();
    });
    let only_ada = BTreeSet::from([json!(ada.id).to_string()]);
    while house.chat.server().of("/chat").local_count() > 1 {
        ada.ask_raw(r#"["rtt"]"#); // keeps what it hears
    }
    let listed = json!([{ "name": "lobby", "people": 1 }]);
    let mut is_listed = ada.ask_raw(r#"["rooms"]"#) == listed;
    while here != only_ada || !is_listed {
        let (event, argument) = ada.hear_any();
        let people = argument["people"].as_array().into_iter().flatten().map(id);
        match event.as_str() {
            "joined" => here.extend(people),
            "left" => people.for_each(|gone| _ = here.remove(&gone)),
            "rooms" => is_listed = argument == listed,
            other => panic!("nobody has sent {other}"),
        }
    }
}

fn names(people: &Value) -> BTreeSet<String> {
    let people = people.as_array().unwrap().iter();
    people.map(|person| person["name"].as_str().unwrap().to_owned()).collect()
}

fn id(person: &Value) -> String {
    person["id"].to_string()
}
