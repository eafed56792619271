//! Long answers to polling requests are compressed for clients that accept it, and carry a cookie if one is wanted.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::io::Read as _;

use common::{http::ask, polling::Polling, serve};
use sockeye::{
    event::{Ack, RawArgs},
    server::{BuildError, Builder, Cookie, Namespace, SameSite, Server},
};
use sockeye_testkit::client::Client;

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> String {
    let builder = Server::builder().namespace("/", Namespace::new().on("echo", echo));
    serve(&change(builder).build().unwrap()).await
}

/// What an echo of so many bytes is answered with, and how it was encoded.
async fn echoed(url: &str, bytes: usize, accept: &str) -> (String, Vec<u8>, String) {
    let mut session = Polling::join(url).await;
    let text = "salmon ".repeat(bytes.div_ceil(7));
    let body = format!(r#"420["echo","{}"]"#, &text[..bytes]);
    assert_eq!(session.post(&body).await.brief(), (200, "ok"));
    let line = format!("GET {}", session.path());
    let headers =
        if accept.is_empty() { String::new() } else { format!("accept-encoding: {accept}\r\n") };
    session.get.send(&line, &headers, b"").await;
    let answer = session.get.read().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=UTF-8");
    let expect = format!(r#"430["{}"]"#, &text[..bytes]);
    // The session goes on: nothing of it was lost.
    assert_eq!(session.post(r#"421["echo"]"#).await.brief(), (200, "ok"));
    assert_eq!(session.get().await.text(), "431[]");
    (answer.header("content-encoding").to_owned(), answer.body, expect)
}

#[tokio::test]
async fn long_answers_are_compressed_as_the_client_accepts() {
    let url = scene(|builder| builder).await;
    let (encoding, body, expect) = echoed(&url, 100_000, "gzip, deflate, br").await;
    assert_eq!(encoding, "gzip");
    assert!(body.len() < 2_000, "{}", body.len());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, expect);

    let (encoding, body, expect) = echoed(&url, 100_000, "deflate").await;
    assert_eq!(encoding, "deflate");
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, expect);

    for accept in ["", "identity", "br", "gzip;q=0"] {
        let (encoding, body, expect) = echoed(&url, 100_000, accept).await;
        assert_eq!((encoding.as_str(), body), ("", expect.into_bytes()), "{accept}");
    }
}

#[tokio::test]
async fn short_answers_are_not() {
    let url = scene(|builder| builder).await;
    // With `430[""]` around it.
    assert_eq!(echoed(&url, 1_023 - 7, "gzip").await.0, "");
    assert_eq!(echoed(&url, 1_024 - 7, "gzip").await.0, "gzip");
}

#[tokio::test]
async fn none_is_where_the_application_says_so() {
    let url = scene(|builder| builder.http_compression(false)).await;
    let (encoding, body, expect) = echoed(&url, 100_000, "gzip").await;
    assert_eq!((encoding.as_str(), body), ("", expect.into_bytes()));
}

#[tokio::test]
async fn the_cookie_comes_with_the_answer_that_opens_a_session_on_polling_alone() {
    let url = scene(|builder| builder.cookie(Cookie::new("io"))).await;
    let mut session = Polling::open(&url).await;
    let expect = format!("io={}; Path=/; HttpOnly; SameSite=Lax", session.sid);
    assert_eq!(session.opening.header("set-cookie"), expect);
    let posted = session.post("40").await;
    let got = session.get().await;
    for answer in [&posted, &got] {
        assert!(!answer.headers.contains_key("set-cookie"), "{answer:?}");
    }
    let refused = ask(&url, "GET /socket.io/?EIO=9&transport=polling", "").await;
    assert!(!refused.headers.contains_key("set-cookie"), "{refused:?}");
    let upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let websocket = ask(&url, "GET /socket.io/?EIO=4&transport=websocket", upgrade).await;
    assert_eq!(websocket.status, 101);
    assert!(!websocket.headers.contains_key("set-cookie"), "{websocket:?}");
    // A client that sends it back is served as any other.
    let client = Client::connect(&url, "/", ()).await.unwrap();
    client.close().await.unwrap();
}

#[test]
fn a_cookie_that_browsers_drop_fails_in_build() {
    let builder = Server::builder().namespace("/", Namespace::new());
    let built = builder.cookie(Cookie::new("io").same_site(SameSite::None)).build();
    assert!(matches!(built, Err(BuildError::Cookie { .. })), "{built:?}");
}
