//! What no correct client sends ends that session, with the close code that says why, while another goes on unaware.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use common::{serve, until};
use sockeye::{
    event::{Ack, RawArgs, Value},
    server::{Namespace, Server},
};
use sockeye_proto::wire::ws::{FrameHeader, Message, Opcode, apply_mask};
use sockeye_testkit::{
    Heard,
    client::{Client, ClientError},
};

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn typed(args: sockeye::event::Args<(Value,)>) -> Ack<Value> {
    Ack(args.0.0)
}

/// A server, and a client that must not notice anything.
struct Scene {
    server: Server,
    url: String,
    witness: Client,
}

impl Scene {
    async fn new() -> Self {
        let namespace = || Namespace::new().on("echo", echo).on("typed", typed);
        let server = Server::builder()
            .max_namespaces(2)
            .namespace("/", namespace())
            .namespace("/a", namespace())
            .namespace("/b", namespace())
            .build()
            .unwrap();
        let url = serve(&server).await;
        let witness = Client::connect(&url, "/", ()).await.unwrap();
        Self { server, url, witness }
    }

    async fn hostile(&self) -> Client {
        Client::connect(&self.url, "/", ()).await.unwrap()
    }

    /// The hostile client's session is over, with this code; the witness has heard nothing but its own answer.
    async fn ended(&mut self, mut hostile: Client, code: u16, what: &str) {
        hostile.closed().await.unwrap();
        assert_eq!(hostile.close_frame().map(|(code, _)| code), Some(code), "{what}");
        drop(hostile);
        self.unnoticed(what).await;
        let server = &self.server;
        until(|| server.sessions() == 1).await;
    }

    /// The hostile client's session goes on.
    async fn survived(&mut self, hostile: &mut Client, what: &str) {
        assert_eq!(hostile.call::<u8>("echo", &7).await.unwrap(), 7, "{what}");
        self.unnoticed(what).await;
    }

    async fn unnoticed(&mut self, what: &str) {
        assert_eq!(self.witness.call::<u8>("echo", &7).await.unwrap(), 7, "{what}");
    }
}

/// A frame as a client sends it: masked.
fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let payload_bytes = payload.len() as u64;
    let header = FrameHeader { fin, rsv1: false, opcode, mask: Some(key), payload_bytes };
    let mut bytes = Vec::new();
    header.encode_into(&mut bytes);
    let mut payload = payload.to_vec();
    apply_mask(&mut payload, key, 0);
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn packets_that_no_client_sends() {
    let mut scene = Scene::new().await;
    let deep = format!(r#"42["echo",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let deep_placeholder = format!(
        r#"451-["echo",{}{{"_placeholder":true,"num":0}}{}]"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let many = format!(r#"42["echo"{}]"#, ",1".repeat(450_000));
    let many_in_ack = format!("430[1{}]", ",1".repeat(450_000));
    let deep_auth = format!(r#"40/a,{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for text in [
        r#"4599999999-["x"]"#,
        r#"4511-["x"]"#,
        r#"450-["x"]"#,
        r#"45-["x"]"#,
        "42[{}]",
        r#"42[["a"]]"#,
        "42[null]",
        "42{}",
        "42[]",
        r#"42["connect"]"#,
        r#"42["disconnecting"]"#,
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
        &deep_auth,
    ] {
        let mut hostile = scene.hostile().await;
        hostile.send_text(text).await.unwrap();
        scene.ended(hostile, 1002, &text[..text.len().min(40)]).await;
    }
}

#[tokio::test]
async fn placeholders_that_point_nowhere() {
    let mut scene = Scene::new().await;
    for num in ["\"splice\"", "5", "-1", "1.5", "null", "18446744073709551616"] {
        let mut hostile = scene.hostile().await;
        let text = format!(r#"451-["echo",{{"_placeholder":true,"num":{num}}}]"#);
        hostile.send_text(&text).await.unwrap();
        let _ = hostile.send_message(Message::Binary(b"x")).await;
        scene.ended(hostile, 1002, num).await;
    }
}

#[tokio::test]
async fn binary_messages_that_nobody_announced() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    hostile.send_text(r#"451-["echo",{"_placeholder":true,"num":0}]"#).await.unwrap();
    for _ in 0..100 {
        let _ = hostile.send_message(Message::Binary(&[0; 1_000])).await;
    }
    scene.ended(hostile, 1002, "endless binary").await;
}

#[tokio::test]
async fn json_that_is_odd_but_legal_is_handled() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    let keys: Vec<_> = (0..60_000).map(|key| format!("\"{key}\":0")).collect();
    let many_keys = format!("{{{}}}", keys.join(","));
    let nested = format!("{}{}", "[".repeat(120), "]".repeat(120));
    for (json, typed) in [
        (r#""\ud800""#, None), // a lone surrogate: text stays text, types can't hold it
        (r#"{"a":1,"a":2}"#, Some(r#"{"a":2}"#)),
        (r#"{"__proto__":{"admin":true}}"#, Some(r#"{"__proto__":{"admin":true}}"#)),
        ("1e400", None),
        (r#""\u0000""#, Some(r#""\u0000""#)),
        (nested.as_str(), Some(nested.as_str())),
        (many_keys.as_str(), Some("")),
    ] {
        let what = &json[..json.len().min(40)];
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        let answer = hostile.call_raw("echo", &(raw,)).await.unwrap();
        assert_eq!(answer.args_text(), json, "{what}");
        let answer = hostile.call_raw("typed", &(raw,)).await.unwrap();
        match typed {
            Some("") => {}
            Some(expect) => assert_eq!(answer.args_text(), expect, "{what}"),
            None => {
                let text = answer.args_text();
                assert!(text.starts_with(r#"{"error":{"code":"bad-arguments""#), "{what}: {text}");
            }
        }
    }
    // Names nobody handles, numbers as names, and one that other libraries choke on.
    for text in ["42[1]", r#"42["error"]"#, r#"42["__proto__"]"#, r#"42["a\u0000b"]"#, "3", "6"] {
        hostile.send_text(text).await.unwrap();
        scene.survived(&mut hostile, text).await;
    }
}

#[tokio::test]
async fn frames_that_break_rfc_6455() {
    let mut scene = Scene::new().await;
    let long_ping = frame(true, Opcode::Ping, &[0; 126]);
    let mut endless = vec![0x82, 0xff];
    endless.extend((u64::MAX / 2).to_be_bytes());
    endless.extend([0; 4]);
    let mut large = vec![0x82, 0xff];
    large.extend(16_000_000_u64.to_be_bytes());
    large.extend([0; 5]); // the first byte of it
    let close = |code: u16| frame(true, Opcode::Close, &code.to_be_bytes());
    for (what, bytes, code) in [
        ("unmasked", b"\x81\x01x".to_vec(), 1002),
        ("a reserved bit", vec![0xa1, 0x80, 0, 0, 0, 0], 1002),
        ("compression that was not agreed", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
        ("a reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a long ping", long_ping, 1002),
        ("a fragmented ping", frame(false, Opcode::Ping, b"x"), 1002),
        ("a continuation of nothing", frame(true, Opcode::Continuation, b"x"), 1002),
        ("a length of 2^63 - 1", endless, 1009),
        ("16 MB, announced", large, 1009),
        ("invalid UTF-8", frame(true, Opcode::Text, b"4\xff"), 1007),
        ("a reserved close code", close(1005), 1002),
        ("an unknown close code", close(2999), 1002),
        ("half a close code", frame(true, Opcode::Close, &[3]), 1002),
    ] {
        let mut hostile = scene.hostile().await;
        hostile.send_bytes(&bytes).await.unwrap();
        scene.ended(hostile, code, what).await;
    }
}

#[tokio::test]
async fn fragments_without_end() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    let mut bytes = frame(false, Opcode::Text, b"4");
    for _ in 0..100_000 {
        bytes.extend(frame(false, Opcode::Continuation, b""));
    }
    let _ = hostile.send_bytes(&bytes).await;
    let _ = hostile.closed().await;
    drop(hostile);
    let server = scene.server.clone();
    until(|| server.sessions() == 1).await;
    scene.unnoticed("empty fragments").await;

    let mut hostile = scene.hostile().await;
    let mut bytes = frame(false, Opcode::Text, b"42[\"echo\",\"");
    for _ in 0..50_000 {
        bytes.extend(frame(false, Opcode::Continuation, b"x"));
    }
    bytes.extend(frame(true, Opcode::Continuation, b"\"]"));
    hostile.send_bytes(&bytes).await.unwrap();
    scene.survived(&mut hostile, "50,000 fragments of one byte").await;
}

#[tokio::test]
async fn floods_of_pings_and_pongs() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    for (opcode, payload) in [(Opcode::Pong, &b"x"[..]), (Opcode::Ping, b"x"), (Opcode::Text, b"3")]
    {
        let flood = frame(true, opcode, payload).repeat(100_000);
        hostile.send_bytes(&flood).await.unwrap();
        scene.survived(&mut hostile, &format!("{opcode:?}")).await;
    }
}

#[tokio::test]
async fn namespaces_without_number() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    // Those that do not exist are refused one by one, and cost nothing.
    for number in 0..1_000 {
        hostile.send_text(&format!("40/{number}{},", "x".repeat(100))).await.unwrap();
    }
    scene.survived(&mut hostile, "unknown namespaces").await;
    match hostile.join("/nowhere", ()).await {
        Err(ClientError::Refused { error }) => assert!(error.contains("Invalid namespace")),
        other => panic!("{other:?}"),
    }
    hostile.join("/a", ()).await.unwrap();
    hostile.send_text("40/b,").await.unwrap();
    scene.ended(hostile, 1002, "one more than two").await;
    assert_eq!(scene.server.count("/a", None), 0);
}

#[tokio::test]
async fn acks_that_nobody_asked_for() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    for id in 0..10_000 {
        hostile.send_text(&format!("43{id}[1]")).await.unwrap();
    }
    scene.survived(&mut hostile, "acks").await;
}

#[tokio::test]
async fn the_witness_hears_what_is_meant_for_all() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    hostile.send_text("garbage").await.unwrap();
    scene.server.of("/").emit("said", ()).unwrap();
    assert!(matches!(scene.witness.next().await.unwrap(), Heard::Event { .. }));
    scene.ended(hostile, 1002, "garbage").await;
}
