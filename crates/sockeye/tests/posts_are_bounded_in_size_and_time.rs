//! What a POST may bring, and how long it may take; what goes wrong with one costs nobody else anything.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use common::{
    Notes, Read,
    http::{Answer, ask, ask_with},
    polling::{Polling, sid_of},
    serve, until,
};
use sockeye::{
    event::{Ack, Args, State},
    server::{Builder, Namespace, Reason, Server},
};

const TOO_LARGE: (u16, &str) = (413, r#"{"code":3,"message":"Payload too large"}"#);
const LIMIT: usize = 1_000;

async fn left(reason: Reason, State(notes): State<Notes>) {
    notes.add(reason.to_string());
}

async fn length(Args((text,)): Args<(String,)>) -> Ack<usize> {
    Ack(text.len())
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> (Server, String, Read) {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new().on_disconnect(left).on("length", length);
    let builder = Server::builder().state(notes).max_payload_bytes(LIMIT);
    let server = change(builder).namespace("/", namespace).build().unwrap();
    (server.clone(), serve(&server).await, read)
}

/// A body of exactly so many bytes.
fn body_of(bytes: usize, filling: &str) -> String {
    let (head, tail) = (r#"420["length",""#, r#""]"#);
    let mut body = head.to_owned();
    while body.len() + filling.len() + tail.len() <= bytes {
        body += filling;
    }
    while body.len() + tail.len() < bytes {
        body += "x";
    }
    body + tail
}

fn chunked(body: &[u8], chunk: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(chunk) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// As [`Polling::post`], in chunks.
async fn post_chunked(session: &mut Polling, body: &[u8], chunk: usize) -> Answer {
    let line = format!("POST {}", session.path());
    session.post.send(&line, "transfer-encoding: chunked\r\n", b"").await;
    session.post.write(&chunked(body, chunk)).await;
    session.post.read().await
}

#[tokio::test]
async fn a_body_of_the_limit_passes_and_one_byte_more_does_not_and_the_session_goes_on() {
    let (server, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for filling in ["x", "€", "🐟"] {
        // Bytes count, not characters.
        let body = body_of(LIMIT, filling);
        assert_eq!(body.len(), LIMIT);
        assert_eq!(session.post(&body).await.brief(), (200, "ok"));
        assert!(session.get().await.text().starts_with("430["));
        assert_eq!(session.post(&body_of(LIMIT + 1, filling)).await.brief(), TOO_LARGE);
        session.post = session.another().await;
    }
    assert_eq!(session.post(r#"421["length","still here"]"#).await.brief(), (200, "ok"));
    assert_eq!(session.get().await.text(), "431[10]");
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_before_a_byte_of_it_has_come() {
    let (_, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for length in ["1001", "100000000", "9223372036854775807"] {
        let line = format!("POST {}", session.path());
        session.post.send(&line, &format!("content-length: {length}\r\n"), b"").await;
        assert_eq!(session.post.read().await.brief(), TOO_LARGE, "{length}");
        session.post = session.another().await;
    }
    assert_eq!(session.post("3").await.brief(), (200, "ok"));
}

#[tokio::test]
async fn who_sends_on_regardless_can_still_read_why() {
    let (_, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for bytes in [100_000, 1_000_000, 10_000_000] {
        assert_eq!(session.post(&body_of(bytes, "salmon")).await.brief(), TOO_LARGE, "{bytes}");
        session.post = session.another().await;
        let body = body_of(bytes, "salmon");
        assert_eq!(post_chunked(&mut session, body.as_bytes(), 10_000).await.brief(), TOO_LARGE);
        session.post = session.another().await;
    }
    assert_eq!(session.post("3").await.brief(), (200, "ok"));
}

#[tokio::test]
async fn bodies_in_chunks_are_legal_and_bounded_too() {
    let (_, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    let body = body_of(LIMIT, "€");
    for chunk in [1, 7, LIMIT] {
        assert_eq!(post_chunked(&mut session, body.as_bytes(), chunk).await.brief(), (200, "ok"));
        assert!(session.get().await.text().starts_with("430["));
    }
    for chunk in [1, 7, 10_000] {
        let body = body_of(LIMIT + 1, "x");
        assert_eq!(post_chunked(&mut session, body.as_bytes(), chunk).await.brief(), TOO_LARGE);
        session.post = session.another().await;
    }
    assert_eq!(session.post("3").await.brief(), (200, "ok"));
}

#[tokio::test]
async fn a_body_that_dribbles_ends_with_its_time_and_with_it_the_session() {
    let (server, url, mut read) =
        scene(|builder| builder.post_timeout(Duration::from_millis(300))).await;
    let mut session = Polling::join(&url).await;
    let mut witness = Polling::join(&url).await;
    let line = format!("POST {}", session.path());
    session.post.send(&line, "transfer-encoding: chunked\r\n", b"").await;
    let dribble = async {
        loop {
            session.post.write(b"1\r\n4\r\n").await;
            common::pass(Duration::from_millis(20)).await;
        }
    };
    let reason = tokio::select! {
        reason = read.next() => reason,
        () = dribble => unreachable!(),
    };
    assert_eq!(reason, "transport error");
    assert_eq!(
        session.post.read().await.brief(),
        (408, r#"{"code":3,"message":"Request timeout"}"#)
    );
    until(|| server.sessions() == 1).await;
    assert_eq!(witness.post(r#"420["length","x"]"#).await.brief(), (200, "ok"));
    assert_eq!(witness.get().await.text(), "430[1]");
}

#[tokio::test]
async fn a_slow_body_is_a_sign_of_life() {
    // The pong can't come while the body before it still does.
    let beat = Duration::from_millis(200);
    let (_, url, _) = scene(|builder| builder.ping_interval(beat).ping_timeout(beat * 5)).await;
    let mut session = Polling::join(&url).await;
    session.begin_get().await;
    let body = body_of(100, "x");
    let line = format!("POST {}", session.path());
    session.post.send(&line, &format!("content-length: {}\r\n", body.len()), b"").await;
    for byte in body.as_bytes().chunks(3) {
        session.post.write(byte).await;
        common::pass(Duration::from_millis(60)).await; // two seconds in all
    }
    assert_eq!(session.get.read().await.text(), "2");
    assert_eq!(session.post.read().await.brief(), (200, "ok"));
    assert!(session.get().await.text().starts_with("430["));
}

#[tokio::test]
async fn octets_are_a_bad_request_and_the_end_of_the_session() {
    let (server, url, mut read) = scene(|builder| builder).await;
    for content_type in ["application/octet-stream", "Application/Octet-Stream; x=y"] {
        let mut session = Polling::join(&url).await;
        let header = format!("content-type: {content_type}\r\n");
        let answer = session.post_with(&header, b"3").await;
        assert_eq!(answer.brief(), (400, r#"{"code":3,"message":"Bad request"}"#));
        assert_eq!(read.next().await, "parse error");
        let next = session.get().await;
        assert!(next.status == 400 || next.brief() == (200, "1"), "{next:?}");
        until(|| server.sessions() == 0).await;
    }
}

#[tokio::test]
async fn any_other_content_type_or_none_will_do() {
    let (_, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for header in [
        "",
        "content-type: text/plain\r\n",
        "content-type: text/plain;charset=UTF-8\r\n",
        "content-type: application/json\r\n",
        "content-type: \u{e4}\r\n",
    ] {
        let answer = session.post_with(header, br#"420["length","x"]"#).await;
        assert_eq!(answer.brief(), (200, "ok"), "{header}");
        assert_eq!(session.get().await.text(), "430[1]");
    }
}

#[tokio::test]
async fn a_million_bytes_of_the_smallest_packets_hold_up_nobody() {
    let (server, url, _) = scene(|builder| builder.max_payload_bytes(1_000_000)).await;
    let mut session = Polling::join(&url).await;
    let mut witness = Polling::join(&url).await;
    let flood = "3\u{1E}".repeat(499_999) + "3";
    let (flooded, ()) = tokio::join!(session.post(&flood), async {
        for n in 0..20 {
            witness.post(&format!(r#"42{n}["length","x"]"#)).await;
            assert_eq!(witness.packets(1).await, [format!("43{n}[1]")]);
        }
    });
    assert_eq!(flooded.brief(), (200, "ok")); // pongs that nobody asked for are harmless
    assert_eq!(server.sessions(), 2);
}

#[tokio::test]
async fn pings_that_are_never_asked_after_make_a_slow_consumer() {
    let (server, url, mut read) =
        scene(|builder| builder.max_payload_bytes(1_000_000).engine_v3(true)).await;
    let opened = ask(&url, "GET /socket.io/?EIO=3&transport=polling", "").await;
    let path = format!("/socket.io/?EIO=3&transport=polling&sid={}", sid_of(opened.text()));
    // Each is owed a pong, and there are more of them than may wait.
    let answer =
        ask_with(&url, &format!("POST {path}"), "", "1:2".repeat(300_000).as_bytes()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(read.next().await, "slow consumer");
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn a_post_for_nobody_costs_nothing() {
    let (server, url, _) = scene(|builder| builder).await;
    let mut session = Polling::join(&url).await;
    for sid in ["", "short", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAA%41", "../../etc/passwd"] {
        let line = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}");
        session.post.send(&line, "", b"3").await;
        let answer = session.post.read().await;
        assert_eq!(answer.brief(), (400, r#"{"code":1,"message":"Session ID unknown"}"#), "{sid}");
    }
    assert_eq!(server.sessions(), 1);
}
