//! Attacks by packets that no correct client sends: the session ends with the close code that says why.

use serde_json::value::RawValue;
use sockeye_proto::wire::ws::Message;
use sockeye_testkit::client::Client;

use crate::scene::{A_LITTLE, Scene};

/// A client that is in `/`.
pub(crate) async fn attacker(scene: &Scene) -> Client {
    Client::connect(&scene.url, "/", ()).await.unwrap()
}

/// The session is over, with this close code.
pub(crate) async fn is_cut(mut attacker: Client, code: u16, what: &str) {
    attacker.closed().await.unwrap();
    assert_eq!(attacker.close_frame().map(|(code, _)| code), Some(code), "{what}");
}

/// The session goes on.
pub(crate) async fn survives(attacker: &mut Client, what: &str) {
    assert_eq!(attacker.call::<u8>("echo", &7).await.unwrap(), 7, "{what}");
}

#[tokio::test]
async fn packets_that_no_client_sends() {
    let scene = Scene::new().await;
    let deep = format!(r#"42["echo",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let deep_placeholder = format!(
        r#"451-["echo",{}{{"_placeholder":true,"num":0}}{}]"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let many = format!(r#"42["echo"{}]"#, ",1".repeat(450_000));
    let many_in_ack = format!("430[1{}]", ",1".repeat(450_000));
    let deep_ack = format!(r#"430[{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let many_in_auth = format!("40/a,[1{}]", ",1".repeat(450_000));
    let deep_auth = format!(r#"40/a,{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        r#"4599999999-["x"]"#,
        r#"4511-["x"]"#,
        r#"450-["x"]"#,
        r#"45-["x"]"#,
        "42[{}]",
        r#"42[["a"]]"#,
        "42[null]",
        "42[true]",
        "42{}",
        "42[]",
        r#"42["connect"]"#,
        r#"42["connect_error"]"#,
        r#"42["disconnect"]"#,
        r#"42["disconnecting"]"#,
        r#"42["newListener"]"#,
        r#"42["removeListener"]"#,
        r#"420["disconnect"]"#,
        r#"42["\u0063onnect"]"#, // no other name for it
        r#"451-["disconnect",{"_placeholder":true,"num":0}]"#,
        r#"4299999999999999999999["a"]"#,
        r#"42 ["a"]"#,
        r#"42-1["a"]"#,
        r#"451e1-["a"]"#,
        "4",
        "44",
        "40/a,[]",
        "41[]",
        "43",
        "4331{}",
        "",
        "9",
        r#"42["echo",1e]"#,
        r#"42["echo",{"a":1,}]"#,
        &deep,
        &deep_placeholder,
        &many,
        &many_in_ack,
        &deep_ack,
        &many_in_auth,
        &deep_auth,
    ] {
        let mut hostile = attacker(&scene).await;
        hostile.send_text(text).await.unwrap();
        is_cut(hostile, 1002, &text[..text.len().min(40)]).await;
    }
    let mut number = attacker(&scene).await;
    number.send_text("42[1]").await.unwrap();
    survives(&mut number, "a number is a name").await;
    drop(number);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn placeholders_that_point_nowhere() {
    let scene = Scene::new().await;
    for holder in [
        r#"{"_placeholder":true,"num":"splice"}"#,
        r#"{"_placeholder":true,"num":5}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":1.5}"#,
        r#"{"_placeholder":true,"num":0.0}"#,
        r#"{"_placeholder":true,"num":null}"#,
        r#"{"_placeholder":true,"num":[0]}"#,
        r#"{"_placeholder":true,"num":18446744073709551616}"#,
        r#"{"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":0,"num":0}"#,
        r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#,
    ] {
        let mut hostile = attacker(&scene).await;
        let text = format!(r#"451-["echo",{holder}]"#);
        hostile.send_text(&text).await.unwrap();
        let _ = hostile.send_message(Message::Binary(b"x")).await;
        is_cut(hostile, 1002, holder).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn binary_messages_that_nobody_announced() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    hostile.send_text(r#"451-["echo",{"_placeholder":true,"num":0}]"#).await.unwrap();
    for _ in 0..100 {
        let _ = hostile.send_message(Message::Binary(&[0; 1_000])).await;
    }
    is_cut(hostile, 1002, "endless binary").await;
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn acks_that_nobody_asked_for() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    for id in 0..10_000 {
        hostile.send_text(&format!("43{id}[1]")).await.unwrap();
    }
    survives(&mut hostile, "acks").await;
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

/// Each placeholder would be a copy of the attachment, if that were allowed.
#[tokio::test]
async fn thirty_thousand_placeholders_for_one_megabyte() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let holders = vec![r#"{"_placeholder":true,"num":0}"#; 30_000].join(",");
    hostile.send_text(&format!(r#"451-0["echo",[{holders}]]"#)).await.unwrap();
    let _ = hostile.send_message(Message::Binary(&vec![0; 990_000])).await;
    is_cut(hostile, 1002, "copies").await;
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn echoes_of_large_messages_that_nobody_reads() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let text = "x".repeat(900_000);
    let mut asked = 0;
    while asked < 1_000 && hostile.begin_call("echo", &text).await.is_ok() {
        asked += 1;
    }
    assert!(asked < 1_000, "it is cut");
    drop(hostile);
    // The outbox may hold 16 MiB, the backlog 1 MiB.
    scene.unharmed(2 * A_LITTLE).await;
}

/// The largest auth payloads that are legal; the connect handler sends them back.
#[tokio::test]
async fn auth_payloads_of_half_a_million_values() {
    let scene = Scene::new().await;
    let values = format!(r#"{{"a":[1{}]}}"#, ",1".repeat(480_000));
    let keys = format!(r#"{{"a":1{}}}"#, r#","a":1"#.repeat(160_000));
    let nested = format!(r#"{{"a":{}{}}}"#, "[".repeat(125), "]".repeat(125));
    for auth in [values, keys, nested] {
        let raw: &RawValue = serde_json::from_str(&auth).unwrap();
        let mut hostile = Client::connect(&scene.url, "/", raw).await.unwrap();
        let echoed = hostile.event().await.unwrap();
        assert_eq!(echoed.payload.args_text(), auth);
        survives(&mut hostile, &auth[..20]).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_hundred_thousand_namespaces_that_do_not_exist() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let name = "x".repeat(100);
    for number in 0..100_000 {
        if hostile.send_text(&format!("40/{number}{name},")).await.is_err() {
            break; // it is cut, as it reads no refusal
        }
    }
    drop(hostile);
    // The outbox may hold 65,536 refusals.
    scene.unharmed(2 * A_LITTLE).await;
}

/// The server makes one call at a time, and each waits for three seconds.
#[tokio::test]
async fn a_hundred_thousand_calls_that_nobody_answers() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let mut asked = 0;
    while asked < 100_000 && hostile.emit("emit-with-ack", &asked).await.is_ok() {
        asked += 1;
    }
    hostile.closed().await.unwrap(); // its code may be lost with what the server did not read
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

/// Some names of events that nobody handles are counted, so that they are logged once; none is kept at this length.
#[tokio::test]
async fn events_of_the_longest_names() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    for number in 0..110 {
        hostile.send_text(&format!(r#"42["{number}{}"]"#, "x".repeat(900_000))).await.unwrap();
    }
    survives(&mut hostile, "names").await;
    // Each character is twelve bytes in an answer that shows it.
    let answer = hostile.call_raw(&"\u{10ffff}".repeat(200_000), &()).await.unwrap();
    let text = answer.args_text();
    assert!(text.starts_with(r#"{"error":{"code":"no-handler""#), "{text}");
    assert!(text.len() < 1_000, "{} bytes", text.len());
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}
