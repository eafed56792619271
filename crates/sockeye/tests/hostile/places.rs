//! Attacks on the places of sessions: who asks for one and goes no further gives it back in time.

use std::time::Duration;

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use sockeye::server::{Namespace, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::{self, Instant},
};
use tower::Service as _;

use crate::{
    common::{http::ask, polling::Polling, serve, until},
    upgrade::UPGRADE,
};

const PATIENCE: Duration = Duration::from_secs(5);
const FULL: (u16, &str) = (503, r#"{"code":4,"message":"Server is full"}"#);

/// One place, and 300 ms for a write.
async fn scene() -> (Server, String) {
    let builder = Server::builder().max_sessions(1).write_timeout(Duration::from_millis(300));
    let server = builder.namespace("/", Namespace::new()).build().unwrap();
    let url = serve(&server).await;
    (server, url)
}

/// A client that asks for a WebSocket and never reads; no answer fits into the pipe to it.
async fn deaf(server: &Server, query: &str) -> DuplexStream {
    let (mut stream, served) = tokio::io::duplex(16);
    let service = server.service();
    let service = service_fn(move |request| service.clone().call(request));
    tokio::spawn(
        http1::Builder::new().serve_connection(TokioIo::new(served), service).with_upgrades(),
    );
    let line = format!("GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1");
    stream.write_all(format!("{line}\r\nhost: x\r\n{UPGRADE}\r\n").as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn of_who_never_reads_that_he_may_come_in() {
    let (server, url) = scene().await;
    let open = "GET /socket.io/?EIO=4&transport=polling";
    let mut stream = deaf(&server, "").await;
    let start = Instant::now();
    assert_eq!(ask(&url, open, "").await.brief(), FULL);
    while ask(&url, open, "").await.brief() == FULL {
        assert!(start.elapsed() < PATIENCE, "the place is kept");
        time::sleep(Duration::from_millis(10)).await; // between two requests
    }
    // What was promised is not kept: the stream ends.
    let mut answer = Vec::new();
    let rest = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = rest.expect("an end");
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{answer:?}");
    assert_eq!(server.sessions(), 1);
}

/// Opens a session, does something with it, and ends it as its client.
async fn come_and_go<T>(url: &str, meanwhile: impl AsyncFnOnce(&Polling) -> T) -> T {
    let mut session = Polling::join(url).await;
    let done = meanwhile(&session).await;
    assert_eq!(session.post("41\x1e1").await.brief(), (200, "ok"));
    done
}

#[tokio::test]
async fn of_a_session_that_is_over_while_its_websocket_does_not_read() {
    let (server, url) = scene().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let listens = tasks();
    come_and_go(&url, async |_| ()).await;
    until(|| tasks() == listens + 1).await; // the wheel's
    let stream =
        come_and_go(&url, async |session| deaf(&server, &format!("&sid={}", session.sid)).await);
    let stream = stream.await;
    let start = Instant::now();
    while tasks() != listens + 2 {
        assert!(start.elapsed() < PATIENCE, "more is left than the HTTP server's: {}", tasks());
        time::sleep(Duration::from_millis(10)).await; // nobody tells
    }
    drop(stream);
}
