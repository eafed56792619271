//! What every behaviour test needs: a server on a free port, and notes of what its handlers saw.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(dead_code, reason = "each test is a crate of its own and uses its part")]

pub(crate) mod http;
pub(crate) mod polling;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use sockeye::server::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time,
};

/// Serves until the test's runtime ends; gives the URL.
pub(crate) async fn serve(server: &Server) -> String {
    let app = Router::new()
        .route_service("/socket.io", server.service())
        .route_service("/socket.io/", server.service());
    serve_app(app).await
}

/// As [`serve`], for an app of the test's own.
pub(crate) async fn serve_app(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Requests that have reached a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(Arc<AtomicUsize>);

impl Requests {
    /// As [`serve`], and counts; on a runtime of one thread, what is counted has also reached its session.
    pub(crate) async fn serve(server: &Server) -> (String, Self) {
        let requests = Self::default();
        let counted = requests.clone();
        let count = move |request: axum::extract::Request| {
            counted.0.fetch_add(1, Ordering::SeqCst);
            std::future::ready(request)
        };
        let app = Router::new().route_service("/socket.io/", server.service());
        (serve_app(app.layer(axum::middleware::map_request(count))).await, requests)
    }

    /// Waits until a request that `send` sends is there.
    pub(crate) async fn arrived<T>(&self, send: impl Future<Output = T>) -> T {
        let before = self.0.load(Ordering::SeqCst);
        let sent = send.await;
        until(|| self.0.load(Ordering::SeqCst) > before).await;
        sent
    }
}

/// Where handlers write down what they see; they take it as `State<Notes>`.
#[derive(Clone, Debug)]
pub(crate) struct Notes(UnboundedSender<String>);

impl Notes {
    pub(crate) fn new() -> (Self, Read) {
        let (sender, receiver) = unbounded_channel();
        (Self(sender), Read(receiver))
    }

    pub(crate) fn add(&self, note: impl Into<String>) {
        let _ = self.0.send(note.into());
    }
}

/// Where the test reads the notes.
#[derive(Debug)]
pub(crate) struct Read(UnboundedReceiver<String>);

impl Read {
    /// Waits for the next note.
    pub(crate) async fn next(&mut self) -> String {
        let note = time::timeout(Duration::from_secs(10), self.0.recv()).await;
        note.expect("a note within ten seconds").expect("the server is alive")
    }

    /// What has been noted and not read.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// Lets time pass, for what must not happen meanwhile.
pub(crate) async fn pass(time: Duration) {
    time::sleep(time).await;
}

/// Waits until `condition` holds, by letting others run; the test runner's limit bounds it.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Writes these bytes to a server and reads until it ends the stream.
pub(crate) async fn exchange(url: &str, bytes: &[u8]) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    read.expect("an end within ten seconds").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
