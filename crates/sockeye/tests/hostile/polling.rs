//! Attacks by the bodies and the order of polling requests.

use crate::{
    common::http::Http,
    scene::{A_LITTLE, BAD_REQUEST, OK, Poller, Scene, TOO_LARGE},
};

#[tokio::test]
async fn a_body_of_100_megabytes_that_says_so() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let mut http = Http::connect(&scene.url).await;
    let head = "content-length: 100000000\r\ncontent-type: text/plain\r\n";
    http.send(&poller.line("POST"), head, b"").await;
    assert_eq!(http.read().await.brief(), TOO_LARGE);
    drop(http);
    poller.is_alive().await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_body_of_100_megabytes_in_chunks() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let mut http = Http::connect(&scene.url).await;
    http.send(&poller.line("POST"), "transfer-encoding: chunked\r\n", b"").await;
    let chunk = format!("186a0\r\n{}\r\n", "6".repeat(100_000));
    for _ in 0..11 {
        http.write(chunk.as_bytes()).await;
    }
    assert_eq!(http.read().await.brief(), TOO_LARGE);
    for _ in 11..1_000 {
        http.write(chunk.as_bytes()).await; // for nobody
    }
    drop(http);
    poller.is_alive().await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_million_packets_of_one_byte() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    for packet in ["6", "3", "5", "0"] {
        let body = vec![packet; 499_999].join("\x1e");
        assert_eq!(poller.post(&body).await.brief(), OK, "{packet}");
    }
    poller.is_alive().await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn bodies_that_no_client_sends() {
    let scene = Scene::new().await;
    let many = format!(r#"42["echo"{}]"#, ",1".repeat(450_000));
    let deep = format!(r#"42["echo",{}{}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let many_in_ack = format!("430[1{}]", ",1".repeat(450_000));
    let deep_ack = format!("430[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let deep_auth = format!(r#"40/a,{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for body in [
        &many,
        &deep,
        &many_in_ack,
        &deep_ack,
        &deep_auth,
        "\x1e".repeat(999_999).as_str(),
        "\x1e",
        "4",
        "42[\"echo\"]\x1e",
        "b!!!!",
        "b",
        "bAAA",
        "bAAAA",
        "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1eb====",
        "9",
        "2probe",
        "x",
        "42[\"echo\"",
        "45999999999-[\"echo\"]",
    ] {
        let mut poller = Poller::open(&scene.url).await;
        let what = &body[..body.len().min(40)];
        assert_eq!(poller.post(body).await.brief(), BAD_REQUEST, "{what:?}");
        poller.is_over(what).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_body_that_is_not_utf_8() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let answer = poller.post_as("text/plain", b"42[\"\xff\"]").await;
    assert_eq!(answer.brief(), BAD_REQUEST);
    poller.is_over("not UTF-8").await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_content_type_that_the_version_does_not_know() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let answer = poller.post_as("application/octet-stream", b"42[\"echo\"]").await;
    assert_eq!(answer.brief(), BAD_REQUEST);
    poller.is_over("octet-stream").await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn two_gets_at_a_time() {
    let scene = Scene::new().await;
    let poller = Poller::open(&scene.url).await;
    let (mut first, mut second) =
        (Http::connect(&scene.url).await, Http::connect(&scene.url).await);
    first.send(&poller.line("GET"), "", b"").await;
    // Whichever the server sees last is refused, and the session is over for both.
    second.send(&poller.line("GET"), "", b"").await;
    let answers = tokio::join!(first.read(), second.read());
    drop((first, second));
    let (refused, released) = match answers {
        (first, second) if second.status == 400 => (second, first),
        answers => answers,
    };
    assert_eq!(refused.brief(), BAD_REQUEST);
    assert_eq!(released.brief(), (200, "1"));
    poller.is_over("two GETs").await;
    drop(poller);
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn two_posts_at_a_time() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let mut first = Http::connect(&scene.url).await;
    first.send(&poller.line("POST"), "content-length: 10\r\nexpect: 100-continue\r\n", b"").await;
    assert_eq!(first.read().await.status, 100, "it is being read");
    assert_eq!(poller.post("6").await.brief(), BAD_REQUEST);
    poller.is_over("two POSTs").await;
    drop((first, poller));
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_of_its_body() {
    let scene = Scene::new().await;
    for _ in 0..100 {
        let poller = Poller::open(&scene.url).await;
        let mut http = Http::connect(&scene.url).await;
        http.send(&poller.line("POST"), "content-length: 900000\r\n", b"").await;
        http.write(&[b'6'; 100_000]).await;
    }
    scene.unharmed(A_LITTLE).await;
}

#[tokio::test]
async fn echoes_of_large_messages_that_nobody_polls() {
    let scene = Scene::new().await;
    let mut poller = Poller::open(&scene.url).await;
    let body = format!(r#"420["echo","{}"]"#, "x".repeat(900_000));
    let mut asked = 0;
    while asked < 100 && poller.post(&body).await.status == 200 {
        asked += 1;
    }
    assert!(asked < 100, "it is cut");
    poller.is_over("nobody polls").await;
    drop(poller);
    // The outbox may hold 16 MiB, the backlog 1 MiB.
    scene.unharmed(2 * A_LITTLE).await;
}
