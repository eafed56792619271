//! A server on a free port that can be stopped and started again, and what the tests do with it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::Router;
use serde_json::Value;
use sockeye::{
    client::{Builder, Client, Delays},
    event::{Ack, Args, RawArgs, Refusal, State},
    server::{self, Auth, Namespace, Server, Socket},
};
use tokio::{net::TcpListener, task::JoinHandle, time};

/// Whatever takes longer will not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a server got by `keep`, in order.
pub(crate) type Kept = Arc<Mutex<Vec<Value>>>;

type Joins = Arc<AtomicU32>;

pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) kept: Kept,
    /// How often somebody has joined.
    pub(crate) joins: Joins,
    pub(crate) server: Server,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(|builder| builder).await
    }

    pub(crate) async fn start_with(
        change: impl FnOnce(server::Builder) -> server::Builder,
    ) -> Self {
        Self::start_at("127.0.0.1:0", Kept::default(), change).await
    }

    async fn start_at(
        address: &str,
        kept: Kept,
        change: impl FnOnce(server::Builder) -> server::Builder,
    ) -> Self {
        let joins = Joins::default();
        let builder = Server::builder()
            .state(Arc::clone(&kept))
            .state(Arc::clone(&joins))
            .engine_v3(true)
            .namespace("/", namespace())
            .namespace("/imchat", namespace())
            .namespace("/guarded", Namespace::new().on_connect(guard));
        let server = change(builder).build().unwrap();
        let app = Router::new().route_service("/socket.io/", server.service());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self { url: format!("http://{address}"), kept, joins, server, address, serving }
    }

    /// Ends it: every session is told, the port is closed.
    pub(crate) async fn stop(self) -> Stopped {
        self.serving.abort();
        let _ = self.serving.await;
        self.server.close(PATIENCE).await;
        Stopped { address: self.address, kept: self.kept }
    }

    /// A client of one of its namespaces that reconnects quickly.
    pub(crate) fn client(&self, namespace: &str) -> Builder {
        Client::builder(format!("{}{namespace}", self.url)).reconnect(QUICK)
    }

    pub(crate) fn kept(&self) -> Vec<Value> {
        self.kept.lock().unwrap().clone()
    }
}

/// Where a server was.
pub(crate) struct Stopped {
    address: SocketAddr,
    kept: Kept,
}

impl Stopped {
    pub(crate) async fn start_again(self) -> Running {
        Running::start_at(&self.address.to_string(), self.kept, |builder| builder).await
    }
}

pub(crate) const QUICK: Delays = Delays {
    first: Duration::from_millis(20),
    max: Duration::from_millis(100),
    factor: 2.0,
    jitter: 0.5,
    attempts: None,
};

/// Waits, but not for ever.
pub(crate) async fn soon<F: IntoFuture>(future: F) -> F::Output {
    time::timeout(PATIENCE, future).await.expect("in time")
}

fn namespace() -> Namespace {
    Namespace::new()
        .on_connect(welcome)
        .on("echo", async |args: RawArgs| Ack(args))
        .on("keep", keep)
        .on("say", say)
        .on("ask", ask)
        .on("burst", burst)
        .on("ignore", async || sockeye::event::NoAnswer)
        .on("refuse", async || Err::<(), _>(Refusal::new("not today").code("busy")))
        .on("disconnect-me", async |socket: Socket| socket.disconnect())
        .on("close-me", async |socket: Socket| socket.close())
}

async fn welcome(socket: Socket, State(joins): State<Joins>, Auth(auth): Auth<Value>) {
    joins.fetch_add(1, Ordering::SeqCst);
    let _ = socket.emit("welcome", (auth,));
}

async fn guard(Auth(auth): Auth<Value>) -> Result<(), Refusal> {
    if auth["token"] == "secret" {
        return Ok(());
    }
    Err(Refusal::new("unauthorized").data(&serde_json::json!({ "code": 401 })))
}

async fn keep(State(kept): State<Kept>, Args((value,)): Args<(Value,)>) -> Ack<Value> {
    kept.lock().unwrap().push(value.clone());
    Ack(value)
}

async fn say(socket: Socket, args: RawArgs) {
    let _ = socket.emit("said", args);
}

async fn ask(socket: Socket, args: RawArgs) {
    tokio::spawn(async move {
        let answer = socket.call::<RawArgs>("question", args).timeout(PATIENCE).await;
        let _ = match answer {
            Ok(answer) => socket.emit("answered", answer),
            Err(error) => socket.emit("unanswered", (error.to_string(),)),
        };
    });
}

async fn burst(socket: Socket, Args((count,)): Args<(u32,)>) -> Ack<()> {
    for number in 0..count {
        let _ = socket.emit("tick", (number,));
    }
    Ack(())
}

/// What is logged as a warning.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Those of what happens here, on this thread.
    pub(crate) fn of(work: impl FnOnce()) -> Vec<String> {
        let warnings = Self::default();
        tracing::subscriber::with_default(warnings.clone(), work);
        std::mem::take(&mut *warnings.0.lock().unwrap())
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = event.metadata().target().to_owned();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text += &format!(" {field}={value:?}");
        });
        self.0.lock().unwrap().push(text);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
