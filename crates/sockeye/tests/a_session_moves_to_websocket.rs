//! A session on polling moves to a WebSocket that has proved itself; a WebSocket that has not costs it nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use common::{
    Notes, Read, Requests,
    http::ask,
    polling::{Polling, sid_of},
    until,
};
use sockeye::{
    event::{Ack, RawArgs, State},
    server::{Builder, Namespace, Reason, Server},
    ws::{self, WebSocket},
};

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const BAD: (u16, &str) = (400, r#"{"code":3,"message":"Bad request"}"#);

async fn left(reason: Reason, State(notes): State<Notes>) {
    notes.add(reason.to_string());
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

struct Scene {
    server: Server,
    url: String,
    read: Read,
    requests: Requests,
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> Scene {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new().on_disconnect(left).on("echo", echo);
    let builder = Server::builder().state(notes).namespace("/", namespace);
    let server = change(builder).build().unwrap();
    let (url, requests) = Requests::serve(&server).await;
    Scene { server, url, read, requests }
}

async fn text(websocket: &mut WebSocket) -> String {
    let received = tokio::time::timeout(Duration::from_secs(10), websocket.recv()).await;
    match received.unwrap().unwrap() {
        Some(ws::Message::Text(text)) => text.to_string(),
        Some(ws::Message::Close(_)) | None => "(closed)".to_owned(),
        Some(other) => panic!("{other:?} is no text"),
    }
}

/// Does the client's part, but for the GETs that wait.
async fn upgrade(session: &Polling) -> WebSocket {
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    websocket.send("5").await.unwrap();
    websocket
}

/// That the session is on polling still, and well.
async fn goes_on(session: &mut Polling) {
    assert_eq!(session.post(r#"427["echo","polling"]"#).await.brief(), (200, "ok"));
    assert_eq!(session.packets(1).await, [r#"437["polling"]"#]);
}

#[tokio::test]
async fn it_moves_and_polling_is_over() {
    let Scene { server, url, mut read, requests } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    requests.arrived(session.begin_get()).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    // The GET that waits is let go, or the client could not pause.
    assert_eq!(session.get.read().await.brief(), (200, "6"));
    websocket.send("5").await.unwrap();
    websocket.send(r#"420["echo",1]"#).await.unwrap();
    assert_eq!(text(&mut websocket).await, "430[1]");
    // Now nothing is to be had by polling.
    assert_eq!(session.get().await.brief(), BAD);
    assert_eq!(session.post("3").await.brief(), BAD);
    is_turned_away(session.websocket_url()).await;
    websocket.send(r#"421["echo",2]"#).await.unwrap();
    assert_eq!(text(&mut websocket).await, "431[2]");
    assert_eq!(server.sessions(), 1);
    websocket.close(ws::CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(read.next().await, "transport close");
    until(|| server.sessions() == 0).await;
}

fn session_line(session: &Polling) -> String {
    format!("GET /socket.io/?EIO=4&transport=websocket&sid={}", session.sid)
}

#[tokio::test]
async fn every_get_of_a_client_that_moves_is_let_go() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    session.begin_get().await;
    websocket.send("2probe").await.unwrap();
    // The client polls on until it has seen the answer to its probe.
    for _ in 0..3 {
        assert_eq!(session.get.read().await.brief(), (200, "6"));
        session.begin_get().await;
    }
    assert_eq!(text(&mut websocket).await, "3probe");
    assert_eq!(session.get.read().await.brief(), (200, "6"));
    websocket.send("5").await.unwrap();
    websocket.send(r#"420["echo"]"#).await.unwrap();
    assert_eq!(text(&mut websocket).await, "430[]");
}

#[tokio::test]
async fn until_it_has_moved_packets_go_by_polling() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    goes_on(&mut session).await;
    websocket.send("5").await.unwrap();
    websocket.send(r#"420["echo"]"#).await.unwrap();
    // Neither a noop nor anything else came before.
    assert_eq!(text(&mut websocket).await, "430[]");
}

#[tokio::test]
async fn what_waits_when_it_moves_leaves_by_websocket() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    for n in 0..100 {
        let posted = session.post(&format!(r#"42{n}["echo"]"#)).await;
        assert_eq!(posted.brief(), (200, "ok"));
    }
    websocket.send("5").await.unwrap();
    for n in 0..100 {
        assert_eq!(text(&mut websocket).await, format!("43{n}[]"));
    }
}

#[tokio::test]
async fn anything_but_a_probe_is_closed_and_the_session_stays() {
    for first in ["5", "3probe", "2", "2prob", "40", "6", ""] {
        let Scene { server, url, .. } = scene(|builder| builder).await;
        let mut session = Polling::join(&url).await;
        let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
        websocket.send(first).await.unwrap();
        assert_eq!(text(&mut websocket).await, "(closed)", "{first:?}");
        goes_on(&mut session).await;
        // And it may try again.
        let mut websocket = upgrade(&session).await;
        websocket.send(r#"420["echo"]"#).await.unwrap();
        assert_eq!(text(&mut websocket).await, "430[]");
        assert_eq!(server.sessions(), 1);
    }
}

#[tokio::test]
async fn a_probe_that_breaks_off_costs_the_session_nothing() {
    let Scene { url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for probes in [false, true, false] {
        // The next may come once the server has seen the end of the last one.
        let mut websocket = loop {
            match ws::connect(session.websocket_url()).await {
                Ok(websocket) => break websocket,
                Err(error) => assert!(error.to_string().contains("400"), "{error}"),
            }
        };
        if probes {
            websocket.send("2probe").await.unwrap();
            assert_eq!(text(&mut websocket).await, "3probe");
        }
        drop(websocket);
        goes_on(&mut session).await;
    }
}

#[tokio::test]
async fn a_silent_probe_is_closed_in_time_and_the_session_stays() {
    let short = Duration::from_millis(300);
    let Scene { url, .. } = scene(|builder| builder.upgrade_timeout(short)).await;
    let mut session = Polling::join(&url).await;
    for probes in [false, true] {
        let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
        if probes {
            websocket.send("2probe").await.unwrap();
            assert_eq!(text(&mut websocket).await, "3probe");
        }
        assert_eq!(text(&mut websocket).await, "(closed)");
        goes_on(&mut session).await;
    }
}

#[tokio::test]
async fn a_second_websocket_is_closed_at_once_and_the_session_stays() {
    let Scene { server, url, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut first = ws::connect(session.websocket_url()).await.unwrap();
    first.send("2probe").await.unwrap();
    assert_eq!(text(&mut first).await, "3probe");
    is_turned_away(session.websocket_url()).await;
    goes_on(&mut session).await;
    first.send("5").await.unwrap();
    first.send(r#"420["echo"]"#).await.unwrap();
    assert_eq!(text(&mut first).await, "430[]");
    is_turned_away(session.websocket_url()).await;
    first.send(r#"420["echo"]"#).await.unwrap();
    assert_eq!(text(&mut first).await, "430[]");
    assert_eq!(server.sessions(), 1);
}

/// Connects, talks as one does who wants to take over, and hears why not.
async fn is_turned_away(url: String) {
    let mut websocket = ws::connect(url).await.unwrap();
    let _ = websocket.send("2probe").await; // it may be closed by now
    let Ok(Some(ws::Message::Close(close))) = websocket.recv().await else {
        panic!("it is not closed at once");
    };
    let close = close.unwrap();
    assert_eq!(close.code, ws::CloseCode::NORMAL);
    assert!(close.reason.contains("already"), "{}", close.reason);
}

#[tokio::test]
async fn with_half_a_post_under_way_it_does_not_move() {
    let Scene { url, requests, .. } = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    // What the body brings would have no place among what the WebSocket brings.
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n", session.path());
    requests.arrived(session.post.write(head.as_bytes())).await;
    websocket.send("5").await.unwrap();
    assert_eq!(text(&mut websocket).await, "(closed)");
    session.post.write(br#"420["echo"]"#).await;
    assert_eq!(session.post.read().await.brief(), (200, "ok"));
    assert_eq!(session.packets(1).await, ["430[]"]);
}

#[tokio::test]
async fn a_session_that_began_on_websocket_is_no_matter_of_polling() {
    let Scene { server, url, .. } = scene(|builder| builder).await;
    let address = url.trim_start_matches("http://");
    let open = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
    let mut websocket = ws::connect(open).await.unwrap();
    let sid = sid_of(&text(&mut websocket).await);
    for method in ["GET", "POST"] {
        let line = format!("{method} /socket.io/?EIO=4&transport=polling&sid={sid}");
        assert_eq!(ask(&url, &line, "").await.brief(), BAD, "{method}");
    }
    is_turned_away(format!("ws://{address}/socket.io/?EIO=4&transport=websocket&sid={sid}")).await;
    websocket.send("40").await.unwrap();
    assert!(text(&mut websocket).await.starts_with("40{"));
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn where_no_upgrades_are_allowed_none_is_made() {
    let Scene { url, .. } = scene(|builder| builder.upgrades(false)).await;
    let mut session = Polling::join(&url).await;
    assert_eq!(ask(&url, &session_line(&session), UPGRADE).await.brief(), BAD);
    goes_on(&mut session).await;
    assert_eq!(ask(&url, "GET /socket.io/?EIO=4&transport=websocket", UPGRADE).await.status, 101);
}

#[tokio::test]
async fn heartbeats_go_on_after_the_move() {
    let beat = Duration::from_millis(200);
    let Scene { server, url, mut read, .. } =
        scene(|builder| builder.ping_interval(beat).ping_timeout(beat * 5)).await;
    let session = Polling::join(&url).await;
    let mut websocket = upgrade(&session).await;
    for _ in 0..3 {
        assert_eq!(text(&mut websocket).await, "2");
        websocket.send("3").await.unwrap();
    }
    // A client that goes silent just then is found out all the same.
    assert_eq!(text(&mut websocket).await, "2");
    assert_eq!(read.next().await, "ping timeout");
    assert_eq!(text(&mut websocket).await, "(closed)");
    drop(websocket);
    until(|| server.sessions() == 0).await;
}
