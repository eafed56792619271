//! Attacks on the way from polling to a WebSocket.

use crate::{
    common::http::Http,
    scene::{A_LITTLE, BAD_REQUEST, OK, Poller, Scene},
};

pub(crate) const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Poller {
    /// Offers a WebSocket, whatever the answer.
    async fn offer(&self, url: &str) -> Http {
        let mut http = Http::connect(url).await;
        let line = format!("GET /socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        http.send(&line, UPGRADE, b"").await;
        http
    }

    /// Offers a WebSocket that is accepted.
    async fn probe(&self, url: &str) -> Http {
        let mut http = self.offer(url).await;
        assert_eq!(http.read().await.status, 101);
        http
    }

    /// Offers a WebSocket that is accepted, closed at once, and ended.
    async fn is_turned_away(&self, url: &str) {
        let mut http = self.probe(url).await;
        while http.rest.len() < 4 {
            http.more().await;
        }
        assert_eq!(http.rest[..1], [0x88], "a close frame");
        assert_eq!(http.rest[2..4], [0x03, 0xe8], "code 1000");
        http.ended().await;
    }
}

/// A text message as a client sends it; its mask changes nothing.
fn text(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

async fn hears(http: &mut Http, text: &str) {
    let frame = [&[0x81, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    while http.rest.len() < frame.len() {
        http.more().await;
    }
    assert_eq!(http.rest.drain(..frame.len()).collect::<Vec<_>>(), frame, "{text}");
}

#[tokio::test]
async fn what_is_not_a_probe_costs_the_offer_and_not_the_session() {
    let scene = Scene::new().await;
    for (what, bytes) in [
        ("RSV1", &b"\xc1\x80\0\0\0\0"[..]),
        ("RSV2", b"\xa1\x80\0\0\0\0"),
        ("RSV3", b"\x91\x80\0\0\0\0"),
        ("unmasked", b"\x81\x062probe"),
        ("a long ping", b"\x89\xfe\0\x7e\0\0\0\0"),
        ("a fragmented ping", b"\x09\x80\0\0\0\0"),
        ("a continuation of nothing", b"\x80\x80\0\0\0\0"),
        ("a reserved opcode", b"\x83\x80\0\0\0\0"),
        ("invalid UTF-8", b"\x81\x81\0\0\0\0\xff"),
        (
            "empty fragments",
            &[&b"\x01\x80\0\0\0\0"[..], &b"\0\x80\0\0\0\0".repeat(100_000)].concat(),
        ),
        ("2^63 - 1 bytes", b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
        ("binary", b"\x82\x80\0\0\0\0"),
        ("an event", &text("42[\"echo\"]")),
        ("an upgrade without a probe", &text("5")),
        ("another probe", &text("2prob")),
        ("nothing", &text("")),
    ] {
        let mut poller = Poller::open(&scene.url).await;
        let mut http = poller.probe(&scene.url).await;
        http.write(bytes).await;
        http.ended().await;
        println!("{what}");
        poller.is_alive().await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_second_websocket_for_a_session() {
    let scene = Scene::new().await;
    let poller = Poller::open(&scene.url).await;
    let mut first = poller.probe(&scene.url).await;
    first.write(&text("2probe")).await;
    hears(&mut first, "3probe").await;
    poller.is_turned_away(&scene.url).await; // probing
    first.write(&text("5")).await;
    first.write(&text("420[\"echo\",7]")).await;
    hears(&mut first, "430[7]").await;
    poller.is_turned_away(&scene.url).await; // upgraded
    // Some say much, some do not read, some stay, some go.
    let mut many = Vec::new();
    for number in 0..200 {
        let mut http = poller.offer(&scene.url).await;
        match number % 3 {
            0 => http.write(&text("2probe").repeat(1_000)).await,
            1 => http.stream.set_zero_linger().unwrap(),
            _ => many.push(http),
        }
    }
    first.write(&text("420[\"echo\",7]")).await;
    hears(&mut first, "430[7]").await;
    drop((first, poller, many));
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn posts_while_upgrading_and_after() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let mut websocket = poller.probe(&scene.url).await;
    websocket.write(&text("2probe")).await;
    hears(&mut websocket, "3probe").await;
    assert_eq!(poller.post("420[\"echo\",7]").await.brief(), OK, "the client may still send");
    websocket.write(&text("5")).await;
    hears(&mut websocket, "430[7]").await;
    assert_eq!(poller.post("420[\"echo\",8]").await.brief(), BAD_REQUEST, "too late");
    assert_eq!(poller.get().await.brief(), BAD_REQUEST, "too late");
    websocket.write(&text("420[\"echo\",7]")).await;
    hears(&mut websocket, "430[7]").await;
    drop((websocket, poller));
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn resets_right_after_an_upgrade_invalid_or_not() {
    let scene = Scene::new().await;
    for number in 0..300 {
        let mut http = Http::connect(&scene.url).await;
        let headers = match number % 3 {
            0 => "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 12\r\n",
            1 => "connection: Upgrade\r\nupgrade: h2c\r\n",
            _ => UPGRADE,
        };
        http.send("GET /socket.io/?EIO=4&transport=websocket", headers, b"").await;
        http.stream.set_zero_linger().unwrap();
    }
    for _ in 0..100 {
        let poller = Poller::open(&scene.url).await;
        let http = poller.offer(&scene.url).await;
        http.stream.set_zero_linger().unwrap();
    }
    scene.unharmed(A_LITTLE).await;
}
