//! Requests that open no session are answered with Engine.IO's error codes, before any upgrade.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{
    http::{self, Http},
    polling::Polling,
    serve, until,
};
use sockeye::server::{BuildError, Builder, Namespace, Origins, Server};
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
        ("GET /socket.io/?EIO=4&transport=polling&transport=polling", "", &transport),
        ("GET /socket.io/?EIO=4&transport=webtransport", "", &transport),
        ("GET /socket.io/?EIO=4&transport=Polling", "", &transport),
        ("GET /socket.io/?EIO=4&transport=__proto__", "", &transport),
        ("GET /socket.io/?EIO=4&transport=constructor", "", &transport),
        ("GET /socket.io/?EIO=4&transport[]=websocket", "", &transport),
        ("GET /socket.io/?EIO=4&transport=", "", &transport),
        ("GET /socket.io/?transport=websocket", "", &version),
        ("GET /socket.io/?EIO=3&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=5&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=44&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=&transport=websocket", "", &version),
        ("GET /socket.io/?EIO=4&EIO=4&transport=websocket", "", &version),
        ("GET /socket.io/?transport=polling", "", &version),
        ("GET /socket.io/?EIO=3&transport=polling", "", &version),
        ("GET /socket.io/?EIO=5&transport=polling", "", &version),
        (&format!("GET /socket.io/?EIO=4&transport=websocket&sid={unknown_sid}"), "", &session),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=short", "", &session),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=", "", &session),
        ("GET /socket.io/?EIO=4&transport=polling&sid=__proto__", "", &session),
        (&format!("POST /socket.io/?EIO=4&transport=polling&sid={unknown_sid}"), "", &session),
        ("POST /socket.io/?EIO=4&transport=websocket", "", &method),
        ("OPTIONS /socket.io/?EIO=4&transport=websocket", "", &method),
        ("PUT /socket.io/?EIO=4&transport=websocket", "", &method),
        ("POST /socket.io/?EIO=4&transport=polling", "", &method),
        ("OPTIONS /socket.io/?EIO=4&transport=polling", "", &method),
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
async fn of_several_errors_the_first_in_the_reference_s_order_is_told() {
    let url = serve(&server()).await;
    let (odd, foreign) = ("origin: \u{e4}\r\n", "origin: http://evil.example\r\n");
    let polling = Polling::open(&url).await;
    let known = &polling.sid;
    for (line, headers, code) in [
        // transport, before the origin's characters
        ("POST /socket.io/?EIO=1&transport=x&sid=nobody".to_owned(), odd, 0),
        // the origin's characters, before the session
        ("POST /socket.io/?EIO=1&transport=polling&sid=nobody".to_owned(), odd, 3),
        // a foreign origin learns of no session
        (format!("GET /socket.io/?EIO=4&transport=polling&sid={known}"), foreign, 4),
        ("GET /socket.io/?EIO=4&transport=polling&sid=nobody".to_owned(), foreign, 4),
        // the session, before its transport and the method
        ("PUT /socket.io/?EIO=1&transport=websocket&sid=nobody".to_owned(), "", 1),
        // its transport
        (format!("GET /socket.io/?EIO=4&transport=websocket&sid={known}"), "", 3),
        // the method, before the version
        ("POST /socket.io/?EIO=1&transport=websocket".to_owned(), "", 2),
        // the version, before there is an upgrade; the reference looks at it behind everything else
        ("GET /socket.io/?EIO=1&transport=websocket".to_owned(), "", 5),
        ("GET /socket.io/?EIO=4&transport=websocket".to_owned(), "", 3),
    ] {
        let answer = http::ask(&url, &line, headers).await;
        let status = if code == 4 { 403 } else { 400 };
        assert_eq!(answer.status, status, "{line}: {}", answer.text());
        let expect = format!("{{\"code\":{code},");
        assert!(answer.text().starts_with(&expect), "{line}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_request_for_a_websocket_is_refused_before_there_is_one() {
    let url = serve(&server()).await;
    for (query, code) in [
        ("EIO=4&transport=x", 0),
        ("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA", 1),
        ("EIO=5&transport=websocket", 5),
        ("transport=websocket", 5),
    ] {
        let answer = http::ask(&url, &format!("GET /socket.io/?{query}"), UPGRADE).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert!(answer.text().starts_with(&format!("{{\"code\":{code},")), "{}", answer.text());
    }
}

#[tokio::test]
async fn transports_that_are_off_are_unknown() {
    let (polling, websocket) =
        ("GET /socket.io/?EIO=4&transport=polling", "GET /socket.io/?EIO=4&transport=websocket");
    let unknown = (400, r#"{"code":0,"message":"Transport unknown"}"#);
    let build = |change: fn(Builder) -> Builder| {
        change(Server::builder().namespace("/", Namespace::new())).build()
    };
    let url = serve(&build(|builder| builder.polling(false)).unwrap()).await;
    assert_eq!(http::ask(&url, polling, "").await.brief(), unknown);
    assert_eq!(http::ask(&url, websocket, UPGRADE).await.status, 101);
    let url = serve(&build(|builder| builder.websocket(false)).unwrap()).await;
    assert_eq!(http::ask(&url, polling, "").await.status, 200);
    assert_eq!(http::ask(&url, websocket, UPGRADE).await.brief(), unknown);
    let neither = build(|builder| builder.websocket(false).polling(false));
    assert!(matches!(neither, Err(BuildError::NoTransport)), "{neither:?}");
}

#[tokio::test]
async fn a_request_must_name_one_host() {
    let plain = serve(&server()).await;
    let builder = Server::builder().namespace("/", Namespace::new()).origins(Origins::any());
    let cors = serve(&builder.build().unwrap()).await;
    let preflight = "OPTIONS /socket.io/?EIO=4&transport=polling";
    let polling = "GET /socket.io/?EIO=4&transport=polling";
    let websocket = "GET /socket.io/?EIO=4&transport=websocket";
    for (url, line, version, hosts, status) in [
        (polling, "1.1", "host: x\r\n", 200),
        (polling, "1.1", "host: \r\n", 200),
        (polling, "1.1", "", 400),
        (polling, "1.1", "host: x\r\nhost: x\r\n", 400),
        (polling, "1.1", "host: x\r\nhost: y\r\n", 400),
        (polling, "1.1", "host: x, y\r\n", 400),
        (polling, "1.0", "", 200), // it was made without
        (polling, "1.0", "host: x\r\nhost: y\r\n", 400),
        (websocket, "1.1", "host: x\r\n", 101),
        (websocket, "1.1", "", 400),
        (websocket, "1.1", "host: x\r\nhost: y\r\n", 400),
        ("POST /socket.io/?EIO=4&transport=polling&sid=nobody", "1.1", "", 400),
    ]
    .map(|(line, version, hosts, status)| (&plain, line, version, hosts, status))
    .into_iter()
    .chain([
        (&cors, preflight, "1.1", "host: x\r\n", 204),
        (&cors, preflight, "1.1", "", 400),
        (&cors, preflight, "1.1", "host: x\r\nhost: y\r\n", 400),
        (&cors, polling, "1.1", "", 400),
    ]) {
        let mut http = Http::connect(url).await;
        let request = format!("{line} HTTP/{version}\r\n{hosts}{UPGRADE}\r\n");
        http.write(request.as_bytes()).await;
        let answer = http.read().await;
        assert_eq!(answer.status, status, "{request:?}");
        if status == 400 {
            assert_eq!(answer.text(), r#"{"code":3,"message":"Bad request"}"#, "{request:?}");
        }
    }
}

#[tokio::test]
async fn the_first_subprotocol_that_is_offered_is_spoken() {
    let server = Server::builder().namespace("/", Namespace::new()).engine_v3(true).build();
    let url = serve(&server.unwrap()).await;
    for (offers, expect) in [
        ("", ""),
        ("sec-websocket-protocol: token123, chat\r\n", "token123"),
        ("sec-websocket-protocol: , b\r\nsec-websocket-protocol: a\r\n", "b"),
    ] {
        let session = Polling::open(&url).await;
        for query in ["EIO=4", "EIO=3", &format!("EIO=4&sid={}", session.sid)] {
            let line = format!("GET /socket.io/?transport=websocket&{query}");
            let answer = http::ask(&url, &line, &format!("{offers}{UPGRADE}")).await;
            assert_eq!(answer.status, 101, "{query}: {offers}");
            assert_eq!(answer.header("sec-websocket-protocol"), expect, "{query}: {offers}");
        }
    }
}

#[tokio::test]
async fn odd_headers_hurt_nobody() {
    let server = server();
    let url = serve(&server).await;
    let many: String = (0..2_500).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(1_000_000));
    let line = "GET /socket.io/?EIO=4&transport=polling";
    for headers in [many, long] {
        let mut http = Http::connect(&url).await;
        http.send(line, &headers, b"").await;
        let answer = http.read().await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    for (header, status) in [
        ("sec-websocket-protocol: caf\u{e9}\r\n", 400),
        ("sec-websocket-protocol: a, , b\r\n", 101),
        ("sec-websocket-protocol: \"a\r\n", 400),
        ("sec-websocket-extensions: permessage-deflate; client_max_window_bits=99\r\n", 101),
        ("cookie: io=\u{e4}; io=x\r\n", 101),
        ("user-agent: \u{e4}\r\n", 101),
    ] {
        let line = "GET /socket.io/?EIO=4&transport=websocket";
        let answer = http::ask(&url, line, &format!("{header}{UPGRADE}")).await;
        assert_eq!(answer.status, status, "{header}");
    }
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn both_paths_open_a_session_without_being_asked_twice() {
    let server = server();
    let url = serve(&server).await;
    for path in ["/socket.io/", "/socket.io"] {
        let client = Client::connect(&format!("{url}{path}"), "/", ()).await.unwrap();
        assert_eq!(server.sessions(), 1);
        client.close().await.unwrap();
        until(|| server.sessions() == 0).await;
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
