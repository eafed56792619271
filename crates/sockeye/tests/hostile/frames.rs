//! Attacks by WebSocket frames: what RFC 6455 forbids, and what it allows without end.

use sockeye_proto::wire::ws::{FrameHeader, Opcode, apply_mask};

use crate::{
    packets::{attacker, is_cut, survives},
    scene::{A_LITTLE, Scene},
};

/// A frame as a client sends it: masked.
fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let payload_bytes = payload.len() as u64;
    let header = FrameHeader { fin, rsv1: false, opcode, mask: Some(key), payload_bytes };
    let mut bytes = Vec::new();
    header.encode_into(&mut bytes);
    let mut payload = payload.to_vec();
    apply_mask(&mut payload, key, 0);
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn frames_that_break_rfc_6455() {
    let scene = Scene::new().await;
    let long_ping = frame(true, Opcode::Ping, &[0; 126]);
    let mut endless = vec![0x82, 0xff];
    endless.extend((u64::MAX / 2).to_be_bytes());
    endless.extend([0; 4]);
    let mut large = vec![0x82, 0xff];
    large.extend(16_000_000_u64.to_be_bytes());
    large.extend([0; 5]); // the first byte of it
    let mut invalid_in_pieces = frame(false, Opcode::Text, b"42[\"\xe2");
    invalid_in_pieces.extend(frame(false, Opcode::Continuation, b"x"));
    let long_reason = [&1000_u16.to_be_bytes()[..], &[b'x'; 124]].concat();
    for (what, bytes, code) in [
        ("unmasked", b"\x81\x01x".to_vec(), 1002),
        ("a reserved bit", vec![0xa1, 0x80, 0, 0, 0, 0], 1002),
        ("compression that was not agreed", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
        ("a reserved opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("a long ping", long_ping, 1002),
        ("a fragmented ping", frame(false, Opcode::Ping, b"x"), 1002),
        ("a continuation of nothing", frame(true, Opcode::Continuation, b"x"), 1002),
        ("a length of 2^63 - 1", endless, 1009),
        ("16 MB, announced", large, 1009),
        ("invalid UTF-8", frame(true, Opcode::Text, b"4\xff"), 1007),
        ("a length of 2^63", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1002),
        ("5 bytes, in 16 bits", vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0], 1002),
        ("300 bytes, in 64 bits", vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 44, 0, 0, 0, 0], 1002),
        ("a text within a text", frame(false, Opcode::Text, b"4").repeat(2), 1002),
        ("invalid UTF-8 in pieces", invalid_in_pieces, 1007),
        ("half a character at the end", frame(true, Opcode::Text, b"42[\"\xe2\x82"), 1007),
        ("a surrogate", frame(true, Opcode::Text, b"42[\"\xed\xa0\x80\"]"), 1007),
        ("half a close code", frame(true, Opcode::Close, &[3]), 1002),
        ("a long close reason", frame(true, Opcode::Close, &long_reason), 1002),
        ("a close reason that is not UTF-8", frame(true, Opcode::Close, b"\x03\xe8\xff"), 1007),
    ] {
        let mut hostile = attacker(&scene).await;
        hostile.send_bytes(&bytes).await.unwrap();
        is_cut(hostile, code, what).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn close_codes_that_nobody_may_send() {
    let scene = Scene::new().await;
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let mut hostile = attacker(&scene).await;
        hostile.send_bytes(&frame(true, Opcode::Close, &u16::to_be_bytes(code))).await.unwrap();
        is_cut(hostile, 1002, &code.to_string()).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn empty_fragments_without_end() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let mut bytes = frame(false, Opcode::Text, b"4");
    bytes.extend(frame(false, Opcode::Continuation, b"").repeat(1_000_000));
    let _ = hostile.send_bytes(&bytes).await;
    hostile.closed().await.unwrap(); // its code may be lost with what the server did not read
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn one_message_in_half_a_million_fragments() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let mut bytes = frame(false, Opcode::Text, b"42[\"echo\",\"");
    bytes.extend(frame(false, Opcode::Continuation, b"x").repeat(500_000));
    bytes.extend(frame(true, Opcode::Continuation, b"\"]"));
    hostile.send_bytes(&bytes).await.unwrap();
    survives(&mut hostile, "fragments").await;
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

/// The other rows count fragments without payload, or messages; here every one is legal, and answered.
#[tokio::test]
async fn a_ping_behind_each_of_a_hundred_thousand_fragments() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    let mut bytes = frame(false, Opcode::Text, b"42[\"echo\",\"");
    let pair = [frame(false, Opcode::Continuation, b"x"), frame(true, Opcode::Ping, b"")].concat();
    bytes.extend(pair.repeat(100_000));
    bytes.extend(frame(true, Opcode::Continuation, b"\"]"));
    hostile.send_bytes(&bytes).await.unwrap();
    survives(&mut hostile, "fragments and pings").await;
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn empty_fragments_of_binary_and_pings_without_end() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    hostile.send_text(r#"451-["echo",{"_placeholder":true,"num":0}]"#).await.unwrap();
    let mut bytes = frame(false, Opcode::Binary, b"");
    let pair = [frame(false, Opcode::Continuation, b""), frame(true, Opcode::Pong, b"")].concat();
    bytes.extend(pair.repeat(500_000));
    let _ = hostile.send_bytes(&bytes).await;
    hostile.closed().await.unwrap(); // its code may be lost with what the server did not read
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_large_frame_that_comes_byte_by_byte() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    hostile.stream().set_nodelay(true).unwrap();
    let text = format!("42[\"echo\",\"{}\"]", "x".repeat(900_000));
    let bytes = frame(true, Opcode::Text, text.as_bytes());
    let (dribbled, rest) = bytes.split_at(3_000);
    for byte in dribbled {
        hostile.send_bytes(&[*byte]).await.unwrap();
    }
    for piece in rest.chunks(700) {
        hostile.send_bytes(piece).await.unwrap();
    }
    survives(&mut hostile, "dribble").await;
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn two_hundred_large_frames_that_do_not_end() {
    let scene = Scene::new().await;
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut hostile = attacker(&scene).await;
        let mut bytes = vec![0x82, 0xff];
        bytes.extend(999_999_u64.to_be_bytes());
        bytes.extend([0; 1_000]); // its mask, and little of it
        hostile.send_bytes(&bytes).await.unwrap();
        held.push(hostile);
    }
    drop(held);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn floods_of_pings_and_pongs() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    for (opcode, payload) in [(Opcode::Pong, &b"x"[..]), (Opcode::Ping, b"x"), (Opcode::Text, b"3")]
    {
        let flood = frame(true, opcode, payload).repeat(100_000);
        hostile.send_bytes(&flood).await.unwrap();
        survives(&mut hostile, &format!("{opcode:?}")).await;
    }
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_flood_of_pings_from_who_reads_no_pong() {
    let scene = Scene::new().await;
    let mut hostile = attacker(&scene).await;
    // As long as they may be: what waits to be read would be 127 MB.
    let flood = frame(true, Opcode::Ping, &[b'x'; 125]).repeat(10_000);
    for _ in 0..100 {
        hostile.send_bytes(&flood).await.unwrap();
    }
    survives(&mut hostile, "pings").await;
    drop(hostile);
    scene.unharmed(A_LITTLE).await;
}
