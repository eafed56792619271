//! Who is in which room is told at once and at every change, however somebody goes.

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Client, House};

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
        let left = json!({ "room": "lobby", "person": { "id": bo.id, "name": "Bo" } });
        go(bo);
        assert_eq!(ada.hear("left"), left);
        assert_eq!(ada.join("lobby"), ["Ada"]);
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
fn tabs_of_one_person_come_and_go_one_by_one() {
    let house = House::open();
    let mut bo = house.enter("Bo");
    let (mut tab, mut other_tab) = (house.enter("Ada"), house.enter("Ada"));
    bo.join("lobby");
    tab.join("lobby");
    assert_eq!(other_tab.join("lobby"), ["Ada", "Ada", "Bo"]);
    let id = other_tab.id.clone();
    other_tab.cut();
    assert_eq!(bo.hear("left")["person"]["id"], id);
    assert_eq!(bo.join("lobby"), ["Ada", "Bo"], "the other tab is still here");
    tab.say("lobby", "as I said");
    assert_eq!(bo.hear("said")["from"]["id"], tab.id);
}

#[test]
fn joining_and_leaving_twice_tells_once() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    for _ in 0..2 {
        assert_eq!(bo.join(" lobby "), ["Ada", "Bo"]);
    }
    for _ in 0..2 {
        assert_eq!(bo.ask("leave", "lobby"), Value::Null);
    }
    assert_eq!(ada.overhears(), ["joined", "left"]);
}

#[test]
fn rooms_are_listed_to_everybody() {
    let house = House::open();
    let mut ada = house.enter("Ada");
    assert_eq!(ada.hear("rooms"), json!([]));
    ada.join("small");
    ada.join("big");
    let mut bo = house.enter("Bo");
    bo.join("big");
    let both = json!([{ "name": "big", "people": 2 }, { "name": "small", "people": 1 }]);
    ada.hear_until("rooms", |rooms| *rooms == both);
    assert_eq!(house.enter("Cy").hear("rooms"), both, "told to whoever comes later");

    bo.cut();
    ada.ask("leave", "small");
    ada.hear_until("rooms", |rooms| *rooms == json!([{ "name": "big", "people": 1 }]));
    assert_eq!(house.chat.server().count("/chat", None), 1);
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
    let (only_ada, listed) =
        (BTreeSet::from([json!(ada.id).to_string()]), json!([{ "name": "lobby", "people": 1 }]));
    let mut is_listed = false;
    while here != only_ada || !is_listed {
        let (event, argument) = ada.hear_any();
        match event.as_str() {
            "joined" => _ = here.insert(id(&argument["person"])),
            "left" => _ = here.remove(&id(&argument["person"])),
            "rooms" => is_listed = argument == listed,
            other => panic!("nobody has sent {other}"),
        }
    }
}

fn id(person: &Value) -> String {
    person["id"].to_string()
}
