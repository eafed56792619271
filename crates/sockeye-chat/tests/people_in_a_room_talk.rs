//! What is said in a room reaches everybody else in it, once, in one order, and nobody outside.

mod support;

use serde_json::{Value, json};
use support::{House, code};

#[test]
fn two_people_talk() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    assert_eq!(ada.join("lobby"), ["Ada"]);
    assert_eq!(bo.join("lobby"), ["Ada", "Bo"]);
    assert_eq!(
        ada.hear("joined"),
        json!({ "room": "lobby", "people": [{ "id": bo.id, "name": "Bo" }], "count": 2 })
    );

    let receipt =
        ada.ask("say", json!({ "room": "lobby", "text": "Hello Bo", "client_id": "c-1" }));
    assert_eq!(
        bo.hear("said"),
        json!({
            "id": receipt["id"],
            "room": "lobby",
            "from": { "id": ada.id, "name": "Ada" },
            "text": "Hello Bo",
            "at": receipt["at"],
            "client_id": "c-1",
        })
    );
    assert_eq!(ada.overhears(), [""; 0], "the sender has the ack");
}

#[test]
fn a_message_without_a_client_id_gets_the_servers() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    bo.join("lobby");
    for client_id in [Value::Null, json!("")] {
        let receipt =
            ada.ask("say", json!({ "room": "lobby", "text": "hi", "client_id": client_id }));
        assert_eq!(bo.hear("said")["client_id"], receipt["id"]);
    }
}

#[test]
fn ids_are_in_the_order_in_which_everybody_hears() {
    let house = House::open();
    let mut listeners = [house.enter("Ada"), house.enter("Bo")];
    for listener in &mut listeners {
        listener.join("lobby");
    }
    std::thread::scope(|scope| {
        for name in ["Cy", "Di"] {
            let mut speaker = house.enter(name);
            scope.spawn(move || {
                speaker.join("lobby");
                for _ in 0..20 {
                    assert_eq!(code(&speaker.say("lobby", "me first")), "accepted");
                }
            });
        }
    });
    let orders = listeners.each_mut().map(|listener| {
        std::iter::repeat_with(|| listener.hear("said")["id"].as_str().unwrap().to_owned())
            .take(40)
            .collect::<Vec<_>>()
    });
    assert!(orders[0].is_sorted_by(|a, b| a < b), "{:?}", orders[0]);
    assert_eq!(orders[0], orders[1]);
}

#[test]
fn typing_is_told_to_the_others_in_the_room() {
    let house = House::open();
    let (mut ada, mut bo, mut cy) = (house.enter("Ada"), house.enter("Bo"), house.enter("Cy"));
    ada.join("lobby");
    bo.join("lobby");
    cy.join("elsewhere");
    ada.hear("joined");
    bo.emit("typing", "lobby");
    assert_eq!(
        ada.hear("typing"),
        json!({ "room": "lobby", "from": { "id": bo.id, "name": "Bo" } })
    );
    assert_eq!(bo.overhears(), [""; 0]);
    assert_eq!(cy.overhears(), [""; 0]);
    cy.emit("typing", "lobby");
    assert_eq!(cy.overhears(), [""; 0]);
    assert_eq!(ada.overhears(), [""; 0], "only people in a room type there");
}

#[test]
fn nobody_outside_hears_or_speaks() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    ada.join("lobby");
    assert_eq!(code(&bo.say("lobby", "let me in")), "not-in-room");
    bo.join("lobby");
    assert_eq!(bo.ask("leave", "lobby"), Value::Null);
    assert_eq!(code(&bo.say("lobby", "I forgot")), "not-in-room");
    ada.say("lobby", "only us");
    assert_eq!(bo.overhears(), [""; 0]);
    assert_eq!(ada.overhears(), ["joined", "left"]);
}

#[test]
fn a_socket_is_no_room() {
    let house = House::open();
    let (mut ada, mut bo) = (house.enter("Ada"), house.enter("Bo"));
    let (own, other) = (bo.id.clone(), ada.id.clone());
    assert_eq!(bo.join(&other), ["Bo"], "a room that is only called like Ada's socket");
    bo.say(&other, "psst");
    assert_eq!(bo.join(&own), ["Bo"]);
    assert_eq!(ada.overhears(), [""; 0]);
}
