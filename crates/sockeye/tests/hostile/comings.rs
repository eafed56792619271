//! Attacks by coming and going: each time a handler may be left at work, and nobody waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sockeye::{
    event::{Ack, RawArgs, State},
    server::{Namespace, Reason, Server, concurrent},
};
use sockeye_testkit::client::Client;

use crate::{
    common::{Notes, polling::Polling, serve, until},
    scene::{A_LITTLE, Memory},
};

const TIMES: usize = 50_000;
/// Handlers left at work, besides those of one read.
const LEFT_BEHIND: usize = 256;
/// What one read may bring: 64 KiB of packets of ten bytes at least.
const READ: usize = 64 * 1024 / 10;

/// Handlers at work.
#[derive(Clone, Debug, Default)]
struct AtWork(Arc<AtomicUsize>);

impl AtWork {
    async fn for_long(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(600)).await; // a database that is slow, say
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn slow_connect(State(at_work): State<AtWork>) {
    at_work.for_long().await;
}

async fn slow(State(at_work): State<AtWork>) {
    at_work.for_long().await;
}

async fn slow_disconnect(State(at_work): State<AtWork>) {
    at_work.for_long().await;
}

async fn left(reason: Reason, State(notes): State<Notes>) {
    if reason != Reason::ClientDisconnect {
        notes.add(reason.to_string());
    }
}

#[tokio::test]
async fn handlers_that_are_left_behind_have_a_bound() {
    for (namespace, cycle) in [
        ("/connect", &["40/connect,", "41/connect,"][..]),
        ("/event", &["40/event,", r#"42/event,["slow"]"#, "41/event,"]),
        ("/event", &["40/event,", r#"42/event,["concurrent"]"#, "41/event,"]),
        ("/disconnect", &["40/disconnect,", "41/disconnect,"]),
    ] {
        let at_work = AtWork::default();
        let (notes, mut read) = Notes::new();
        let server = Server::builder()
            .state(at_work.clone())
            .state(notes)
            .namespace("/", Namespace::new().on("echo", echo).on_disconnect(left))
            .namespace("/connect", Namespace::new().on_connect(slow_connect))
            .namespace(
                "/event",
                Namespace::new().on("slow", slow).on("concurrent", concurrent(slow)),
            )
            .namespace("/disconnect", Namespace::new().on_disconnect(slow_disconnect))
            .build()
            .unwrap();
        let url = serve(&server).await;
        let mut witness = Client::connect(&url, "/", ()).await.unwrap();
        let memory = Memory::now();

        let mut hostile = Client::connect(&url, "/", ()).await.unwrap();
        let mut times = 0;
        'cut: while times < TIMES {
            for packet in cycle {
                if hostile.send_text(packet).await.is_err() {
                    break 'cut;
                }
            }
            times += 1;
        }
        assert_eq!(read.next().await, "overload", "{namespace} on WebSocket");
        drop(hostile);
        let running = at_work.0.load(Ordering::Relaxed);
        assert!(running <= LEFT_BEHIND + READ, "{namespace} on WebSocket: {running}");

        let mut hostile = Polling::join(&url).await;
        let body = cycle.join("\x1e");
        let body = vec![body; 2_000].join("\x1e");
        assert_eq!(hostile.post(&body).await.status, 400, "{namespace} on polling");
        assert_eq!(read.next().await, "overload", "{namespace} on polling");
        let more = at_work.0.load(Ordering::Relaxed) - running;
        assert!(more <= LEFT_BEHIND + 1, "{namespace} on polling: {more}");

        assert_eq!(witness.call::<u8>("echo", &7).await.unwrap(), 7);
        until(|| server.of("/").local_count() == 1).await;
        memory.grown_at_most(A_LITTLE);
    }
}
