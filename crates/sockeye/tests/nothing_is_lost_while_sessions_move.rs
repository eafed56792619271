//! On many threads, sessions that poll and move to WebSocket in the middle get every packet once and in order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step is a failed test")]

mod common;

use std::time::Duration;

use common::{polling::Polling, serve};
use sockeye::{
    event::{Ack, Args},
    server::{Namespace, Server},
    ws::{self, Message, WebSocket},
};
use tokio::{sync::watch, task::JoinSet, time::timeout};

const CLIENTS: usize = 16;
const EVENTS: usize = 400;
/// After so many, a client moves.
const MOVES_AT: usize = 200;

/// What one client has heard: the acks of its own events, and the ticks of everybody.
#[derive(Default)]
struct Heard {
    acks: Vec<usize>,
    ticks: Vec<usize>,
}

impl Heard {
    fn take(&mut self, packet: &str) {
        if let Some(rest) = packet.strip_prefix("43") {
            let (id, body) = rest.split_once('[').unwrap();
            assert_eq!(format!("{id}]"), body, "an ack carries the number of its event");
            self.acks.push(id.parse().unwrap());
        } else if let Some(rest) = packet.strip_prefix(r#"42["tick","#) {
            self.ticks.push(rest.trim_end_matches(']').parse().unwrap());
        } else {
            assert!(["2", "6"].contains(&packet), "{packet}");
        }
    }

    fn check(&self) {
        assert_eq!(self.acks, (0..EVENTS).collect::<Vec<_>>());
        let first = self.ticks[0];
        let expect: Vec<_> = (first..first + self.ticks.len()).collect();
        assert_eq!(self.ticks, expect);
    }
}

/// POSTs a client's first events, a few at a time.
async fn post(session: &mut Polling) {
    let numbers: Vec<_> = (0..MOVES_AT).collect();
    for few in numbers.chunks(7) {
        let packets: Vec<_> = few.iter().map(|n| format!(r#"42{n}["echo",{n}]"#)).collect();
        assert_eq!(session.post(&packets.join("\u{1E}")).await.brief(), (200, "ok"));
    }
}

/// GETs until the client pauses to move.
async fn get(session: &mut Polling, pause: watch::Receiver<bool>) -> Heard {
    let mut heard = Heard::default();
    while !*pause.borrow() {
        let answer = session.get().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for packet in answer.text().split('\u{1E}') {
            heard.take(packet);
        }
    }
    heard
}

async fn text(websocket: &mut WebSocket) -> String {
    match websocket.recv().await.unwrap() {
        Some(Message::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn client(url: String) -> Heard {
    let mut session = Polling::join(&url).await;
    // As a browser: one connection for GETs, one for POSTs, both busy.
    let mut getter = Polling {
        get: session.another().await,
        post: session.another().await,
        url: session.url.clone(),
        sid: session.sid.clone(),
        opening: session.opening.clone(),
    };
    let (pause, paused) = watch::channel(false);
    let getting = tokio::spawn(async move { get(&mut getter, paused).await });
    post(&mut session).await;
    let mut websocket = ws::connect(session.websocket_url()).await.unwrap();
    websocket.send("2probe").await.unwrap();
    assert_eq!(text(&mut websocket).await, "3probe");
    pause.send(true).unwrap();
    let mut heard = getting.await.unwrap();
    websocket.send("5").await.unwrap();
    for n in MOVES_AT..EVENTS {
        websocket.send(format!(r#"42{n}["echo",{n}]"#)).await.unwrap();
    }
    while heard.acks.len() < EVENTS {
        heard.take(&text(&mut websocket).await);
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_packet_comes_once_and_in_order() {
    let echo = async |Args((n,)): Args<(usize,)>| Ack(n);
    let namespace = Namespace::new().on("echo", echo);
    let server = Server::builder().namespace("/", namespace).build().unwrap();
    let url = serve(&server).await;
    // Somebody emits all the time, from a task that is no driver.
    let ticking = tokio::spawn({
        let server = server.clone();
        async move {
            for n in 0_usize.. {
                server.of("/").emit("tick", (n,)).unwrap();
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        }
    });
    let mut clients: JoinSet<_> = (0..CLIENTS).map(|_| client(url.clone())).collect();
    while let Some(heard) = timeout(Duration::from_secs(30), clients.join_next()).await.unwrap() {
        heard.unwrap().check();
    }
    ticking.abort();
}
