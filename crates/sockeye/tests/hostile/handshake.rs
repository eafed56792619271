//! Attacks before there is a session, and by those who open one and do nothing with it.

use std::{collections::HashSet, time::Duration};

use http::StatusCode;
use sockeye::server::{Namespace, Server};
use sockeye_testkit::client::Client;
use tokio::io::AsyncWriteExt as _;

use crate::{
    common::{
        http::{Http, ask, ask_with},
        serve, until,
    },
    scene::{A_LITTLE, BAD_REQUEST, OK, Poller, Scene, UNKNOWN_SESSION},
    upgrade::UPGRADE,
};

const UNKNOWN_TRANSPORT: (u16, &str) = (400, r#"{"code":0,"message":"Transport unknown"}"#);
const UNSUPPORTED: (u16, &str) = (400, r#"{"code":5,"message":"Unsupported protocol version"}"#);
const BAD_METHOD: (u16, &str) = (400, r#"{"code":2,"message":"Bad handshake method"}"#);
const FOREIGN: (u16, &str) = (403, r#"{"code":4,"message":"Origin not allowed"}"#);

#[tokio::test]
async fn queries_that_no_client_sends() {
    let scene = Scene::new().await;
    let many = &"transport=polling&".repeat(700);
    let long_sid = &format!("transport=polling&sid={}", "A".repeat(12_000));
    for (query, expect) in [
        ("transport=__proto__", UNKNOWN_TRANSPORT),
        ("transport=constructor", UNKNOWN_TRANSPORT),
        ("transport=hasOwnProperty", UNKNOWN_TRANSPORT),
        ("transport=", UNKNOWN_TRANSPORT),
        ("transport=%70olling", UNKNOWN_TRANSPORT),
        ("transport[]=polling", UNKNOWN_TRANSPORT),
        ("transport=webtransport", UNKNOWN_TRANSPORT),
        ("transport=flashsocket", UNKNOWN_TRANSPORT),
        ("transport=POLLING", UNKNOWN_TRANSPORT),
        ("transport=polling%00", UNKNOWN_TRANSPORT),
        ("transport=polling,websocket", UNKNOWN_TRANSPORT),
        ("transport=polling;EIO=4", UNKNOWN_TRANSPORT),
        (many, UNKNOWN_TRANSPORT),
        ("transport=polling&transport=polling", UNKNOWN_TRANSPORT),
        ("transport=polling&EIO=5", UNSUPPORTED),
        ("transport=polling&EIO=3", UNSUPPORTED),
        ("transport=polling&EIO=4&EIO=4", UNSUPPORTED),
        ("transport=polling&EIO=__proto__", UNSUPPORTED),
        ("transport=polling&EIO=99999999999999999999", UNSUPPORTED),
        ("transport=polling&EIO=%34", UNSUPPORTED),
        ("transport=polling&EIO=", UNSUPPORTED),
        ("transport=polling&EIO=2", UNSUPPORTED),
        ("transport=polling&EIO=04", UNSUPPORTED),
        ("transport=polling&EIO=4.0", UNSUPPORTED),
        ("transport=polling&EIO=-4", UNSUPPORTED),
        ("transport=polling&EIO[]=4", UNSUPPORTED),
        ("transport=polling&sid=", UNKNOWN_SESSION),
        ("transport=polling&sid=__proto__", UNKNOWN_SESSION),
        ("transport=polling&sid=a&sid=b", UNKNOWN_SESSION),
        ("transport=polling&sid=AAAAAAAAAAAAAAAAAAA%00", UNKNOWN_SESSION),
        ("transport=polling&sid=../../../../etc/passwd", UNKNOWN_SESSION),
        (long_sid, UNKNOWN_SESSION),
        ("transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA", UNKNOWN_SESSION),
        (
            "transport=polling&j=0",
            (
                400,
                r#"{"code":3,"message":"JSONP is not supported; let the client poll by XHR or fetch"}"#,
            ),
        ),
        ("transport=websocket", BAD_REQUEST),
    ] {
        let eio = if query.contains("EIO") { "" } else { "&EIO=4" };
        let answer = ask(&scene.url, &format!("GET /socket.io/?{query}{eio}"), "").await;
        assert_eq!(answer.brief(), expect, "{query}");
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn methods_that_no_client_uses() {
    let scene = Scene::new().await;
    let new = "/socket.io/?EIO=4&transport=polling";
    let mut poller = Poller::open(&scene.url).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "X"] {
        let answer = ask(&scene.url, &format!("{method} {new}"), "").await;
        assert_eq!(answer.brief(), BAD_METHOD, "{method}");
        if method != "POST" {
            let answer = ask(&scene.url, &poller.line(method), "").await;
            assert_eq!(answer.brief(), BAD_REQUEST, "{method}");
        }
        let websocket = "/socket.io/?EIO=4&transport=websocket";
        let answer = ask(&scene.url, &format!("{method} {websocket}"), UPGRADE).await;
        assert_eq!(answer.brief(), BAD_METHOD, "{method}");
    }
    poller.is_alive().await; // nobody who has guessed an id ends its session by a method
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

/// What a client of another version would say of itself counts for nothing once the session is there.
#[tokio::test]
async fn a_session_is_asked_for_in_another_version() {
    let scene = Scene::with(&["--v3"]).await;
    let mut poller = Poller::open(&scene.url).await;
    for eio in ["EIO=3", "EIO=5", "EIO=3&EIO=4", "EIO=__proto__", "x"] {
        let line = format!("POST /socket.io/?{eio}&transport=polling&sid={}", poller.sid);
        let body = r#"420["echo",7]"#;
        let answer = ask_with(&scene.url, &line, "content-type: text/plain\r\n", body.as_bytes());
        assert_eq!(answer.await.brief(), OK, "{eio}");
        assert_eq!(poller.get().await.brief(), (200, "430[7]"), "{eio}");
    }
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_session_is_asked_for_on_the_other_transport() {
    let scene = Scene::new().await;
    let mut websocket = Http::connect(&scene.url).await;
    websocket.send("GET /socket.io/?EIO=4&transport=websocket", UPGRADE, b"").await;
    assert_eq!(websocket.read().await.status, 101);
    while !websocket.rest.ends_with(b"}") {
        websocket.more().await;
    }
    let open = String::from_utf8_lossy(&websocket.rest).into_owned();
    let sid = open.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
    for method in ["GET", "POST"] {
        let line = format!("{method} /socket.io/?EIO=4&transport=polling&sid={sid}");
        assert_eq!(ask(&scene.url, &line, "").await.brief(), BAD_REQUEST, "{line}");
    }
    drop(websocket);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn pages_of_another_origin() {
    let scene = Scene::new().await;
    for transport in ["polling", "websocket"] {
        let line = format!("GET /socket.io/?EIO=4&transport={transport}");
        for origin in
            ["https://evil.example", "null", "http://x.evil.example", "http://evil.example/x"]
        {
            let answer = ask(&scene.url, &line, &format!("{UPGRADE}origin: {origin}\r\n")).await;
            assert_eq!(answer.brief(), FOREIGN, "{transport} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn headers_without_end() {
    let scene = Scene::new().await;
    let line = "GET /socket.io/?EIO=4&transport=websocket";
    let many = format!("{UPGRADE}{}", "x: y\r\n".repeat(2_001));
    let long = format!("{UPGRADE}x: {}\r\n", "y".repeat(1_000_000));
    let protocols = format!("{UPGRADE}sec-websocket-protocol: {}\r\n", "a,".repeat(500_000));
    for headers in [many, long, protocols] {
        let mut http = Http::connect(&scene.url).await;
        http.send(line, &headers, b"").await;
        let status = http.read().await.status;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16());
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn headers_of_odd_bytes() {
    let scene = Scene::new().await;
    let line = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\n";
    for (header, status) in [
        (&b"sec-websocket-protocol: \xff\xc3\xa4"[..], 400),
        (b"sec-websocket-protocol: ,,,,", 101),
        (b"sec-websocket-extensions: permessage-deflate; server_max_window_bits=99", 101),
        (b"sec-websocket-extensions: \xff", 400),
        (b"cookie: \xff=\xfe", 101),
        (b"origin: \xff", 400),
        (b"origin: http://x\r\norigin: http://x", 400),
        (b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", 400), // a second one
    ] {
        let mut http = Http::connect(&scene.url).await;
        http.write(&[line.as_bytes(), UPGRADE.as_bytes(), header, b"\r\n\r\n"].concat()).await;
        let answer = http.read().await;
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(header));
        assert_eq!(answer.header("sec-websocket-extensions"), "", "no compression is agreed on");
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn two_hundred_requests_that_never_end() {
    let scene = Scene::new().await;
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut http = Http::connect(&scene.url).await;
        http.write(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\nx").await;
        held.push(http);
    }
    Poller::open(&scene.url).await.is_alive().await; // others come in as before
    drop(held);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn sessions_that_nobody_joins() {
    let builder = Server::builder().connect_timeout(Duration::from_millis(200));
    let server = builder.namespace("/", Namespace::new()).build().unwrap();
    let url = serve(&server).await;
    let mut bystander = Client::connect(&url, "/", ()).await.unwrap();
    let mut idle = Client::open(&url).await.unwrap();
    let poller = Poller::begin(&url, 4).await;
    idle.closed().await.unwrap();
    let (code, reason) = idle.close_frame().unwrap();
    assert_eq!((code, reason), (1000, "forced server close"));
    poller.is_over("nobody joined").await;
    until(|| server.sessions() == 1).await;
    server.of("/").emit("said", ()).unwrap();
    assert_eq!(bystander.event().await.unwrap().name, "said");
}

#[tokio::test]
async fn ids_that_are_guessed() {
    let scene = Scene::new().await;
    let mut seen = HashSet::new();
    for _ in 0..500 {
        let sid = Poller::begin(&scene.url, 4).await.sid;
        assert!(sid.len() >= 20, "{sid} has fewer than 120 bits");
        assert!(seen.insert(sid));
    }
    for at in 0..20 {
        let letters: HashSet<u8> = seen.iter().map(|sid| sid.as_bytes()[at]).collect();
        assert!(letters.len() > 48, "of 64, letter {at} takes {} values", letters.len());
    }
    scene.unharmed(A_LITTLE).await;
}

/// Who sends before it was answered gets no other treatment.
#[tokio::test]
async fn frames_that_come_with_the_request() {
    let scene = Scene::new().await;
    let head = |query: &str| {
        let line = format!("GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1");
        format!("{line}\r\nhost: x\r\n{UPGRADE}\r\n")
    };
    for (what, frames) in [
        ("RSV1", &b"\xc1\x80\0\0\0\0"[..]),
        ("RSV2", b"\xa1\x80\0\0\0\0"),
        ("RSV3", b"\x91\x80\0\0\0\0"),
        ("unmasked", b"\x81\x0240"),
        ("2^63 - 1 bytes", b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
        ("garbage", &[0xff; 8_000]),
        ("half a frame, and the end", b"\x81\xfe\x10\0\0\0\0\0x"),
        ("another request", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"),
    ] {
        let mut http = Http::connect(&scene.url).await;
        http.write(&[head("").as_bytes(), frames].concat()).await;
        assert_eq!(http.read().await.status, 101, "{what}");
        http.stream.shutdown().await.unwrap();
        http.ended().await;

        let mut poller = Poller::open(&scene.url).await;
        let mut http = Http::connect(&scene.url).await;
        let request = head(&format!("&sid={}", poller.sid));
        http.write(&[request.as_bytes(), frames].concat()).await;
        assert_eq!(http.read().await.status, 101, "{what}");
        http.stream.shutdown().await.unwrap();
        http.ended().await;
        poller.is_alive().await;
    }
    scene.unharmed(A_LITTLE).await;
}
