//! `Server::close`: what is queued is written, clients are told, the stuck are cut at the deadline, nobody new comes in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::{
    sync::{Arc, Mutex, mpsc::Receiver},
    time::{Duration, Instant},
};

use common::{Notes, serve};
use sockeye::{
    event::State,
    server::{Namespace, Reason, SendState, Server},
};
use sockeye_testkit::client::{Client, ClientError};

async fn left(reason: Reason, State(notes): State<Notes>) {
    notes.add(reason.as_str());
}

fn server() -> (Server, common::Read) {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new().on_disconnect(left);
    (Server::builder().state(notes).namespace("/", namespace).build().unwrap(), read)
}

#[tokio::test]
async fn clients_get_what_was_queued_then_the_close_frame() {
    let (server, mut read) = server();
    let url = serve(&server).await;
    let mut first = Client::connect(&url, "/", ()).await.unwrap();
    let mut second = Client::connect(&url, "/", ()).await.unwrap();
    for number in 0..1_000 {
        server.of("/").emit("last", (number, "x".repeat(1_000))).unwrap();
    }
    let closing =
        tokio::spawn(async move { (server.close(Duration::from_secs(10)).await, server) });
    for client in [&mut first, &mut second] {
        for number in 0..1_000 {
            let event = client.event().await.unwrap();
            assert!(event.text().starts_with(&format!("{number},")), "{}", event.text());
        }
        client.closed().await.unwrap();
        assert_eq!(client.close_frame(), Some((1001, "server shutting down")));
    }
    drop((first, second));
    let (cut, server) = closing.await.unwrap();
    assert_eq!((cut, server.sessions()), (0, 0));
    assert_eq!([read.next().await, read.next().await], ["server shutting down"; 2]);
    // Nobody new comes in.
    match Client::connect(&url, "/", ()).await {
        Err(ClientError::NotOpened { answer, .. }) => {
            assert!(
                answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"),
                "{answer}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_does_not_read_is_cut_at_the_deadline() {
    let (server, mut read) = server();
    let url = serve(&server).await;
    let mut reader = Client::connect(&url, "/", ()).await.unwrap();
    let stuck = Client::connect(&url, "/", ()).await.unwrap();
    let socket = server.of("/").to(stuck.id()).local_sockets().remove(0);
    let text = "x".repeat(1_000_000);
    let sent: Vec<_> = (0..15).map(|_| socket.emit("much", &text).unwrap()).collect();
    let start = Instant::now();
    let drain = Duration::from_millis(200);
    let closing = tokio::spawn(async move { (server.close(drain).await, server) });
    reader.closed().await.unwrap();
    assert_eq!(reader.close_frame(), Some((1001, "server shutting down")));
    drop(reader);
    let (cut, server) = closing.await.unwrap();
    assert_eq!((cut, server.sessions()), (1, 0));
    let elapsed = start.elapsed();
    assert!(elapsed >= drain && elapsed < Duration::from_secs(5), "{elapsed:?}");
    assert_eq!(sent[14].state(), SendState::Failed);
    assert!(!sent[14].written().await);
    assert_eq!([read.next().await, read.next().await], ["server shutting down"; 2]);
}

#[tokio::test]
async fn closing_twice_or_without_sessions_is_harmless() {
    let (server, _read) = server();
    assert_eq!(server.close(Duration::ZERO).await, 0);
    assert_eq!(server.close(Duration::from_secs(3600)).await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_the_stream_open_is_not_waited_for_long() {
    let (server, _read) = server();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    let closing = tokio::spawn(async move { server.close(Duration::from_secs(8)).await });
    client.closed().await.unwrap(); // its end of the stream stays open
    let start = Instant::now();
    assert_eq!(closing.await.unwrap(), 0);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_is_not_waited_for() {
    let (notes, mut read) = Notes::new();
    let (release, released) = std::sync::mpsc::channel();
    let released = Arc::new(Mutex::new(released));
    let namespace = Namespace::new().on("block", block).on_disconnect(left);
    let builder = Server::builder().state(notes).state(Gate(released));
    let server = builder.namespace("/", namespace).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    client.emit("block", &()).await.unwrap();
    assert_eq!(read.next().await, "blocks");
    // The blocked thread may be the one that would look at the clock.
    let busy = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    let closing = server.close(Duration::from_millis(10));
    let cut = tokio::time::timeout(Duration::from_secs(5), closing).await;
    assert_eq!(cut.expect("it ends in time"), 1);
    assert_eq!(server.sessions(), 1);
    release.send(()).unwrap();
    assert_eq!(read.next().await, "server shutting down");
    server.close(Duration::from_secs(3600)).await;
    assert_eq!(server.sessions(), 0);
    busy.abort();
}

/// Lets a handler go on.
#[derive(Clone)]
struct Gate(Arc<Mutex<Receiver<()>>>);

async fn block(State(gate): State<Gate>, State(notes): State<Notes>) {
    notes.add("blocks");
    let _ = gate.0.lock().unwrap().recv_timeout(Duration::from_secs(10));
}
