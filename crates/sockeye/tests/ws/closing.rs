//! How connections end.

use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt as _};
use sockeye::ws::{Close, CloseCode, Error, Message, Options, Role};
use tokio::time::Instant;

use crate::raw::{BINARY, CLOSE, TEXT, pair};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn close(code: u16, reason: &str) -> Message {
    Message::Close(Some(Close { code: CloseCode::new(code).unwrap(), reason: reason.into() }))
}

#[tokio::test]
async fn the_peers_close_is_reported_and_its_code_sent_back() {
    for (role, code, reason) in ROLES.into_iter().flat_map(|role| {
        [(role, 1000, ""), (role, 1001, "gone"), (role, 1011, "é"), (role, 4999, "own")]
    }) {
        let (mut ours, mut raw) = pair(role, &Options::default(), 1 << 16);
        raw.close(code, reason).await;
        assert_eq!(ours.recv().await.unwrap(), Some(close(code, reason)));
        assert!(matches!(ours.send("x").await, Err(Error::Closed)));
        let peer = async {
            raw.expect(CLOSE, &code.to_be_bytes()).await;
            if role == Role::Server {
                raw.end().await; // a server ends the stream, a client waits for that
            }
            raw.shut().await;
        };
        let (end, ()) = tokio::join!(ours.recv(), peer);
        assert_eq!(end.unwrap(), None);
        assert_eq!(ours.recv().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_answered_in_kind() {
    let (mut ours, mut raw) = pair(Role::Server, &Options::default(), 1 << 16);
    raw.send(CLOSE, b"").await;
    assert_eq!(ours.recv().await.unwrap(), Some(Message::Close(None)));
    raw.expect(CLOSE, b"").await;
}

#[tokio::test]
async fn our_close_waits_for_the_answer() {
    for role in ROLES {
        let (mut ours, mut raw) = pair(role, &Options::default(), 1 << 16);
        let peer = async {
            raw.expect(CLOSE, b"\x0f\xa1enough").await;
            raw.send(TEXT, b"on its way already").await;
            raw.close(4001, "").await;
            if role == Role::Server {
                raw.end().await;
            }
            raw.shut().await;
        };
        let code = CloseCode::new(4001).unwrap();
        let (closed, ()) = tokio::join!(ours.close(code, "enough"), peer);
        closed.unwrap();
        ours.close(code, "again").await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_before_the_answer_can_be_read() {
    let (mut ours, mut raw) = pair(Role::Server, &Options::default(), 1 << 16);
    ours.start_close(CloseCode::GOING_AWAY, "");
    assert!(!ours.is_open());
    raw.send(TEXT, b"on its way already").await;
    raw.close(1001, "").await;
    raw.shut().await;
    assert_eq!(ours.recv().await.unwrap(), Some("on its way already".into()));
    assert_eq!(ours.recv().await.unwrap(), Some(close(1001, "")));
    assert_eq!(ours.recv().await.unwrap(), None);
    assert_eq!(raw.closed().await, 1001);
}

#[tokio::test]
async fn a_close_may_be_sent_like_any_message() {
    for message in [close(4000, "why"), Message::Close(None)] {
        let (ours, mut raw) = pair(Role::Client, &Options::default(), 1 << 16);
        let (mut sink, mut stream) = ours.split();
        sink.send(message.clone()).await.unwrap();
        assert_eq!(raw.closed().await, if message == Message::Close(None) { 1000 } else { 4000 });
        assert!(matches!(sink.send("late".into()).await, Err(Error::Closed)));
        raw.close(1000, "").await;
        raw.shut().await;
        assert_eq!(stream.next().await.unwrap().unwrap(), close(1000, ""));
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn closing_the_sink_closes_the_connection() {
    let (mut ours, mut raw) = pair(Role::Client, &Options::default(), 1 << 16);
    SinkExt::close(&mut ours).await.unwrap();
    assert_eq!(raw.closed().await, 1000);
}

#[tokio::test]
async fn a_stream_that_just_ends_is_lost() {
    for role in ROLES {
        let (mut ours, mut raw) = pair(role, &Options::default(), 1 << 16);
        raw.send(TEXT, b"last words").await;
        raw.shut().await;
        assert_eq!(ours.recv().await.unwrap(), Some("last words".into()));
        // The peer has only ended its own side: it can still be answered.
        ours.send("answer").await.unwrap();
        raw.expect(TEXT, b"answer").await;
        let lost = ours.recv().await.unwrap_err();
        assert!(matches!(lost, Error::Lost(error) if error.kind() == io::ErrorKind::UnexpectedEof));
        assert_eq!(ours.recv().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_is_lost() {
    let (mut ours, raw) = pair(Role::Client, &Options::default(), 1 << 16);
    drop(raw);
    assert!(matches!(ours.send("x").await, Err(Error::Lost(_))));
    assert!(matches!(ours.send("x").await, Err(Error::Closed)));
    assert!(matches!(ours.recv().await, Err(Error::Lost(_))));
}

#[tokio::test(start_paused = true)]
async fn a_close_that_nobody_answers_ends_in_time() {
    for role in ROLES {
        let options = Options::default().close_timeout(Duration::from_secs(3));
        let (mut ours, _raw) = pair(role, &options, 1 << 16);
        let start = Instant::now();
        assert!(matches!(ours.close(CloseCode::NORMAL, "").await, Err(Error::CloseTimeout)));
        assert_eq!(start.elapsed().as_secs(), 3);
        assert_eq!(ours.recv().await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_cannot_hold_up_the_end() {
    let options = Options::default().close_timeout(Duration::from_secs(3));
    let (mut ours, _raw) = pair(Role::Server, &options, 16);
    let blocked = tokio::time::timeout(Duration::from_secs(1), ours.send(vec![0; 100_000])).await;
    blocked.unwrap_err();
    let start = Instant::now();
    assert!(matches!(ours.close(CloseCode::NORMAL, "").await, Err(Error::CloseTimeout)));
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_peer_that_keeps_the_stream_open() {
    for role in ROLES {
        let (mut ours, mut raw) = pair(role, &Options::default(), 1 << 16);
        raw.close(1000, "").await;
        let start = Instant::now();
        assert!(ours.recv().await.unwrap().is_some());
        assert_eq!(ours.recv().await.unwrap(), None);
        assert_eq!(start.elapsed().as_secs(), 1, "{role:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn closing_from_the_sending_half_sets_the_receiving_halfs_clock() {
    let (ours, _raw) = pair(Role::Client, &Options::default(), 1 << 16);
    let (mut sink, mut stream) = ours.split();
    let receiver = tokio::spawn(async move { stream.next().await });
    tokio::task::yield_now().await; // it waits, without a deadline
    sink.close().await.unwrap();
    assert!(matches!(receiver.await.unwrap(), Some(Err(Error::CloseTimeout))));
}

#[tokio::test]
async fn a_peer_that_ends_its_side_still_gets_everything() {
    let (mut ours, mut raw) = pair(Role::Server, &Options::default(), 100);
    let peer = async {
        raw.close(1000, "").await;
        raw.shut().await;
        raw.expect(BINARY, &[5; 10_000]).await;
        assert_eq!(raw.closed().await, 1000);
        raw.end().await;
    };
    let ours = async {
        ours.feed(vec![5; 10_000].into()).await.unwrap();
        assert_eq!(ours.recv().await.unwrap(), Some(close(1000, "")));
        assert_eq!(ours.recv().await.unwrap(), None);
    };
    tokio::join!(ours, peer);
}
