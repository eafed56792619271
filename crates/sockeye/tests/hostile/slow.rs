//! One reader of a thousand is stopped, as by SIGSTOP: it is cut for its own reason, and the others get all of a storm, in order and in time.

use std::{
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::Router;
use rustix::process::{Pid, Signal};
use sockeye::{
    event::State,
    server::{Namespace, Reason, Server, Socket},
    ws::{Connect, Message, WebSocket},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Notify,
    task::JoinSet,
};

use crate::{common::Notes, scene::Memory};

const READERS: usize = 1_000;
/// For one reader half as much again as what the kernel may hold on behalf of who does not read.
const STORM: usize = 90;
/// Of 4 KiB; together far less than the outbox of a reader.
const AT_A_TIME: usize = 2;

async fn left(reason: Reason, socket: Socket, State(notes): State<Notes>) {
    notes.add(format!("{} {reason}", socket.id()));
}

/// A listener whose streams take little on behalf of who does not read.
fn listener() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(32 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1_024).unwrap()
}

/// How many events all readers together have had.
#[derive(Debug, Default)]
struct Tally {
    count: AtomicUsize,
    all: Notify,
}

/// Joins `/`.
async fn join(url: &str) -> WebSocket {
    let mut socket = Connect::new(url).connect().await.unwrap();
    socket.send("40").await.unwrap();
    for what in ["OPEN", "CONNECT"] {
        assert!(socket.recv().await.unwrap().is_some(), "{what}");
    }
    socket
}

/// Reads its events, which must be numbered without a gap, until it is told to stop.
async fn reader(mut socket: WebSocket, tally: Arc<Tally>) {
    let mut number = 0;
    while let Some(message) = socket.recv().await.unwrap() {
        let Message::Text(text) = message else { panic!("{message:?}") };
        let text: &str = &text;
        if text == "41" {
            return;
        }
        assert!(
            text.starts_with(&format!("42[\"storm\",{number},")),
            "{number}: {:?}",
            &text[..20]
        );
        number += 1;
        if (tally.count.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(AT_A_TIME * READERS) {
            tally.all.notify_one();
        }
    }
    panic!("a reader was cut");
}

/// Broadcasts, a few at a time, and gives the times until all had them, sorted.
async fn storm(server: &Server, tally: &Tally, number: &mut usize) -> Vec<Duration> {
    let text = "x".repeat(4_096);
    let mut times = Vec::new();
    for _ in 0..STORM / AT_A_TIME {
        let start = Instant::now();
        for _ in 0..AT_A_TIME {
            server.of("/").emit("storm", (*number, &text)).unwrap();
            *number += 1;
        }
        tally.all.notified().await;
        times.push(start.elapsed());
    }
    times.sort();
    times
}

/// A reader in a process of its own, which is stopped; killed when dropped.
struct Stopped(Child);

impl Stopped {
    /// Joins `/`, reads all that comes for a while, and is stopped.
    async fn join(server: &Server, port: u16) -> Self {
        let upgrade = crate::upgrade::UPGRADE.replace('\r', "\\r").replace('\n', "\\n");
        // A process that opens the stream itself: after the two requests it only reads.
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}\n\
             printf 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\\r\\nhost: x\\r\\n{upgrade}\\r\\n' >&3\n\
             printf '\\x81\\x82\\0\\0\\0\\x0040' >&3\n\
             exec cat <&3 >/dev/null"
        );
        let reader = Command::new("bash").args(["-c", &script]).spawn().unwrap();
        let reader = Self(reader);
        crate::common::until(|| server.of("/").local_count() == READERS + 1).await;
        rustix::process::kill_process(reader.pid(), Signal::STOP).unwrap();
        reader
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It also ends a process that is stopped; it is gone already if the test has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_a_thousand_stops_reading_in_a_storm() {
    let (notes, mut read) = Notes::new();
    let namespace = Namespace::new().on_disconnect(left);
    let builder = Server::builder().state(notes).outbox(65_536, 64 * 1024);
    let server = builder.namespace("/", namespace).build().unwrap();
    let listener = listener();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route_service("/socket.io/", server.service());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
    let tally = Arc::new(Tally::default());
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(reader(join(&url).await, Arc::clone(&tally)));
    }
    let mut number = 0;
    let without = storm(&server, &tally, &mut number).await;

    let stopped = Stopped::join(&server, address.port()).await;

    let memory = Memory::now();
    let with = storm(&server, &tally, &mut number).await;
    let end = read.next().await;
    assert!(end.ends_with(" slow consumer"), "{end}");
    assert_eq!(server.of("/").local_count(), READERS, "it alone is cut");
    assert_eq!(tally.count.load(Ordering::Relaxed), number * READERS, "all others have all");
    memory.grown_at_most(16);
    // The longest of them say more of what else the machine runs.
    let median = |times: &[Duration]| times[times.len() / 2];
    let bound = median(&without) * 3 + Duration::from_millis(100);
    assert!(median(&with) <= bound, "{:?}, and {:?} without it", median(&with), median(&without));

    drop(stopped);
    server.of("/").disconnect();
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
}
