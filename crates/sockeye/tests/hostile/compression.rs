//! Attacks by compression: bombs where nothing was agreed on, and where it was.

use std::io::Write as _;

use axum::Router;
use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};
use sockeye::ws::{self, Connect, Deflate, Message, Options};
use sockeye_proto::wire::ws::{FrameHeader, Opcode};

use crate::{
    common::{http::Http, serve_app},
    scene::{A_LITTLE, BAD_REQUEST, Memory, OK, Poller, Scene},
    upgrade::UPGRADE,
};

const MEGABYTE: usize = 1 << 20;

/// About a megabyte that becomes so many times a megabyte of zeros.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut block = Vec::with_capacity(64 * 1024);
    // It ends on a byte and refers to nothing before it, and so may be repeated.
    deflate.compress_vec(&vec![0; MEGABYTE], &mut block, FlushCompress::Full).unwrap();
    block.repeat(megabytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A frame as a client sends it; its mask changes nothing.
fn frame(fin: bool, rsv1: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let payload_bytes = payload.len() as u64;
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    FrameHeader { fin, rsv1, opcode, mask: Some([0; 4]), payload_bytes }.encode_into(&mut bytes);
    bytes.extend(payload);
    bytes
}

/// A binary message, compressed.
fn compressed(payload: &[u8]) -> Vec<u8> {
    frame(true, true, Opcode::Binary, payload)
}

/// What a message holds that unpacks to these bytes.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut packed = Vec::with_capacity(MEGABYTE);
    deflate.compress_vec(bytes, &mut packed, FlushCompress::Sync).unwrap();
    assert!(packed.ends_with(b"\0\0\xff\xff"), "there was room for all of it");
    packed.truncate(packed.len() - 4);
    packed
}

/// Waits for the answer that such a message is so long.
async fn is_measured(http: &mut Http, bytes: usize, what: &str) {
    let text = bytes.to_string();
    let answer = [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    while http.rest.len() < answer.len() {
        http.more().await;
    }
    assert_eq!(http.rest, answer, "{what}");
}

/// Offers a WebSocket with these extensions; gives what was accepted.
async fn offer(url: &str, path: &str, extensions: &str) -> (Http, String) {
    let mut http = Http::connect(url).await;
    let headers = format!("{UPGRADE}sec-websocket-extensions: {extensions}\r\n");
    http.send(&format!("GET {path}"), &headers, b"").await;
    let answer = http.read().await;
    assert_eq!(answer.status, 101, "{extensions}");
    let accepted = answer.header("sec-websocket-extensions").to_owned();
    (http, accepted)
}

/// Waits for the close frame with this code, and the end of the stream.
async fn is_closed(mut http: Http, code: u16, what: &str) {
    http.ended().await;
    let close = [&[0x88][..], &code.to_be_bytes()].concat();
    let found = http.rest.windows(4).any(|four| four[0] == close[0] && four[2..] == close[1..]);
    assert!(found, "{what}: no close frame with {code} in {:?}", http.rest);
}

#[tokio::test]
async fn bodies_that_are_bombs_are_not_unpacked() {
    let scene = Scene::new().await;
    let body = r#"420["echo",7]"#.as_bytes();
    let raw = bomb(900);
    for (coding, body) in [
        ("gzip", gzip(body)),
        ("gzip", [&b"\x1f\x8b\x08\0\0\0\0\0\0\xff"[..], &raw].concat()),
        ("x-gzip", gzip(&gzip(&vec![b'6'; MEGABYTE]))),
        ("deflate", [&b"\x78\xda"[..], &raw].concat()),
        ("gzip, deflate, gzip", gzip(&raw)),
        ("br", raw.clone()),
        ("zstd", [&b"\x28\xb5\x2f\xfd"[..], &raw].concat()),
    ] {
        assert!(body.len() < 1_000_000, "{coding}: else it is refused for that");
        let mut poller = Poller::open(&scene.url).await;
        let kind = format!("text/plain\r\ncontent-encoding: {coding}");
        assert_eq!(poller.post_as(&kind, &body).await.brief(), BAD_REQUEST, "{coding}");
        poller.is_over(coding).await;
    }
    // What its header calls packed is text like any other.
    let mut poller = Poller::open(&scene.url).await;
    let kind = "text/plain\r\ncontent-encoding: gzip";
    assert_eq!(poller.post_as(kind, body).await.brief(), OK);
    assert_eq!(poller.get().await.text(), "430[7]");
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn bodies_in_codings_of_the_transfer() {
    let scene = Scene::new().await;
    for coding in ["gzip, chunked", "gzip", "chunked, gzip", "chunked, chunked", "identity"] {
        let poller = Poller::open(&scene.url).await;
        let mut http = Http::connect(&scene.url).await;
        http.send(&poller.line("POST"), &format!("transfer-encoding: {coding}\r\n"), b"").await;
        let chunk = gzip(&bomb(1));
        let head = format!("{:x}\r\n", chunk.len());
        http.write(&[head.as_bytes(), &chunk, b"\r\n0\r\n\r\n"].concat()).await;
        assert_eq!(http.read().await.status, 400, "{coding}");
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn offers_of_compression_to_a_server_that_has_none() {
    let scene = Scene::new().await;
    let many = vec!["permessage-deflate"; 600].join(", ");
    for extensions in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits=\"",
        "permessage-deflate;;;;=;==",
        "x-webkit-deflate-frame, permessage-bzip2",
        &many,
    ] {
        let what = &extensions[..extensions.len().min(60)];
        let path = "/socket.io/?EIO=4&transport=websocket";
        let (mut http, accepted) = offer(&scene.url, path, extensions).await;
        assert_eq!(accepted, "", "{what}");
        http.write(&compressed(&bomb(900))).await;
        is_closed(http, 1002, what).await;
    }
    scene.unharmed(A_LITTLE).await;
}

/// A raw WebSocket that sends back how long its messages are; gives its URL.
async fn measuring(deflate: Deflate) -> String {
    let lengths = ws::service(|mut socket| async move {
        while let Ok(Some(message)) = socket.recv().await {
            let length = match message {
                Message::Text(text) => text.len(),
                Message::Binary(bytes) => bytes.len(),
                _ => continue,
            };
            let _ = socket.send(length.to_string()).await; // it may have gone
        }
    });
    let service = lengths.options(Options::default().deflate(deflate));
    serve_app(Router::new().route_service("/lengths", service)).await
}

async fn is_unharmed(witness: &mut ws::WebSocket, what: &str) {
    witness.send("seven").await.unwrap();
    let answer = witness.recv().await.unwrap();
    assert_eq!(answer, Some(Message::from("5")), "{what}");
}

#[tokio::test]
async fn messages_that_are_bombs_are_given_up_at_the_limit() {
    for frugal in [false, true] {
        let deflate = Deflate::default().client_no_context_takeover(frugal);
        let url = measuring(deflate).await;
        let connect = Connect::new(url.replace("http", "ws") + "/lengths").deflate(deflate);
        let mut witness = connect.connect().await.unwrap();
        is_unharmed(&mut witness, "before").await;
        let bomb = bomb(900);
        let whole = compressed(&bomb);
        let mut pieces = frame(false, true, Opcode::Binary, &bomb[..100]);
        for piece in bomb[100..].chunks(1_000) {
            pieces.extend(frame(false, false, Opcode::Continuation, piece));
        }
        let nested = compressed(&packed(&bomb));
        let memory = Memory::now();
        for (what, bytes) in [("whole", &whole), ("in pieces", &pieces)] {
            for _ in 0..10 {
                let extensions = "permessage-deflate; client_no_context_takeover";
                let (mut http, accepted) = offer(&url, "/lengths", extensions).await;
                assert!(accepted.starts_with("permessage-deflate"), "{accepted}");
                http.write(bytes).await;
                is_closed(http, 1009, what).await;
            }
            is_unharmed(&mut witness, what).await;
        }
        // Unpacked once, and no more.
        let (mut http, _) = offer(&url, "/lengths", "permessage-deflate").await;
        http.write(&nested).await;
        is_measured(&mut http, bomb.len(), "nested").await;
        drop(http);
        memory.grown_at_most(A_LITTLE);
    }
}

#[tokio::test]
async fn windows_of_odd_sizes() {
    let url = measuring(Deflate::default()).await;
    let plain = "permessage-deflate";
    for (extensions, expect) in [
        ("permessage-deflate; server_max_window_bits=8", ""), // zlib has no such window
        ("permessage-deflate; server_max_window_bits=7", ""),
        ("permessage-deflate; server_max_window_bits=16", ""),
        ("permessage-deflate; server_max_window_bits=09", ""),
        ("permessage-deflate; server_max_window_bits=+9", ""),
        ("permessage-deflate; server_max_window_bits=1e1", ""),
        ("permessage-deflate; server_max_window_bits", ""),
        ("permessage-deflate; server_max_window_bits=265", ""), // 9 in eight bits
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", ""),
        ("permessage-deflate; client_max_window_bits=0", ""),
        ("permessage-deflate; client_max_window_bits=-1", ""),
        ("permessage-deflate; client_no_context_takeover=1", ""),
        ("permessage-deflate; bomb", ""),
        ("permessage-deflate; bomb, permessage-deflate", plain),
        (
            "permessage-deflate; server_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9",
        ),
    ] {
        let (mut http, accepted) = offer(&url, "/lengths", extensions).await;
        assert_eq!(accepted, expect, "{extensions}");
        // Whatever was agreed on, messages that are not compressed are welcome.
        http.write(&frame(true, false, Opcode::Binary, b"seven!!")).await;
        is_measured(&mut http, 7, extensions).await;
    }
}

#[tokio::test]
async fn a_client_that_reaches_farther_back_than_it_promised() {
    let url = measuring(Deflate::default()).await;
    let far = [&[b'x'; 300][..], &vec![b'.'; 30_000], &[b'x'; 300]].concat();
    let message = compressed(&packed(&far));
    for bits in [8, 9, 15] {
        let extensions = format!("permessage-deflate; client_max_window_bits={bits}");
        let (mut http, _) = offer(&url, "/lengths", &extensions).await;
        http.write(&message).await;
        is_measured(&mut http, far.len(), &extensions).await;
    }
}

#[tokio::test]
async fn two_hundred_who_are_compressed_and_idle() {
    let url = measuring(Deflate::default()).await;
    let message = compressed(&packed(&[b'x'; 40_000]));
    let memory = Memory::now();
    let mut held = Vec::new();
    for _ in 0..200 {
        let (mut http, _) = offer(&url, "/lengths", "permessage-deflate").await;
        http.write(&message).await;
        is_measured(&mut http, 40_000, "idle").await;
        held.push(http);
    }
    // As the option says: 300 KB a connection and direction.
    memory.grown_at_most(200 * 600 / 1_000);
}
