//! Attacks on limits that the application sets, with a server in the test's own process.

use std::time::Duration;

use sockeye::{
    event::{Ack, RawArgs, Value},
    server::{Namespace, Server},
};
use sockeye_proto::wire::ws::Message;
use sockeye_testkit::{
    Heard,
    client::{Client, ClientError},
};

use crate::common::{serve, until};

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
            .attachments_timeout(Duration::from_millis(200))
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
    assert_eq!(scene.server.of("/a").local_count(), 0);
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

#[tokio::test]
async fn an_attachment_that_never_comes() {
    let mut scene = Scene::new().await;
    let mut hostile = scene.hostile().await;
    let holders = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    hostile.send_text(&format!(r#"452-["echo",{holders}]"#)).await.unwrap();
    hostile.send_message(Message::Binary(b"x")).await.unwrap();
    scene.ended(hostile, 1002, "one of two attachments").await;
}
