//! Engine.IO 3 is let in by an option; its bodies count characters, or are binary.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use std::sync::Arc;

use common::{
    http::{Answer, ask, ask_with},
    polling::sid_of,
    serve, until,
};
use sockeye::{
    event::{RawArgs, Refusal, State},
    server::{Namespace, Server, Socket},
};
use tokio::sync::Semaphore;

const UPGRADE: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

async fn say(socket: Socket, args: RawArgs) {
    let _ = socket.emit("said", args);
}

async fn scene(engine_v3: bool) -> (Server, String) {
    let namespace = Namespace::new().on("say", say);
    let builder = Server::builder().namespace("/", namespace);
    let server = builder.engine_v3(engine_v3).build().unwrap();
    (server.clone(), serve(&server).await)
}

/// The packets of a body of text; what this test sends and gets counts the same in bytes and in UTF-16 units.
fn packets(body: &str) -> Vec<&str> {
    let (mut packets, mut rest) = (Vec::new(), body);
    while let Some((length, more)) = rest.split_once(':') {
        let (packet, more) = more.split_at(length.parse().unwrap());
        packets.push(packet);
        rest = more;
    }
    assert_eq!(rest, "", "{body}");
    packets
}

/// Opens a session and reads up to the packet that lets it into `/`; gives its path.
async fn open(url: &str, query: &str) -> String {
    let opened = ask(url, &format!("GET /socket.io/?{query}"), "").await;
    assert_eq!(opened.status, 200, "{query}: {opened:?}");
    assert_eq!(opened.header("content-type"), "text/plain; charset=UTF-8");
    let mut heard = packets(opened.text());
    assert!(heard.remove(0).starts_with(r#"0{"sid":""#), "{opened:?}");
    let path = format!("/socket.io/?{query}&sid={}", sid_of(opened.text()));
    if heard.is_empty() {
        let joined = ask(url, &format!("GET {path}"), "").await;
        assert_eq!(packets(joined.text()), ["40"]);
    } else {
        assert_eq!(heard, ["40"]);
    }
    path
}

async fn post(url: &str, path: &str, content_type: &str, body: &[u8]) -> Answer {
    let header = format!("content-type: {content_type}\r\n");
    ask_with(url, &format!("POST {path}"), &header, body).await
}

async fn get(url: &str, path: &str) -> Answer {
    ask(url, &format!("GET {path}"), "").await
}

#[tokio::test]
async fn versions_are_taken_only_as_told() {
    let (server, url) = scene(true).await;
    for query in ["EIO=3&", "", "EIO=4&"] {
        let polling = ask(&url, &format!("GET /socket.io/?{query}transport=polling"), "").await;
        assert_eq!(polling.status, 200, "{query}");
        let line = format!("GET /socket.io/?{query}transport=websocket");
        assert_eq!(ask(&url, &line, UPGRADE).await.status, 101, "{query}");
    }
    let unsupported = (400, r#"{"code":5,"message":"Unsupported protocol version"}"#);
    for query in ["EIO=2&", "EIO=5&", "EIO=&", "EIO=33&", "EIO=3&EIO=3&"] {
        let line = format!("GET /socket.io/?{query}transport=polling");
        assert_eq!(ask(&url, &line, "").await.brief(), unsupported, "{query}");
    }
    until(|| server.sessions() == 3).await; // those on polling
    let (_, url) = scene(false).await;
    for query in ["EIO=3&", ""] {
        let line = format!("GET /socket.io/?{query}transport=polling");
        assert_eq!(ask(&url, &line, "").await.brief(), unsupported, "{query}");
    }
}

#[tokio::test]
async fn the_first_answer_lets_into_root_unless_the_application_still_thinks() {
    for waits in [false, true] {
        let gate = Arc::new(Semaphore::new(usize::from(!waits)));
        let connect =
            async |State(gate): State<Arc<Semaphore>>| gate.acquire().await.unwrap().forget();
        let builder = Server::builder().state(Arc::clone(&gate)).engine_v3(true);
        let server = builder.namespace("/", Namespace::new().on_connect(connect)).build().unwrap();
        let url = serve(&server).await;
        let line = "GET /socket.io/?EIO=3&transport=polling";
        let opened = ask(&url, line, "").await;
        let heard = packets(opened.text());
        assert!(heard[0].starts_with(r#"0{"sid":""#), "{opened:?}");
        if waits {
            assert_eq!(heard.len(), 1, "{opened:?}");
            gate.add_permits(1);
            let path = format!("/socket.io/?EIO=3&transport=polling&sid={}", sid_of(opened.text()));
            assert_eq!(get(&url, &path).await.text(), "2:40");
        } else {
            assert_eq!(heard[1..], ["40"]);
        }
    }
}

#[tokio::test]
async fn a_no_is_its_data_or_its_text_alone() {
    let text = async || Err::<(), _>(Refusal::new("buy a \"ticket\" first"));
    let data = async || Err::<(), _>(Refusal::new("no").data(&["ticket"]));
    let server = Server::builder()
        .namespace("/", Namespace::new())
        .namespace("/text", Namespace::new().on_connect(text))
        .namespace("/data", Namespace::new().on_connect(data))
        .engine_v3(true)
        .build()
        .unwrap();
    let url = serve(&server).await;
    let path = open(&url, "EIO=3&transport=polling").await;
    for (namespace, error) in [
        ("/text", r#"44/text,"buy a \"ticket\" first""#),
        ("/data", r#"44/data,["ticket"]"#),
        ("/random", r#"44/random,{"message":"Invalid namespace"}"#),
    ] {
        let connect = format!("40{namespace}");
        let body = format!("{}:{connect}", connect.len());
        assert_eq!(post(&url, &path, "text/plain", body.as_bytes()).await.brief(), (200, "ok"));
        assert_eq!(packets(get(&url, &path).await.text()), [error]);
    }
}

#[tokio::test]
async fn text_counts_utf_16_units() {
    let (_, url) = scene(true).await;
    let path = open(&url, "EIO=3&transport=polling").await;
    // 12 characters, of which the fish is two units; then an empty packet that npm writes, and a further event.
    let body = r#"15:42["say","€🐟"]0:13:42["say","x"]"#;
    assert_eq!(post(&url, &path, "text/plain;charset=UTF-8", body.as_bytes()).await.text(), "ok");
    let answer = get(&url, &path).await;
    assert_eq!(answer.text(), r#"16:42["said","€🐟"]14:42["said","x"]"#);
}

#[tokio::test]
async fn bodies_are_binary_where_the_client_can_read_them() {
    let (_, url) = scene(true).await;
    let text = r#"451-["say",{"_placeholder":true,"num":0}]"#;
    let echoed = r#"451-["said",{"_placeholder":true,"num":0}]"#;
    let binary = |text: &str| {
        let digits = text.len().to_string().bytes().map(|digit| digit - b'0').collect::<Vec<_>>();
        [&[0], &digits[..], &[0xFF], text.as_bytes(), &[1, 4, 0xFF, 4, 1, 2, 3]].concat()
    };
    let path = open(&url, "EIO=3&transport=polling").await;
    let posted = post(&url, &path, "application/octet-stream", &binary(text)).await;
    assert_eq!(posted.brief(), (200, "ok"));
    let answer = get(&url, &path).await;
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.body, binary(echoed));

    let path = open(&url, "EIO=3&transport=polling&b64=1").await;
    let body = format!("{}:{text}6:b4AQID", text.len());
    assert_eq!(post(&url, &path, "text/plain", body.as_bytes()).await.brief(), (200, "ok"));
    let answer = get(&url, &path).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=UTF-8");
    assert_eq!(answer.text(), format!("{}:{echoed}6:b4AQID", echoed.len()));
}

#[tokio::test]
async fn lengths_that_lie_end_the_session() {
    for body in ["5:42", "99999999999999999999999:4", "x:4", ":4", "2:42[", "-1:4", "1:9"] {
        let (server, url) = scene(true).await;
        let path = open(&url, "EIO=3&transport=polling").await;
        let answer = post(&url, &path, "text/plain", body.as_bytes()).await;
        assert_eq!(answer.brief(), (400, r#"{"code":3,"message":"Bad request"}"#), "{body}");
        let next = get(&url, &path).await;
        assert!(next.status == 400 || next.brief() == (200, "1:1"), "{body}: {next:?}");
        until(|| server.sessions() == 0).await;
    }
}
