//! What we write and read, frame by frame.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use proptest::{collection::vec, prelude::*};
use sockeye::ws::{CloseCode, Error, Message, Options, Role, WebSocket};

use crate::raw::{BINARY, PING, PONG, Raw, TEXT, pair};

const ROLES: [Role; 2] = [Role::Client, Role::Server];
/// The peer's fragments of a text message.
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

fn large_pipe(role: Role) -> (WebSocket, Raw) {
    pair(role, &Options::default(), 1 << 20)
}

#[tokio::test]
async fn every_length_is_written_in_its_shortest_form_and_masked_by_clients_only() {
    for role in ROLES {
        let (mut ours, mut raw) = large_pipe(role);
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            ours.send(payload.clone()).await.unwrap();
            raw.expect(BINARY, &payload).await;
        }
    }
}

#[tokio::test]
async fn no_two_frames_have_the_same_mask() {
    let mut keys = HashSet::new();
    for _ in 0..10 {
        let (mut ours, mut raw) = large_pipe(Role::Client);
        for _ in 0..100 {
            ours.send("x").await.unwrap();
            keys.insert(raw.frame().await.key.unwrap());
        }
    }
    // Of a thousand random keys two are the same once in ten thousand runs.
    assert!(keys.len() >= 999, "{}", keys.len());
}

#[tokio::test]
async fn text_stays_text_and_bytes_stay_bytes() {
    for role in ROLES {
        let (mut ours, mut raw) = large_pipe(role);
        raw.send(TEXT, "héllo".as_bytes()).await;
        raw.send(BINARY, b"\xff").await;
        assert_eq!(ours.recv().await.unwrap(), Some("héllo".into()));
        assert_eq!(ours.recv().await.unwrap(), Some(vec![0xff].into()));
        ours.send("héllo").await.unwrap();
        raw.expect(TEXT, "héllo".as_bytes()).await;
    }
}

#[tokio::test]
async fn one_byte_at_a_time_is_enough() {
    for role in ROLES {
        let (ours, mut raw) = pair(role, &Options::default(), 1);
        let mut bytes = Vec::new();
        let (begin, end) = "grün".as_bytes().split_at(3); // in the middle of a letter
        bytes.extend(raw.encode(TEXT_BEGINS, begin));
        bytes.extend(raw.encode(PING, b"?"));
        bytes.extend(raw.encode(CONTINUES, b""));
        bytes.extend(raw.encode(ENDS, end));
        bytes.extend(raw.encode(BINARY, &[7; 300]));
        let (mut sink, mut stream) = ours.split();
        let receives = async {
            let ping = stream.next().await.unwrap().unwrap();
            assert_eq!(ping, Message::Ping(Bytes::from_static(b"?")));
            assert_eq!(stream.next().await.unwrap().unwrap(), "grün".into());
            assert_eq!(stream.next().await.unwrap().unwrap(), vec![7; 300].into());
            sink.send("done".into()).await.unwrap();
        };
        let peer = async {
            raw.write(&bytes[..9]).await;
            raw.write(&bytes[9..]).await;
            raw.expect(PONG, b"?").await;
            raw.expect(TEXT, b"done").await;
        };
        tokio::join!(receives, peer);
    }
}

#[tokio::test]
async fn a_ping_is_answered_when_it_is_received_not_later() {
    for role in ROLES {
        let (mut ours, mut raw) = large_pipe(role);
        raw.send(PING, b"are you there").await;
        assert!(matches!(ours.recv().await.unwrap(), Some(Message::Ping(_))));
        raw.expect(PONG, b"are you there").now_or_never().expect("the pong is there");
    }
}

#[tokio::test]
async fn a_ping_of_ours_is_answered_by_a_pong() {
    let (mut ours, mut raw) = large_pipe(Role::Client);
    ours.ping("?").await.unwrap();
    raw.expect(PING, b"?").await;
    raw.send(PONG, b"?").await;
    assert_eq!(ours.recv().await.unwrap(), Some(Message::Pong(Bytes::from_static(b"?"))));
    let too_long = ours.ping(vec![0; 126]).await;
    assert!(matches!(too_long, Err(Error::ControlTooLong { bytes: 126 })));
    ours.ping(vec![0; 125]).await.unwrap();
}

#[tokio::test]
async fn what_is_fed_leaves_together() {
    let (mut ours, mut raw) = large_pipe(Role::Server);
    for text in ["a", "b", "c"] {
        ours.feed(text.into()).await.unwrap();
    }
    assert!(raw.frame().now_or_never().is_none(), "nothing is written before the flush");
    ours.flush().await.unwrap();
    for text in ["a", "b", "c"] {
        raw.expect(TEXT, text.as_bytes()).await;
    }
}

/// Whoever breaks a rule gets this code.
async fn refused(role: Role, options: &Options, bytes: &[u8]) -> (Error, u16) {
    let (mut ours, mut raw) = pair(role, options, 1 << 20);
    raw.write(bytes).await;
    let peer = async {
        let code = raw.closed().await;
        raw.end().await;
        raw.shut().await;
        code
    };
    let (received, code) = tokio::join!(ours.recv(), peer);
    assert_eq!(ours.recv().await.unwrap(), None, "an error is the last item but one");
    assert!(matches!(ours.send("x").await, Err(Error::Closed)));
    (received.unwrap_err(), code)
}

#[tokio::test]
async fn whoever_breaks_a_rule_is_told_and_left() {
    async fn check(role: Role, bytes: &[u8], code: u16, why: &str) {
        let options = Options::default().max_message_bytes(1_000).max_empty_fragments(2);
        let (error, found) = refused(role, &options, bytes).await;
        assert_eq!(found, code, "{role:?} {bytes:x?}");
        assert!(matches!(error, Error::Peer(_)) && error.to_string().contains(why), "{error}");
    }
    check(Role::Server, b"\x81\x02hi", 1002, "not masked").await;
    check(Role::Client, b"\x81\x82keyshi", 1002, "masked").await;
    for role in ROLES {
        let (_, raw) = large_pipe(role);
        let frame = |first, payload: &[u8]| raw.encode(first, payload);
        check(role, &frame(0xc1, b"x"), 1002, "reserved bit").await;
        check(role, &frame(0x83, b"x"), 1002, "opcode").await;
        check(role, &frame(0x09, b""), 1002, "FIN").await;
        check(role, &frame(0x80, b"x"), 1002, "continuation").await;
        let unfinished = [frame(0x01, b"x"), frame(0x81, b"x")].concat();
        check(role, &unfinished, 1002, "before the last fragment").await;
        check(role, &frame(0x88, b"\x03"), 1002, "close frame").await;
        check(role, &frame(0x88, b"\x03\xee"), 1002, "1006").await;
        check(role, &frame(0x81, b"\xff"), 1007, "UTF-8").await;
        check(role, &frame(0x01, b"\xff"), 1007, "UTF-8").await; // at once, not at the end
        check(role, &frame(0x82, &[0; 1_001]), 1009, "1000 bytes").await;
        let pieces = [frame(0x02, &[0; 900]), frame(0x80, &[0; 101])].concat();
        check(role, &pieces, 1009, "1000 bytes").await;
        let empty = [frame(0x02, b""), frame(0, b""), frame(0, b""), frame(0, b"")].concat();
        check(role, &empty, 1008, "empty fragments").await;
    }
    check(Role::Client, b"\x82\x7e\x00\x01x", 1002, "shortest form").await;
    check(Role::Client, b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 1002, "63 bits").await;
    // Announced is enough: nothing of it has to arrive.
    check(Role::Client, b"\x82\x7f\x00\x00\x00\xff\xff\xff\xff\xff", 1009, "1000 bytes").await;
}

#[tokio::test]
async fn a_message_may_be_as_long_as_the_limit() {
    let options = Options::default().max_message_bytes(1_000);
    let (mut ours, mut raw) = pair(Role::Server, &options, 1 << 20);
    raw.send(BINARY, &[1; 1_000]).await;
    assert_eq!(ours.recv().await.unwrap(), Some(vec![1; 1_000].into()));
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![".*".prop_map(Message::from), vec(any::<u8>(), 0..3_000).prop_map(Message::from),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_one_end_sends_the_other_receives(
        messages in vec(message(), 0..20),
        pipe_bytes in 1_usize..5_000,
        max_queued_bytes in 1_usize..5_000,
        client_sends: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let options = Options::default().max_queued_bytes(max_queued_bytes);
            let (client, server) = tokio::io::duplex(pipe_bytes);
            let client = WebSocket::from_stream(client, Role::Client, &options).unwrap();
            let server = WebSocket::from_stream(server, Role::Server, &options).unwrap();
            let (mut from, mut to) = if client_sends { (client, server) } else { (server, client) };
            let sends = async {
                for message in &messages {
                    from.feed(message.clone()).await.unwrap();
                }
                from.flush().await.unwrap();
                from.close(CloseCode::NORMAL, "").await.unwrap();
            };
            let receives = async {
                for message in &messages {
                    assert_eq!(to.recv().await.unwrap().as_ref(), Some(message));
                }
                assert!(matches!(to.recv().await.unwrap(), Some(Message::Close(_))));
                assert_eq!(to.recv().await.unwrap(), None);
                drop(to);
            };
            tokio::join!(sends, receives);
        });
    }
}
