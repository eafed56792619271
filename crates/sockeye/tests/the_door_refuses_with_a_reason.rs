//! Requests that open no session are answered with Engine.IO's error codes, before any upgrade.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::serve;
use sockeye::server::{Namespace, Server};
use sockeye_testkit::client::{Client, request};

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn server() -> Server {
    Server::builder().namespace("/", Namespace::new()).build().unwrap()
}

/// Status and body of the answer.
async fn ask(url: &str, line: &str, headers: &str) -> (String, String) {
    let headers = if headers.contains("onnection") {
        headers.to_owned()
    } else {
        format!("connection: close\r\n{headers}")
    };
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n{headers}\r\n");
    let answer = request(url, &head).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    (status, answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn every_error_has_its_code() {
    let url = serve(&server()).await;
    let body = |code: u8, message: &str| format!(r#"{{"code":{code},"message":"{message}"}}"#);
    let transport = body(0, "Transport unknown");
    let session = body(1, "Session ID unknown");
    let method = body(2, "Bad handshake method");
    let bad = body(3, "Bad request");
    let version = body(5, "Unsupported protocol version");
    let unknown_sid = "a".repeat(20);
    for (line, headers, expect) in [
        ("GET /socket.io/", "", &transport),
        ("GET /socket.io/?EIO=4", "", &transport),
        ("GET /socket.io/?EIO=4&transport=webtransport", "", &transport),
        ("GET /socket.io/?EIO=4&transport=__proto__", "", &transport),
        ("GET /socket.io/?EIO=4&transport=constructor", "", &transport),
        ("GET /socket.io/?EIO=4&transport[]=websocket", "", &transport),
        ("GET /socket.io/?EIO=4&transport=", "", &transport),
        ("GET /socket.io/?transport=websocket", "", &version),
        ("GET /socket.io/?EIO=3&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=5&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=44&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=&transport=websocket", "", &version),
        (&format!("GET /socket.io/?EIO=4&transport=websocket&sid={unknown_sid}"), "", &session),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=short", "", &session),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=", "", &session),
        ("POST /socket.io/?EIO=4&transport=websocket", "", &method),
        ("OPTIONS /socket.io/?EIO=4&transport=websocket", "", &method),
        ("PUT /socket.io/?EIO=4&transport=websocket", "", &method),
        ("GET /socket.io/?EIO=4&transport=websocket", "", &bad),
        ("GET /socket.io/?EIO=4&transport=websocket", "connection: Upgrade\r\n", &bad),
        (
            "GET /socket.io/?EIO=4&transport=websocket",
            "connection: Upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
            &bad,
        ),
    ] {
        // Without `close` hyper keeps the stream for another request.
        let headers = headers.replace("connection: Upgrade\r\n", "connection: Upgrade, close\r\n");
        let answer = ask(&url, line, &headers).await;
        assert_eq!(answer, ("400".to_owned(), expect.clone()), "{line}");
    }
}

#[tokio::test]
async fn both_paths_open_a_session_without_being_asked_twice() {
    let server = server();
    let url = serve(&server).await;
    for path in ["/socket.io/", "/socket.io"] {
        let client = Client::connect(&format!("{url}{path}"), "/", ()).await.unwrap();
        assert_eq!(server.sessions(), 1);
        client.close().await.unwrap();
        common::until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_not_lost() {
    let url = serve(&server()).await;
    // A masked `40` behind the request, in the same write, and a close frame, which ends the stream.
    let head =
        format!("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n{UPGRADE}\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend(b"\x81\x82\0\0\0\x0040\x88\x80\0\0\0\0");
    let answer = common::exchange(&url, &bytes).await;
    assert!(answer.contains("HTTP/1.1 101"), "{answer}");
    assert!(answer.contains(r#"40{"sid":""#), "{answer}");
    assert!(answer.ends_with("\u{fffd}\0"), "the close frame is answered: {answer}");
}

#[tokio::test]
async fn public_ids_are_not_the_sessions_secret() {
    let url = serve(&server()).await;
    let mut client = Client::open(&url).await.unwrap();
    let data = client.join("/", ()).await.unwrap();
    assert_eq!(data, format!(r#"{{"sid":"{}"}}"#, client.id()));
    // The public id opens no door.
    let line = format!("GET /socket.io/?EIO=4&transport=websocket&sid={}", client.id());
    let (_, body) = ask(&url, &line, "").await;
    assert!(body.contains("Session ID unknown"), "{body}");
}
