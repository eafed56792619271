//! Events of one socket run one after the other; another socket's go on; what waits is bounded, and discarded at the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Notes, Read, serve, until};
use sockeye::{
    event::{Ack, Args, RawArgs, State},
    server::{LastRooms, Namespace, Reason, Server, Socket, concurrent},
};
use sockeye_testkit::client::Client;
use tokio::sync::Semaphore;

/// Handlers wait for a permit each, so the test says when they go on.
type Gate = State<Arc<Semaphore>>;

async fn pass(gate: &Semaphore) {
    gate.acquire().await.unwrap().forget();
}

async fn slow(State(gate): Gate, State(notes): State<Notes>, args: RawArgs) {
    notes.add(format!("begins {}", args.text()));
    pass(&gate).await;
    notes.add(format!("ends {}", args.text()));
}

async fn quick(State(notes): State<Notes>, args: RawArgs) {
    notes.add(format!("quick {}", args.text()));
}

async fn left(reason: Reason, LastRooms(rooms): LastRooms, State(notes): State<Notes>) {
    notes.add(format!("left {rooms:?}: {reason}"));
}

async fn join(socket: Socket, Args((room,)): Args<(String,)>) {
    socket.join(room);
}

struct Scene {
    server: Server,
    url: String,
    gate: Arc<Semaphore>,
    read: Read,
}

async fn scene(change: impl FnOnce(sockeye::server::Builder) -> sockeye::server::Builder) -> Scene {
    let (notes, read) = Notes::new();
    let gate = Arc::new(Semaphore::new(0));
    let namespace = Namespace::new()
        .on("slow", slow)
        .on("quick", quick)
        .on("beside", concurrent(slow))
        .on("join", join)
        .on("ask", ask)
        .on_disconnect(left);
    let builder = Server::builder().state(notes).state(Arc::clone(&gate)).namespace("/", namespace);
    let server = change(builder).build().unwrap();
    Scene { url: serve(&server).await, server, gate, read }
}

#[tokio::test]
async fn one_after_the_other_while_another_sockets_go_on() {
    let Scene { url, gate, mut read, .. } = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("slow", &1).await.unwrap();
    client.emit("quick", &2).await.unwrap();
    client.emit("slow", &3).await.unwrap();
    assert_eq!(read.next().await, "begins 1");
    let mut other = Client::connect(&url, "/", ()).await.unwrap();
    other.emit("quick", &"other").await.unwrap();
    assert_eq!(read.next().await, "quick \"other\"");
    gate.add_permits(2);
    for expect in ["ends 1", "quick 2", "begins 3", "ends 3"] {
        assert_eq!(read.next().await, expect);
    }
}

#[tokio::test]
async fn a_thousand_events_of_one_write_keep_their_order() {
    let Scene { url, mut read, .. } = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    for number in 0..1_000 {
        client.emit("quick", &number).await.unwrap();
    }
    for number in 0..1_000 {
        assert_eq!(read.next().await, format!("quick {number}"));
    }
}

#[tokio::test]
async fn a_concurrent_handler_keeps_nobody_waiting() {
    let Scene { url, gate, mut read, .. } = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("beside", &1).await.unwrap();
    assert_eq!(read.next().await, "begins 1");
    client.emit("beside", &2).await.unwrap();
    assert_eq!(read.next().await, "begins 2");
    client.emit("quick", &3).await.unwrap();
    assert_eq!(read.next().await, "quick 3");
    gate.add_permits(2);
    let mut ends = [read.next().await, read.next().await];
    ends.sort_unstable();
    assert_eq!(ends, ["ends 1", "ends 2"]);
}

#[tokio::test]
async fn concurrent_handlers_have_a_bound_past_which_they_take_their_turn() {
    let bound =
        |builder: sockeye::server::Builder| builder.backlog(4, 1_000_000, Duration::from_secs(60));
    let Scene { url, gate, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    for number in 0..100 {
        client.emit("beside", &number).await.unwrap();
    }
    // Four beside each other, and the fifth as if it were not concurrent.
    let mut begun: Vec<_> = Vec::new();
    for _ in 0..5 {
        begun.push(read.next().await);
    }
    let mut witness = Client::connect(&url, "/", ()).await.unwrap();
    witness.emit("quick", &"witness").await.unwrap();
    assert_eq!(
        read.next().await,
        "quick \"witness\"",
        "none of the hundred begins before one has ended"
    );
    gate.add_permits(100);
    let mut notes = 5;
    while notes < 200 {
        read.next().await;
        notes += 1;
    }
}

#[tokio::test]
async fn at_the_end_the_handler_at_work_finishes_and_what_waits_is_discarded() {
    let Scene { server, url, gate, mut read } = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("join", &"lobby").await.unwrap();
    client.emit("slow", &1).await.unwrap();
    client.emit("quick", &"never handled").await.unwrap();
    assert_eq!(read.next().await, "begins 1");
    client.close().await.unwrap();
    until(|| server.sessions() == 0).await;
    assert_eq!(server.of("/").to("lobby").local_count(), 0, "it has left at once");
    assert!(read.rest().is_empty(), "`on_disconnect` follows the handler at work");
    gate.add_permits(1);
    assert_eq!(read.next().await, "ends 1");
    assert_eq!(read.next().await, r#"left ["lobby"]: transport close"#);
    assert!(read.rest().is_empty());
}

#[tokio::test]
async fn leaving_the_namespace_ends_its_events_alone() {
    let Scene { server, url, gate, mut read } = scene(|builder| builder).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("slow", &1).await.unwrap();
    client.emit("quick", &"never handled").await.unwrap();
    assert_eq!(read.next().await, "begins 1");
    client.leave().await.unwrap();
    until(|| server.of("/").local_count() == 0).await;
    // A new socket does not wait for the handler of the old one.
    client.join("/", ()).await.unwrap();
    client.emit("quick", &2).await.unwrap();
    assert_eq!(read.next().await, "quick 2");
    gate.add_permits(1);
    assert_eq!(read.next().await, "ends 1");
    assert_eq!(read.next().await, "left []: client namespace disconnect");
}

#[tokio::test]
async fn a_flood_pauses_reading_and_goes_on_when_the_handler_does() {
    let bound =
        |builder: sockeye::server::Builder| builder.backlog(10, 1_000_000, Duration::from_secs(60));
    let Scene { url, gate, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("slow", &0).await.unwrap();
    let text = "x".repeat(20_000);
    let flood = tokio::spawn(async move {
        for _ in 0..600 {
            client.emit("quick", &text).await?;
        }
        Ok::<_, sockeye_testkit::client::ClientError>(client)
    });
    assert_eq!(read.next().await, "begins 0");
    // 12 MB fit into no socket buffer: the client is held up, and the server holds little of it.
    let mut witness = Client::connect(&url, "/", ()).await.unwrap();
    for round in 0..100 {
        witness.emit("quick", &round).await.unwrap();
        assert_eq!(read.next().await, format!("quick {round}"));
    }
    assert!(!flood.is_finished());
    gate.add_permits(1);
    assert_eq!(read.next().await, "ends 0");
    for _ in 0..600 {
        read.next().await;
    }
    let mut client = flood.await.unwrap().unwrap();
    client.emit("quick", &"still there").await.unwrap();
    assert_eq!(read.next().await, "quick \"still there\"");
}

#[tokio::test]
async fn a_handler_that_never_gets_on_costs_the_session_in_the_end() {
    let bound = |builder: sockeye::server::Builder| {
        builder.backlog(10, 1_000_000, Duration::from_millis(50))
    };
    let Scene { server, url, gate, mut read } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    for number in 0..20 {
        client.emit("slow", &number).await.unwrap();
    }
    assert_eq!(read.next().await, "begins 0");
    client.closed().await.unwrap();
    assert_eq!(client.close_frame(), Some((1008, "overload")));
    until(|| server.sessions() == 0).await;
    gate.add_permits(1);
    assert_eq!(read.next().await, "ends 0");
    assert_eq!(read.next().await, "left []: overload");
}

#[tokio::test]
async fn a_burst_that_one_read_brings_is_no_overload() {
    let bound =
        |builder: sockeye::server::Builder| builder.backlog(4, 1_000_000, Duration::from_secs(60));
    let Scene { url, gate, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("slow", &()).await.unwrap();
    assert_eq!(read.next().await, "begins ");
    let mut burst = Vec::new();
    for _ in 0..500 {
        burst.extend(b"\x81\x8b\0\0\0\x0042[\"quick\"]"); // masked with zeros
    }
    client.send_bytes(&burst).await.unwrap();
    // Behind it, to know that it has been read.
    let mut witness = Client::connect(&url, "/", ()).await.unwrap();
    witness.emit("quick", &1).await.unwrap();
    assert_eq!(read.next().await, "quick 1");
    gate.add_permits(1);
    assert_eq!(read.next().await, "ends ");
    for _ in 0..500 {
        assert_eq!(read.next().await, "quick ");
    }
}

#[tokio::test]
async fn acks_outstanding_a_flood_that_does_not_end_is_an_overload() {
    let bound =
        |builder: sockeye::server::Builder| builder.backlog(4, 1_000_000, Duration::from_secs(60));
    let Scene { url, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    client.emit("ask", &()).await.unwrap();
    assert_eq!(read.next().await, "asks");
    for _ in 0..200 {
        client.emit("quick", &()).await.unwrap();
    }
    assert_eq!(read.next().await, "left []: overload");
}

#[tokio::test]
async fn pauses_that_end_in_time_never_add_up_to_an_overload() {
    let max_pause = Duration::from_millis(300);
    let bound = |builder: sockeye::server::Builder| builder.backlog(4, 1_000_000, max_pause);
    let Scene { url, gate, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    let start = std::time::Instant::now();
    let mut sent = 0;
    // The queue is never empty, and past its bound again and again, for longer than one pause may last.
    while start.elapsed() < max_pause * 3 {
        while sent < 10 {
            client.emit("slow", &()).await.unwrap();
            sent += 1;
        }
        gate.add_permits(5);
        for _ in 0..10 {
            read.next().await; // five times: begins, ends
        }
        sent -= 5;
    }
    gate.add_permits(1_000);
    assert_eq!(client.call_raw("quick", &()).await.unwrap().len(), 0);
}

async fn ask(socket: Socket, State(notes): State<Notes>) -> Ack<u8> {
    notes.add("asks");
    Ack(socket.call("asked", ()).timeout(Duration::from_secs(10)).await.unwrap_or(0))
}

#[tokio::test]
async fn a_handler_that_waits_for_an_ack_of_its_own_socket_gets_it_behind_any_flood() {
    let bound =
        |builder: sockeye::server::Builder| builder.backlog(10, 1_000_000, Duration::from_secs(60));
    let Scene { url, mut read, .. } = scene(bound).await;
    let mut client = Client::connect(&url, "/", ()).await.unwrap();
    let token = client.begin_call("ask", &()).await.unwrap();
    assert_eq!(read.next().await, "asks");
    for number in 0..100 {
        client.emit("quick", &number).await.unwrap(); // past the first bound
    }
    let asked = client.event().await.unwrap();
    client.ack(&asked, &7).await.unwrap();
    assert_eq!(client.answer(token).await.unwrap().args_text(), "7");
    for number in 0..100 {
        assert_eq!(read.next().await, format!("quick {number}"));
    }
}
