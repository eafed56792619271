//! A client that stops reading costs a bounded amount of memory and itself; everybody else is served as before.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Notes, Read, serve, until};
use sockeye::{
    event::{Ack, RawArgs, State},
    server::{Builder, EmitError, Namespace, Reason, SendState, Server, Socket},
};
use sockeye_testkit::client::Client;

async fn left(reason: Reason, socket: Socket, State(notes): State<Notes>) {
    notes.add(format!("{} {reason}", socket.id()));
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn scene(change: impl FnOnce(Builder) -> Builder) -> (Server, String, Read) {
    let (notes, read) = Notes::new();
    let namespace = Namespace::new().on("echo", echo).on_disconnect(left);
    let server = change(Server::builder().state(notes).namespace("/", namespace)).build().unwrap();
    (server.clone(), serve(&server).await, read)
}

const MEGABYTE: usize = 990_000; // a message of it is within the client's limit

#[tokio::test]
async fn a_full_outbox_cuts_its_session_and_no_other() {
    let bounds = |builder: Builder| builder.outbox(1_000_000, 4 * MEGABYTE);
    let (server, url, mut read) = scene(bounds).await;
    let stuck = Client::connect(&url, "/", ()).await.unwrap();
    let stuck_id = stuck.id().to_owned();
    let mut reader = Client::connect(&url, "/", ()).await.unwrap();
    let bytes = Bytes::from(vec![0; MEGABYTE / 2]);
    let mut number = 0;
    // Until the socket buffers and the outbox of one of them are full.
    while server.of("/").local_count() == 2 {
        let start = Instant::now();
        let sent = server.of("/").emit("said", (number, &bytes)).unwrap();
        assert!(sent.queued >= 1, "the reader always gets it");
        let event = reader.event().await.unwrap();
        assert!(event.text().starts_with(&format!("{number},")));
        assert!(start.elapsed() < Duration::from_secs(2), "nobody waits for the one who is stuck");
        number += 1;
    }
    assert_eq!(read.next().await, format!("{stuck_id} slow consumer"));
    assert_eq!(server.of("/").emit("said", ()).unwrap().queued, 1);
    assert_eq!(reader.event().await.unwrap().name, "said");
    until(|| server.sessions() == 1).await;
}

#[tokio::test]
async fn its_own_echoes_cut_it_too() {
    let bounds = |builder: Builder| builder.outbox(1_000_000, MEGABYTE);
    let (server, url, mut read) = scene(bounds).await;
    let mut stuck = Client::connect(&url, "/", ()).await.unwrap();
    let stuck_id = stuck.id().to_owned();
    let bytes = Bytes::from(vec![0; MEGABYTE / 5]);
    // It asks and never reads an answer, until the server has had enough.
    while stuck.begin_call("echo", &bytes).await.is_ok() {}
    assert_eq!(read.next().await, format!("{stuck_id} slow consumer"));
    until(|| server.sessions() == 0).await;
}

#[tokio::test]
async fn the_number_of_packets_is_bounded_and_who_emits_is_told() {
    let bounds = |builder: Builder| builder.outbox(10, 100 * MEGABYTE);
    let (server, url, mut read) = scene(bounds).await;
    let client = Client::connect(&url, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    // No driver runs before this task waits.
    let sent: Vec<_> = (0..10).map(|number| socket.emit("said", number).unwrap()).collect();
    assert!(matches!(socket.emit("said", 10), Err(EmitError::SlowConsumer)));
    assert!(matches!(socket.emit("said", 11), Err(EmitError::Disconnected)));
    assert_eq!(server.of("/").emit("said", 12).unwrap().dropped, 1);
    assert_eq!(read.next().await, format!("{} slow consumer", client.id()));
    for handle in sent {
        assert!(!handle.written().await);
        assert_eq!(handle.state(), SendState::Failed);
    }
}

#[tokio::test]
async fn one_packet_may_be_larger_than_the_bound() {
    let bounds = |builder: Builder| builder.outbox(10, 1_000);
    let (server, url, _read) = scene(bounds).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    let sent = socket.emit("said", "x".repeat(100_000)).unwrap();
    assert_eq!(client.event().await.unwrap().text().len(), 100_002);
    assert!(sent.written().await);
}

#[tokio::test]
async fn a_write_that_stalls_cuts_a_session_whose_outbox_is_not_full() {
    let stalls = |builder: Builder| builder.write_timeout(Duration::from_millis(100));
    let (server, url, mut read) = scene(stalls).await;
    let stuck = Client::connect(&url, "/", ()).await.unwrap();
    let mut reader = Client::connect(&url, "/", ()).await.unwrap();
    let socket = server.of("/").to(stuck.id()).local_sockets().remove(0);
    let bytes = Bytes::from(vec![0; MEGABYTE]);
    let sent: Vec<_> = (0..12).map(|_| socket.emit("said", &bytes).unwrap()).collect();
    assert_eq!(read.next().await, format!("{} slow consumer", stuck.id()));
    assert!(!sent[11].written().await);
    assert_eq!(reader.call::<u8>("echo", &7).await.unwrap(), 7);
    until(|| server.sessions() == 1).await;
}

#[tokio::test]
async fn who_reads_slowly_but_reads_is_served_to_the_end() {
    let (server, url, mut read) = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    let socket = server.of("/").local_sockets().remove(0);
    let bytes = Bytes::from(vec![0; MEGABYTE]);
    let last = (0..14).map(|number| socket.emit("said", (number, &bytes)).unwrap()).last().unwrap();
    for number in 0..14 {
        tokio::task::yield_now().await;
        let event = client.event().await.unwrap();
        assert!(event.text().starts_with(&format!("{number},")));
    }
    assert!(last.written().await);
    assert!(read.rest().is_empty());
}
