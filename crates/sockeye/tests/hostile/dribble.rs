//! Attacks by slowness: who sends a little all the time has no more time than who is silent.

use std::time::Duration;

use sockeye::{
    event::{Ack, RawArgs},
    server::{Builder, Namespace, Server},
};
use sockeye_testkit::client::Client;
use tokio::{
    io::AsyncReadExt as _,
    time::{self, Instant},
};

use crate::{
    common::{http::Http, polling::Polling, serve, until},
    upgrade::UPGRADE,
};

/// The limit under attack.
const LIMIT: Duration = Duration::from_millis(300);
/// Between two bytes; far less than any limit.
const PAUSE: Duration = Duration::from_millis(10);
/// When whoever dribbles must be gone; the machine runs other tests, too.
const PATIENCE: Duration = Duration::from_secs(5);

/// The head of a masked text frame that never comes to its end.
const LARGE: &[u8] = b"\x81\xff\0\0\0\0\0\x0f\0\0\0\0\0\0";

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

/// A server, and somebody who must not notice anything.
async fn scene(change: impl FnOnce(Builder) -> Builder) -> (Server, String, Client) {
    let builder = change(Server::builder()).namespace("/", Namespace::new().on("echo", echo));
    let server = builder.build().unwrap();
    let url = serve(&server).await;
    let witness = Client::connect(&url, "/", ()).await.unwrap();
    (server, url, witness)
}

async fn is_unharmed(mut witness: Client) {
    assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
}

/// Sends bytes one by one until the server closes, by a frame or at once; gives how long that took.
async fn dribble(http: &mut Http) -> Duration {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        http.write(b"x").await;
        match time::timeout(PAUSE, http.stream.read_buf(&mut http.rest)).await {
            Ok(Ok(0) | Err(_)) => return start.elapsed(),
            // The head of a close frame; what else the server says here is ASCII, in frames that begin with 0x81.
            Ok(Ok(_)) if http.rest.contains(&0x88) => return start.elapsed(),
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    panic!("it is borne for {PATIENCE:?}");
}

async fn websocket(url: &str, query: &str) -> Http {
    let mut http = Http::connect(url).await;
    let line = format!("GET /socket.io/?EIO=4&transport=websocket{query}");
    http.send(&line, UPGRADE, b"").await;
    assert_eq!(http.read().await.status, 101);
    http
}

#[tokio::test]
async fn before_it_joins() {
    let (server, url, witness) = scene(|builder| builder.connect_timeout(LIMIT)).await;
    let mut http = websocket(&url, "").await;
    http.write(LARGE).await;
    assert!(dribble(&mut http).await >= LIMIT / 2); // it has begun before
    drop(http);
    until(|| server.sessions() == 1).await;
    is_unharmed(witness).await;
}

#[tokio::test]
async fn an_attachment() {
    let (server, url, witness) = scene(|builder| builder.attachments_timeout(LIMIT)).await;
    let mut http = websocket(&url, "").await;
    http.write(b"\x81\x82\0\0\0\x0040").await;
    let event = br#"451-["echo",{"_placeholder":true,"num":0}]"#;
    let length = 0x80 | u8::try_from(event.len()).unwrap();
    http.write(&[&[0x81, length, 0, 0, 0, 0], &event[..], b"\x82", &LARGE[1..]].concat()).await;
    assert!(dribble(&mut http).await >= LIMIT / 2); // it has begun before
    drop(http);
    until(|| server.sessions() == 1).await;
    is_unharmed(witness).await;
}

#[tokio::test]
async fn a_probe() {
    let (server, url, witness) = scene(|builder| builder.upgrade_timeout(LIMIT)).await;
    for begun in [LARGE, b"\x81\x86\0\0\0\x002probe\x81\xff\0\0\0\0\0\x0f\0\0\0\0\0\0", b""] {
        let mut session = Polling::join(&url).await;
        let mut http = websocket(&url, &format!("&sid={}", session.sid)).await;
        http.write(begun).await;
        if begun.is_empty() {
            let silent = time::timeout(PATIENCE, http.ended());
            silent.await.expect("silence is no better");
        } else {
            assert!(dribble(&mut http).await >= LIMIT / 2); // it has begun before
        }
        // The session was never away.
        assert_eq!(session.post(r#"420["echo",7]"#).await.brief(), (200, "ok"));
        assert_eq!(session.packets(1).await, ["430[7]"]);
        assert_eq!(session.post("41\x1e1").await.brief(), (200, "ok"));
    }
    until(|| server.sessions() == 1).await;
    is_unharmed(witness).await;
}

#[tokio::test]
async fn a_hundred_bodies() {
    let (server, url, witness) = scene(|builder| builder.post_timeout(LIMIT)).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut session = Polling::join(&url).await;
        let line = format!("POST {}", session.path());
        session.post.send(&line, "content-length: 900000\r\n", b"").await;
        slow.push(session);
    }
    let start = Instant::now();
    while server.sessions() > 1 {
        assert!(start.elapsed() < PATIENCE);
        for session in &mut slow {
            session.post.write(b"6").await;
        }
        time::sleep(PAUSE).await; // between two bytes
    }
    for mut session in slow {
        assert_eq!(session.post.read().await.status, 408);
    }
    is_unharmed(witness).await;
}

#[tokio::test]
async fn a_close_frame_that_is_not_answered() {
    let (server, url, witness) = scene(|builder| builder).await;
    let mut http = websocket(&url, "").await;
    http.write(b"\x81\x82\0\0\0\x0040").await;
    until(|| server.of("/").local_count() == 2).await;
    http.write(LARGE).await;
    // The server closes it, and the peer does not stop talking.
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close(LIMIT).await }
    });
    assert!(dribble(&mut http).await < PATIENCE);
    drop(witness);
    let cut = time::timeout(PATIENCE, closing).await.expect("it ends in time").unwrap();
    assert!((1..=2).contains(&cut), "{cut} had to be cut");
    assert_eq!(server.sessions(), 0);
}
