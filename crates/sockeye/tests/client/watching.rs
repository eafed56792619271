//! A client that is watched: what is told, at which layer, which way, in which order.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use sockeye::{
    client::{Builder, Client, Direction, Seen, Transport, Version},
    event::Args,
    server::Parser,
    ws::{self, Connect},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::server::{PATIENCE, Running, soon};

/// What was told, a short line each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn see(&self) -> impl Fn(&Seen<'_>) + Send + Sync + 'static {
        let Self(lines) = self.clone();
        move |seen| lines.lock().unwrap().push(line(seen))
    }

    fn watch(&self, builder: Builder) -> Builder {
        builder.watch(self.see())
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Whether there are lines that begin so, one behind the other.
    #[track_caller] // a failure points at the row, not at this function
    fn tells(&self, expect: &[&str]) {
        let lines = self.lines();
        let mut rest = lines.iter();
        for begin in expect {
            assert!(rest.any(|line| line.starts_with(begin)), "{begin:?} in {lines:#?}");
        }
    }

    fn lacks(&self, begin: &str) -> bool {
        !self.lines().iter().any(|line| line.starts_with(begin))
    }
}

fn line(seen: &Seen<'_>) -> String {
    let arrow = |direction: &Direction| if *direction == Direction::In { "in" } else { "out" };
    match seen {
        Seen::Resolved { host, addresses, .. } => format!("resolved {host} {}", addresses.len()),
        Seen::Connected { .. } => "connected".to_owned(),
        Seen::Request { method, target, body, .. } => {
            format!("{method} {} {}", target.path_and_query().unwrap(), body.len())
        }
        Seen::Response { method, status, body, .. } => {
            format!("{method} = {} {}", status.as_u16(), body.len())
        }
        Seen::Message { direction, message } => format!("{} {message:?}", arrow(direction)),
        Seen::Packet { direction, kind, body } => {
            format!("{} {}{body}", arrow(direction), char::from(kind.digit()))
        }
        Seen::Binary { direction, data } => {
            data.iter().fold(format!("{} bin", arrow(direction)), |mut line, byte| {
                let _ = write!(line, " {byte:02x}"); // a String takes everything
                line
            })
        }
        Seen::Unreadable { direction, bytes, error } => {
            format!("{} ? {} {error}", arrow(direction), bytes.escape_ascii())
        }
        Seen::Ended { error } => format!("ended {error:?}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn every_layer_is_told_in_its_order() {
    let (running, log) = (Running::start().await, Log::default());
    let client = soon(log.watch(running.client("/imchat")).connect()).await.unwrap();
    // Until it has left polling.
    while log.lacks("out 5") {
        let _: Args<(u32,)> = client.call("echo", (1,)).timeout(PATIENCE).await.unwrap();
    }
    let _: Args<(u32,)> = client.call("echo", (7,)).timeout(PATIENCE).await.unwrap();
    soon(client.close()).await;
    log.tells(&[
        "resolved 127.0.0.1 1",
        "connected",
        "GET /socket.io/?EIO=4&transport=polling 0",
        "GET = 200 ",
        r#"in 0{"sid":"#,
        "POST /socket.io/?EIO=4&transport=polling&sid=",
        "out 40/imchat,",
        "POST = 200 2",
    ]);
    log.tells(&[
        "GET /socket.io/?EIO=4&transport=websocket&sid=",
        "GET = 101 0",
        r#"out Text("2probe")"#,
        "out 2probe",
        r#"in Text("3probe")"#,
        "in 3probe",
        "out 5",
        r#"out Text("42/imchat,"#,
        "out 42/imchat,",
        "in 43/imchat,",
        "out Close(",
    ]);
}

#[tokio::test]
async fn binary_data_is_told_alone_in_every_version_on_every_transport() {
    for parser in [Parser::Json, Parser::MsgPack] {
        let running = Running::start_with(|server| server.parser(parser)).await;
        for version in [Version::V4, Version::V3] {
            for transport in [Transport::Polling, Transport::WebSocket] {
                let log = Log::default();
                let builder = running.client("").parser(parser).version(version);
                let builder = log.watch(builder).transports([transport]).upgrade(false);
                let client = soon(builder.connect()).await.unwrap();
                let bytes = Bytes::from_static(b"\x04\xff");
                let _: Args<(Bytes,)> =
                    client.call("echo", (&bytes,)).timeout(PATIENCE).await.unwrap();
                soon(client.close()).await;
                match parser {
                    Parser::Json => log.tells(&[
                        r#"out 451-0["echo",{"_placeholder":true,"num":0}]"#,
                        "out bin 04 ff",
                        "in 461-0[",
                        "in bin 04 ff",
                    ]),
                    // A map; in version 3 it stands behind its type.
                    _ => log.tells(&["out bin 8", "in bin 8"]),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_raw_websocket_has_messages_but_no_packets() {
    let (running, log) = (Running::start().await, Log::default());
    let url = running.url.replace("http:", "ws:");
    let connect = Connect::new(format!("{url}/socket.io/?EIO=4&transport=websocket"));
    let mut socket = soon(connect.watch(log.see()).connect()).await.unwrap();
    soon(socket.send("40")).await.unwrap();
    while !log.lines().iter().any(|line| line.starts_with(r#"in Text("40"#)) {
        soon(socket.recv()).await.unwrap();
    }
    soon(socket.close(ws::CloseCode::NORMAL, "bye")).await.unwrap();
    log.tells(&[
        "connected",
        "GET /socket.io/?EIO=4",
        "GET = 101",
        r#"in Text("0{"#,
        r#"in Text("40{"#,
        r#"out Close(Some(CloseFrame { code: CloseCode(1000), reason: "bye" }))"#,
        "ended None",
    ]);
    assert!(log.lacks("in 0") && log.lacks("out 4"), "{:#?}", log.lines());
}

#[tokio::test]
async fn compressed_messages_are_told_as_they_were() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let deflate = ws::Deflate::default();
    let echo = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let options = ws::Options::default().deflate(deflate);
        let mut socket = ws::accept_with(stream, &options).await.unwrap();
        while let Ok(Some(message)) = socket.recv().await {
            if matches!(message, ws::Message::Text(_)) {
                socket.send(message).await.unwrap();
            }
        }
    });
    let log = Log::default();
    let connect = Connect::new(url).deflate(deflate).watch(log.see());
    let mut socket = soon(connect.connect()).await.unwrap();
    let texts = ["again and again ".repeat(100), "again and again, but less".repeat(10)];
    for text in &texts {
        soon(socket.send(text.as_str())).await.unwrap();
        let answer = soon(socket.recv()).await.unwrap();
        assert_eq!(answer, Some(ws::Message::from(text.as_str())));
    }
    soon(socket.close(ws::CloseCode::NORMAL, "")).await.unwrap();
    soon(echo).await.unwrap();
    let [first, second] = texts;
    let (first, second) = (format!("Text({first:?})"), format!("Text({second:?})"));
    log.tells(&[
        &format!("out {first}"),
        &format!("in {first}"),
        &format!("out {second}"),
        &format!("in {second}"),
    ]);
}

#[tokio::test]
async fn what_is_wrong_is_told_where_it_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = tokio::spawn(async move {
        for body in ["0{\"sid\":\"a\"}\u{1e}9?", "<!DOCTYPE html>"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let log = Log::default();
    for _ in 0..2 {
        let builder = log.watch(Client::builder(&url)).transports([Transport::Polling]);
        soon(builder.upgrade(false).connect()).await.unwrap_err();
    }
    soon(answers).await.unwrap();
    log.tells(&[
        r#"in 0{"sid":"a"}"#,
        "in ? 9? packet type '9' is not in 0..=6",
        "GET = 200",
        "in ? <!DOCTYPE html> packet type '<'",
    ]);
}
