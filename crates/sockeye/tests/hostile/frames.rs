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
    let close = |code: u16| frame(true, Opcode::Close, &code.to_be_bytes());
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
        ("a reserved close code", close(1005), 1002),
        ("an unknown close code", close(2999), 1002),
        ("half a close code", frame(true, Opcode::Close, &[3]), 1002),
    ] {
        let mut hostile = attacker(&scene).await;
        hostile.send_bytes(&bytes).await.unwrap();
        is_cut(hostile, code, what).await;
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
    let _ = hostile.closed().await; // its code may be lost with what the server did not read
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
