//! What waits is bounded, what is cancelled is not torn, and both halves run on their own.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use sockeye::ws::{Error, Message, Options, Role, WebSocket};
use tokio::{io::duplex, time::Instant};

use crate::raw::{BINARY, PING, PONG, TEXT, pair};

#[tokio::test]
async fn a_peer_that_stops_reading_makes_the_sender_wait() {
    let options = Options::default().max_queued_bytes(10_000);
    let (mut ours, mut raw) = pair(Role::Server, &options, 1_000);
    let mut fed = 0_usize;
    while ours.feed(vec![fed as u8; 1_000].into()).now_or_never().is_some() {
        fed += 1;
    }
    assert!((10..=12).contains(&fed), "10,000 bytes wait, 1,000 are in the pipe: {fed} messages");
    let reads = async {
        for n in 0..fed {
            raw.expect(BINARY, &vec![n as u8; 1_000]).await;
        }
    };
    let (flushed, ()) = tokio::join!(ours.flush(), reads);
    flushed.unwrap();
    assert!(ours.feed("room again".into()).now_or_never().is_some());
}

#[tokio::test]
async fn what_the_stream_has_taken_makes_room_even_if_the_rest_never_leaves_altogether() {
    let options = Options::default().max_queued_bytes(10_000);
    let (mut ours, mut raw) = pair(Role::Server, &options, 4_096);
    let (mut sent, mut seen) = (0_u32, 0_u32);
    while seen < 2_000 {
        while ours.feed(vec![sent as u8; 1_000].into()).now_or_never().is_some() {
            sent += 1;
        }
        raw.expect(BINARY, &vec![seen as u8; 1_000]).await;
        seen += 1;
        assert!(sent - seen <= 16, "{sent} sent, {seen} seen");
    }
}

#[tokio::test]
async fn a_flood_of_pings_from_who_reads_nothing_is_answered_once_he_reads() {
    let options = Options::default().max_queued_bytes(1_000);
    let (mut ours, mut raw) = pair(Role::Server, &options, 1_000);
    for n in 0..10_000_u32 {
        raw.send(PING, &n.to_be_bytes()).await;
        assert!(matches!(ours.recv().await.unwrap(), Some(Message::Ping(_))));
    }
    let mut pongs = Vec::new();
    let reads = async {
        while pongs.last() != Some(&9_999) {
            let frame = raw.frame().await;
            assert_eq!(frame.first, PONG);
            pongs.push(u32::from_be_bytes(frame.payload.try_into().unwrap()));
        }
    };
    let ((), flushed) = tokio::join!(reads, ours.flush());
    flushed.unwrap();
    assert!(pongs.len() < 400, "{} pongs were kept", pongs.len());
}

#[tokio::test]
async fn a_cancelled_receive_loses_nothing() {
    let (mut ours, mut raw) = pair(Role::Server, &Options::default(), 1 << 16);
    let bytes = [raw.encode(TEXT, b"first"), raw.encode(BINARY, &[9; 200])].concat();
    let mut received = Vec::new();
    for byte in &bytes {
        raw.write(&[*byte]).await;
        received.extend(ours.recv().now_or_never().map(|message| message.unwrap().unwrap()));
    }
    assert_eq!(received, ["first".into(), vec![9; 200].into()]);
}

#[tokio::test]
async fn a_cancelled_send_is_sent_whole_or_not_at_all() {
    let (mut ours, mut raw) = pair(Role::Client, &Options::default(), 1_000);
    assert!(ours.send(vec![1; 100_000]).now_or_never().is_none(), "the pipe is too small");
    assert!(ours.send("never begun").now_or_never().is_none(), "too much waits");
    let sends = async {
        ours.send("next").await.unwrap();
    };
    let peer = async {
        raw.expect(BINARY, &[1; 100_000]).await;
        raw.expect(TEXT, b"next").await;
    };
    tokio::join!(sends, peer);
}

#[tokio::test]
async fn both_halves_of_both_ends_work_at_once() {
    const COUNT: usize = 100;
    let (client, server) = duplex(4_096);
    let options = Options::default().max_queued_bytes(16 * 1024);
    let client = WebSocket::from_stream(client, Role::Client, &options).unwrap();
    let server = WebSocket::from_stream(server, Role::Server, &options).unwrap();
    let mut halves = Vec::new();
    for end in [client, server] {
        let (mut sink, mut stream) = end.split();
        halves.push(tokio::spawn(async move {
            for n in 0..COUNT {
                sink.send(vec![n as u8; 60_000].into()).await.unwrap();
                sink.send(Message::Ping("?".into())).await.unwrap();
            }
        }));
        halves.push(tokio::spawn(async move {
            let mut next = 0;
            while next < COUNT {
                if let Message::Binary(bytes) = stream.next().await.unwrap().unwrap() {
                    assert_eq!(bytes, vec![next as u8; 60_000]);
                    next += 1;
                }
            }
            // The other end still waits for the last pongs to be taken.
            while let Some(Ok(message)) = stream.next().await {
                if message == Message::Pong("?".into()) {
                    break;
                }
            }
        }));
    }
    for half in halves {
        half.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_asked_then_given_up() {
    let options = Options::default().keep_alive(Duration::from_secs(30));
    let (mut ours, mut raw) = pair(Role::Server, &options, 1 << 16);
    let start = Instant::now();
    let lives = async {
        raw.expect(PING, b"").await;
        assert_eq!(start.elapsed().as_secs(), 30);
        raw.send(PONG, b"").await;
        raw.expect(PING, b"").await;
        assert_eq!(start.elapsed().as_secs(), 60);
        raw
    };
    let waits = async {
        assert!(matches!(ours.recv().await.unwrap(), Some(Message::Pong(_))));
        ours.recv().await
    };
    let (_raw, lost) = tokio::join!(lives, waits);
    assert!(matches!(lost, Err(Error::Lost(_))), "{lost:?}");
    assert_eq!(start.elapsed().as_secs(), 90);
}

#[test]
fn a_connection_can_go_to_any_task() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<WebSocket>();
}

#[test]
fn an_idle_connection_is_small() {
    let bytes = size_of::<WebSocket>();
    assert!(bytes <= 400, "{bytes}");
}
