//! Attacks by Engine.IO 3, whose packets in bodies are counted.

use crate::{
    common::http::Http,
    scene::{A_LITTLE, BAD_REQUEST, OK, Poller, Scene},
    upgrade::UPGRADE,
};

#[tokio::test]
async fn length_prefixes_that_lie() {
    let scene = Scene::with(&["--v3"]).await;
    for body in [
        "99999999999999999999999:2",
        "18446744073709551616:2",
        "4294967296:2",
        "999999:2",
        "3:2",
        "-1:2",
        "+1:2",
        "1.0:2",
        "1e0:2",
        " 1:2",
        ":2",
        "2",
        "1",
        "1:21",
        "1:2b",
        "9".repeat(999_999).as_str(),
        "5:b4!!!",
        "2:b4",
    ] {
        let mut poller = Poller::begin(&scene.url, 3).await;
        let what = &body[..body.len().min(40)];
        assert_eq!(poller.post(body).await.brief(), BAD_REQUEST, "{what:?}");
        poller.is_over(what).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn binary_length_prefixes_that_lie() {
    let scene = Scene::with(&["--v3"]).await;
    let digits = [&[0][..], &[9; 400], &[255], b"2"].concat();
    let endless = vec![9; 999_999];
    for body in
        [&digits[..], &endless, b"\0", b"\0\xff2", b"\0\x0a\xff2", b"\x02\x01\xff2", b"\0\x05\xff2"]
    {
        let mut poller = Poller::begin(&scene.url, 3).await;
        let answer = poller.post_as("application/octet-stream", body).await;
        let what = format!("{:?}", &body[..body.len().min(10)]);
        assert_eq!(answer.brief(), BAD_REQUEST, "{what}");
        poller.is_over(&what).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_third_of_a_million_packets_of_one_byte() {
    let scene = Scene::with(&["--v3"]).await;
    let mut poller = Poller::begin(&scene.url, 3).await;
    assert_eq!(poller.post(&"1:6".repeat(333_333)).await.brief(), OK);
    assert_eq!(poller.post(r#"13:420["echo",7]"#).await.brief(), OK);
    assert_eq!(poller.get().await.brief(), (200, "6:430[7]"));
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

/// In this version it is the client who pings, and each is answered.
#[tokio::test]
async fn pings_without_number_from_who_reads_no_pong() {
    let scene = Scene::with(&["--v3"]).await;
    let mut http = Http::connect(&scene.url).await;
    http.send("GET /socket.io/?EIO=3&transport=websocket", UPGRADE, b"").await;
    assert_eq!(http.read().await.status, 101);
    let text = format!("2{}", "x".repeat(120));
    let frame = [&[0x81, 0x80 | 121, 0, 0, 0, 0], text.as_bytes()].concat();
    let flood = frame.repeat(10_000);
    for _ in 0..100 {
        http.write(&flood).await; // it may be cut already
    }
    drop(http);
    // The outbox may hold 16 MiB, and 65,536 pongs.
    scene.unharmed(2 * A_LITTLE).await;
}

#[tokio::test]
async fn pings_without_number_in_bodies() {
    let scene = Scene::with(&["--v3"]).await;
    let mut poller = Poller::begin(&scene.url, 3).await;
    let mut posts = 0;
    while posts < 100 && poller.post(&"1:2".repeat(10_000)).await.brief() == OK {
        posts += 1;
    }
    assert!(posts < 100, "who never asks for its pongs is cut");
    poller.is_over("pings").await;
    drop(poller);
    scene.unharmed(2 * A_LITTLE).await;
}
