//! A server of this process that counts who joins, and may send them away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use sockeye::{
    event::State,
    server::{self, Namespace, Server, Socket},
};
use tokio::{net::TcpListener, runtime::Runtime, time};

/// What is done to who joins.
#[derive(Clone, Default)]
struct Welcome {
    joined: Arc<AtomicUsize>,
    /// Milliseconds; none for ever.
    lifetime: Arc<AtomicU64>,
}

pub(crate) struct Running {
    pub(crate) url: String,
    welcome: Welcome,
    _runtime: Runtime,
}

impl Running {
    pub(crate) fn start(change: impl FnOnce(server::Builder) -> server::Builder) -> Self {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let welcome = Welcome::default();
        let builder = Server::builder()
            .state(welcome.clone())
            .namespace("/", Namespace::new().on_connect(on_connect));
        let (server, listener) = runtime.block_on(async {
            let server = change(builder).build().unwrap();
            (server, TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().route_service("/socket.io/", server.service());
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, welcome, _runtime: runtime }
    }

    /// Closes every connection so long after it has joined.
    pub(crate) fn close_after(&self, lifetime: Duration) {
        let milliseconds = u64::try_from(lifetime.as_millis()).unwrap();
        self.welcome.lifetime.store(milliseconds, Ordering::SeqCst);
    }

    /// How many have joined, those that have left included.
    pub(crate) fn joined(&self) -> usize {
        self.welcome.joined.load(Ordering::SeqCst)
    }

    /// Waits until so many have joined.
    pub(crate) fn wait_for(&self, count: usize) {
        let end = Instant::now() + super::PATIENCE;
        while self.joined() < count {
            assert!(Instant::now() < end, "{} of {count} have joined", self.joined());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

async fn on_connect(socket: Socket, State(welcome): State<Welcome>) {
    welcome.joined.fetch_add(1, Ordering::SeqCst);
    let lifetime = welcome.lifetime.load(Ordering::SeqCst);
    if lifetime > 0 {
        tokio::spawn(async move {
            time::sleep(Duration::from_millis(lifetime)).await;
            socket.close();
        });
    }
}
