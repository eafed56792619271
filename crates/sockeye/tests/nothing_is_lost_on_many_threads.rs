//! Handlers, tasks and drivers on several threads push to the same sessions: everything arrives, in each sender's order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use common::serve;
use sockeye::{
    event::{Ack, Args, Refusal},
    server::{Namespace, Server, Socket, concurrent},
};
use sockeye_testkit::{Heard, client::Client};

const CLIENTS: usize = 12;
const ROUNDS: usize = 150;

/// Pushes to everybody from within the driver's poll.
async fn say(server: Server, Args((from, number)): Args<(String, usize)>) -> Result<(), Refusal> {
    server.of("/").emit("said", (from, number))?;
    Ok(())
}

/// Pushes to everybody from a task of its own.
async fn shout(server: Server, args: Args<(String, usize)>) -> Result<(), Refusal> {
    tokio::task::yield_now().await;
    server.of("/").emit("shouted", args.0)?;
    Ok(())
}

/// Asks back, while other handlers push to the same session.
async fn ask(socket: Socket, Args((number,)): Args<(usize,)>) -> Result<Ack<usize>, Refusal> {
    Ok(Ack(socket.call("asked", number).timeout(Duration::from_secs(20)).await?))
}

async fn play(mut client: Client) -> Client {
    let me = client.id().to_owned();
    let mut expected = 0;
    for number in 0..ROUNDS {
        client.emit("say", &(&me, number)).await.unwrap();
        client.emit("shout", &(&me, number)).await.unwrap();
        if number % 5 == 0 {
            client.begin_call("ask", &number).await.unwrap();
            expected += 2; // the question and the answer
        }
    }
    expected += 2 * CLIENTS * ROUNDS;
    let mut said = HashMap::new();
    let mut shouted: HashMap<String, Vec<usize>> = HashMap::new();
    for _ in 0..expected {
        match client.next().await.unwrap() {
            Heard::Event { name, payload, .. } if name == "said" => {
                let (from, number): (String, usize) = payload.deserialize().unwrap();
                let next = said.entry(from).or_insert(0);
                assert_eq!(number, *next, "in the order of each sender");
                *next += 1;
            }
            Heard::Event { name, payload, .. } if name == "shouted" => {
                let (from, number): (String, usize) = payload.deserialize().unwrap();
                shouted.entry(from).or_default().push(number);
            }
            Heard::Event { namespace, name, id, payload } => {
                assert_eq!(name, "asked");
                let (number,): (usize,) = payload.deserialize().unwrap();
                let event = sockeye_testkit::client::Event { namespace, name, id, payload };
                client.ack(&event, &number).await.unwrap();
            }
            Heard::Ack { payload, .. } => {
                let (number,): (usize,) = payload.deserialize().unwrap();
                assert_eq!(number % 5, 0);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(said.len() == CLIENTS && said.values().all(|count| *count == ROUNDS));
    for numbers in shouted.values_mut() {
        numbers.sort_unstable(); // concurrent handlers have no order
        assert!(numbers.iter().copied().eq(0..ROUNDS));
    }
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn everything_arrives_once_and_in_order() {
    let namespace =
        Namespace::new().on("say", say).on("shout", concurrent(shout)).on("ask", concurrent(ask));
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&url, "/", ()).await.unwrap());
    }
    let players: Vec<_> = clients.into_iter().map(|client| tokio::spawn(play(client))).collect();
    for player in players {
        player.await.unwrap().close().await.unwrap();
    }
    common::until(|| server.sessions() == 0).await;
    assert_eq!(server.of("/").local_count(), 0);
}

/// Emits so many packets with attachments, by any way there is; each says how many volatile ones were taken.
async fn send_files(socket: Socket, sender: usize) -> usize {
    let file = Bytes::from(vec![sender as u8; 100 + sender]);
    let mut taken = 0;
    for number in 0..ROUNDS {
        let args = (sender, number, &file, [&file, &file]);
        match number % 3 {
            0 => drop(socket.emit("file", args).unwrap()),
            1 => taken += usize::from(socket.emit_volatile("file", args).is_ok()),
            _ => drop(socket.emit("text", (sender, number)).unwrap()),
        }
        tokio::task::yield_now().await;
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attachments_follow_their_packet_whoever_else_emits() {
    let namespace = Namespace::new;
    let builder = Server::builder().namespace("/", namespace()).namespace("/b", namespace());
    // A heartbeat may come in between; it is no packet of Socket.IO.
    let server = builder.ping_interval(Duration::from_millis(20)).build().unwrap();
    let mut client = Client::connect(&serve(&server).await, "/", ()).await.unwrap();
    client.join("/b", ()).await.unwrap();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let namespace = if sender % 2 == 0 { "/" } else { "/b" };
            let socket = server.of(namespace).local_sockets().remove(0);
            tokio::spawn(send_files(socket, sender))
        })
        .collect();
    let mut due = 0;
    for sender in senders {
        due += 2 * ROUNDS / 3 + sender.await.unwrap();
    }
    for _ in 0..due {
        // The client ends its session if anything comes between a packet and its attachments.
        let event = client.event().await.unwrap();
        if event.name == "text" {
            continue;
        }
        let (sender, _, first, rest): (usize, usize, Bytes, [Bytes; 2]) =
            event.payload.deserialize().unwrap();
        assert_eq!(event.namespace, if sender % 2 == 0 { "/" } else { "/b" });
        for file in [&first, &rest[0], &rest[1]] {
            assert_eq!(file, &vec![sender as u8; 100 + sender]);
        }
    }
}
