//! Attachments may come in as base64 text on a WebSocket, and go out so to whoever asked for it by `b64`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use common::{Requests, polling::Polling};
use sockeye::{
    event::{Ack, RawArgs},
    server::{Namespace, Server},
    ws::{self, Message, WebSocket},
};

const PHOTO: &str = r#"451-["echo",{"_placeholder":true,"num":0}]"#;

async fn serve() -> String {
    let namespace = Namespace::new().on("echo", async |args: RawArgs| Ack(args));
    let server = Server::builder().engine_v3(true).namespace("/", namespace).build().unwrap();
    Requests::serve(&server).await.0
}

/// The next message: a text as it is, bytes in brackets.
async fn next(websocket: &mut WebSocket) -> String {
    let received = tokio::time::timeout(Duration::from_secs(10), websocket.recv()).await;
    match received.unwrap().unwrap() {
        Some(Message::Text(text)) => text.to_string(),
        Some(Message::Binary(bytes)) => format!("{bytes:?}", bytes = bytes.as_ref()),
        other => panic!("{other:?} is no message"),
    }
}

/// Says `said` once joined; the answer is an ack of one attachment, which follows as `expect`.
async fn check(query: &str, greetings: usize, said: [&str; 2], expect: &str) {
    let url = serve().await.replace("http", "ws");
    let mut websocket = ws::connect(format!("{url}/socket.io/?{query}")).await.unwrap();
    for _ in 0..greetings {
        next(&mut websocket).await;
    }
    if greetings == 1 {
        websocket.send("40").await.unwrap();
        assert!(next(&mut websocket).await.starts_with("40{"), "{query}");
    }
    for message in said {
        websocket.send(message).await.unwrap();
    }
    assert_eq!(next(&mut websocket).await, r#"461-1[{"_placeholder":true,"num":0}]"#, "{query}");
    assert_eq!(next(&mut websocket).await, expect, "{query}");
    websocket.send(r#"422["echo",1]"#).await.unwrap();
    assert_eq!(next(&mut websocket).await, "432[1]", "{query}: the session goes on");
}

#[tokio::test]
async fn text_is_read_and_answered_as_was_asked_for() {
    let said = PHOTO.replacen('-', "-1", 1);
    // What npm's server answers, to the byte.
    check("EIO=4&transport=websocket", 1, [&said, "bAQID"], "[1, 2, 3]").await;
    check("EIO=4&transport=websocket&b64=1", 1, [&said, "bAQID"], "bAQID").await;
    check("EIO=4&transport=websocket", 1, [&said, "bAQIDBB=="], "[1, 2, 3, 4]").await; // bits left over
    check("EIO=4&transport=websocket", 1, [&said, "b"], "[]").await;
    // In version 3 there is the type in between, and `/` is joined unasked.
    check("EIO=3&transport=websocket", 2, [&said, "b4AQID"], "[4, 1, 2, 3]").await;
    check("EIO=3&transport=websocket&b64=1", 2, [&said, "b4AQID"], "b4AQID").await;
}

#[tokio::test]
async fn text_that_is_no_base64_ends_the_session() {
    let url = serve().await.replace("http", "ws");
    let mut websocket =
        ws::connect(format!("{url}/socket.io/?EIO=4&transport=websocket")).await.unwrap();
    next(&mut websocket).await;
    websocket.send("40").await.unwrap();
    next(&mut websocket).await;
    websocket.send(PHOTO).await.unwrap();
    websocket.send("b!").await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(10), websocket.recv()).await.unwrap();
    assert!(matches!(closed, Ok(Some(Message::Close(_)))), "{closed:?}");
}

#[tokio::test]
async fn each_transport_has_its_own_word_on_that() {
    for (on_polling, on_websocket, text, expect) in [
        ("&b64=1", "&b64=1", "bAQID", "bAQID"),
        ("&b64=1", "", "bAQID", "[1, 2, 3]"),
        ("", "&b64=1", "bAQID", "bAQID"),
    ] {
        let url = serve().await;
        let mut session = Polling::open_with(&url, on_polling).await.joined().await;
        assert_eq!(
            session.post(&format!("{}\u{1e}bAQID", PHOTO.replacen('-', "-1", 1))).await.status,
            200
        );
        let answer = session.packets(2).await;
        assert_eq!(answer, [r#"461-1[{"_placeholder":true,"num":0}]"#, text]);
        let websocket_url = format!("{}{on_websocket}", session.websocket_url());
        let mut websocket = ws::connect(websocket_url).await.unwrap();
        websocket.send("2probe").await.unwrap();
        assert_eq!(next(&mut websocket).await, "3probe");
        websocket.send("52").await.unwrap(); // some clients write something behind the digit
        websocket.send(PHOTO.replacen('-', "-1", 1)).await.unwrap();
        websocket.send("bAQID").await.unwrap();
        assert_eq!(next(&mut websocket).await, r#"461-1[{"_placeholder":true,"num":0}]"#);
        assert_eq!(next(&mut websocket).await, expect, "{on_polling} {on_websocket}");
    }
}
