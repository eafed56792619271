//! Attacks by packets in msgpack, whose headers can promise anything.

use std::time::Duration;

use sockeye::ws::{Close, CloseCode, Connect, Message, WebSocket};
use tokio::time;

use crate::scene::{A_LITTLE, Scene};

/// A packet for `/` that has `type`, `nsp` and the bytes given as `data`.
fn packet(kind: u8, data: &[u8]) -> Vec<u8> {
    [&b"\x83\xa4type"[..], &[kind], b"\xa3nsp\xa1/\xa4data", data].concat()
}

/// Joins `/` and reads all that this brings.
pub(crate) async fn join(url: &str) -> WebSocket {
    let url = url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket";
    let mut socket = Connect::new(url).connect().await.unwrap();
    socket.send(b"\x82\xa4type\x00\xa3nsp\xa1/".to_vec()).await.unwrap();
    for what in ["OPEN", "CONNECT", "auth"] {
        assert!(socket.recv().await.unwrap().is_some(), "{what}");
    }
    socket
}

/// Asks for an echo of this number.
pub(crate) async fn ask(socket: &mut WebSocket, number: u64) -> u64 {
    let number = [&[0xcf][..], &number.to_be_bytes()].concat();
    let event =
        [b"\x84\xa4type\x02\xa3nsp\xa1/\xa2id\x00\xa4data\x92\xa4echo", &number[..]].concat();
    socket.send(event).await.unwrap();
    match socket.recv().await.unwrap() {
        // Numbers below 128 are written as one byte.
        Some(Message::Binary(answer)) => {
            let at = answer.windows(6).position(|window| window == b"\xa4data\x91").unwrap();
            u64::from(answer[at + 6])
        }
        other => panic!("{other:?}"),
    }
}

async fn is_cut(socket: &mut WebSocket, what: &str) {
    let end = time::timeout(Duration::from_secs(10), socket.recv()).await;
    match end.unwrap_or_else(|_| panic!("{what} is taken")).unwrap() {
        Some(Message::Close(Some(Close { code, .. }))) => {
            assert_eq!(code, CloseCode::PROTOCOL_ERROR, "{what}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn headers_that_lie_and_types_that_json_does_not_have() {
    let scene = Scene::with(&["--parser", "msgpack"]).await;
    let deep = [&[0x91].repeat(100_000)[..], &[0xc0]].concat();
    let deep_maps = [&b"\x91"[..], &b"\x81\xa1a".repeat(100_000), &[0xc0]].concat();
    let many = [&b"\xdd\0\x06\xdd\xd0\xa4echo"[..], &[0xc0; 449_999]].concat();
    let files = [&b"\x9c\xa4echo"[..], &b"\xc4\x01x".repeat(11)].concat();
    for (what, data) in [
        ("an array of 2^32 - 1", &b"\xdd\xff\xff\xff\xff"[..]),
        ("an array of 2^32 - 1 behind a name", b"\x92\xa4echo\xdd\xff\xff\xff\xff"),
        ("a map of 2^32 - 1", b"\x92\xa4echo\xdf\xff\xff\xff\xff"),
        ("a text of 2^32 - 1", b"\x92\xa4echo\xdb\xff\xff\xff\xff"),
        ("bytes of 2^32 - 1", b"\x92\xa4echo\xc6\xff\xff\xff\xff"),
        ("an extension of 2^32 - 1", b"\x92\xa4echo\xc9\xff\xff\xff\xff\x05"),
        ("an unknown extension", b"\x92\xa4echo\xd4\x05\x00"),
        ("the byte nobody uses", b"\x92\xa4echo\xc1"),
        ("text that is not UTF-8", b"\x92\xa4echo\xa1\xff"),
        ("a key that is no text", b"\x92\xa4echo\x81\x91\x01\x01"),
        ("too few arguments", b"\x93\xa4echo\x01"),
        ("a name that is no text", b"\x91\x80"),
        ("a reserved name", b"\x91\xa7connect"),
        ("no name", b"\x90"),
        ("nothing", b"\xc0"),
        ("100,000 arrays in each other", &deep),
        ("100,000 maps in each other", &deep_maps),
        ("450,000 arguments", &many),
    ] {
        let mut socket = join(&scene.url).await;
        socket.send(packet(2, data)).await.unwrap();
        is_cut(&mut socket, what).await;
    }
    for (kind, what, data) in [
        (
            3,
            "450,000 arguments in an ack",
            &[&b"\xdd\0\x06\xdd\xd0"[..], &[0xc0; 450_000]].concat(),
        ),
        (3, "100,000 arrays in an ack", &deep),
        (3, "an ack that is a map", &deep_maps[1..].to_vec()),
        (0, "100,000 maps to join with", &deep_maps[1..].to_vec()),
        (0, "a list to join with", &b"\x91\x01".to_vec()),
        (0, "a map of 2^32 - 1 to join with", &b"\xdf\xff\xff\xff\xff".to_vec()),
        (5, "attachments beside themselves", &b"\x92\xa4echo\xc4\xff".to_vec()),
    ] {
        let mut socket = join(&scene.url).await;
        socket.send(packet(kind, data)).await.unwrap();
        is_cut(&mut socket, what).await;
    }
    for (what, message) in [
        ("JSON", Message::from("42[\"echo\"]")),
        ("nothing", Vec::new().into()),
        ("no packet", vec![0xc0].into()),
        ("a list", vec![0xdd, 0xff, 0xff, 0xff, 0xff].into()),
        ("an endless packet", vec![0xdf, 0xff, 0xff, 0xff, 0xff].into()),
        ("an unknown type", packet(9, b"\x91\xa4echo").into()),
        ("two packets", packet(2, b"\x91\xa4echo").repeat(2).into()),
    ] {
        let mut socket = join(&scene.url).await;
        socket.send(message).await.unwrap();
        is_cut(&mut socket, what).await;
    }
    let mut socket = join(&scene.url).await;
    socket.send(packet(2, &files)).await.unwrap();
    is_cut(&mut socket, "11 attachments").await;
    drop(socket);
    scene.unharmed(A_LITTLE).await;
}
