//! A server of this process, on a free port, that does what it is asked.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use axum::{Router, extract::Request, middleware::map_request};
use serde_json::Value;
use sockeye::{
    event::{Ack, Args, NoAnswer, RawArgs, Refusal, State},
    server::{self, Auth, Namespace, Server, Socket},
};
use tokio::{net::TcpListener, runtime::Runtime};

/// Whatever takes longer will not happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server got by `keep`, in order.
type Kept = Arc<Mutex<Vec<Value>>>;

pub(crate) struct Running {
    pub(crate) url: String,
    kept: Kept,
    server: Server,
    runtime: Runtime,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::start_with(|builder| builder)
    }

    pub(crate) fn start_with(change: impl FnOnce(server::Builder) -> server::Builder) -> Self {
        Self::start_builder(|builder| {
            let builder = builder
                .keep_handshake(true)
                .namespace("/", events().on_connect(welcome))
                .namespace("/imchat", events().on_connect(welcome))
                .namespace("/other", events().on_connect(welcome))
                .namespace("/guarded", events().on_connect(guard))
                .namespace("/door", events().on_connect(put_out))
                .namespace("/trapdoor", events().on_connect(cut_off));
            change(builder)
        })
    }

    /// One of Socket.IO 2 that asks nobody for a version, as netty-socketio 1.7 does.
    pub(crate) fn start_old() -> Self {
        Self::start_service(
            |builder| {
                let welcoming = || events().on_connect(welcome);
                builder
                    .engine_v3(true)
                    .keep_handshake(true)
                    .namespace("/", welcoming())
                    .namespace("/imchat", welcoming())
                    .namespace("/guarded", welcoming())
            },
            |app| {
                app.layer(map_request(async |mut request: Request| {
                    let uri = request.uri().to_string().replace("EIO=4", "EIO=3");
                    *request.uri_mut() = uri.parse().unwrap();
                    request
                }))
            },
        )
    }

    /// One that says nothing on `/`, whatever it is asked.
    pub(crate) fn silent() -> Self {
        Self::start_builder(|builder| builder.namespace("/", events()))
    }

    fn start_builder(build: impl FnOnce(server::Builder) -> server::Builder) -> Self {
        Self::start_service(build, |app| app)
    }

    fn start_service(
        build: impl FnOnce(server::Builder) -> server::Builder,
        layer: impl FnOnce(Router) -> Router,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let _guard = runtime.enter();
        let kept = Kept::default();
        let builder = build(Server::builder().state(Arc::clone(&kept)));
        let (server, listener) = runtime.block_on(async {
            let server = builder.build().unwrap();
            (server, TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = layer(Router::new().route_service("/socket.io/", server.service()));
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, kept, server, runtime }
    }

    /// The URL of one of its namespaces.
    pub(crate) fn at(&self, namespace: &str) -> String {
        format!("{}{namespace}", self.url)
    }

    /// Sends an event to everybody in a namespace.
    pub(crate) fn tell(&self, namespace: &str, event: &str, value: Value) {
        self.runtime.block_on(async {
            self.server.of(namespace).emit(event, (value,)).unwrap();
        });
    }

    /// Asks everybody in a namespace for an ack; the function waits for the first that comes.
    pub(crate) fn ask(&self, namespace: &str, event: &str) -> impl FnOnce() -> Value {
        let (first, answer) = mpsc::channel();
        for socket in self.server.of(namespace).local_sockets() {
            let (first, event) = (first.clone(), event.to_owned());
            self.runtime.spawn(async move {
                let answer = socket.call::<Value>(&event, ()).timeout(PATIENCE).await;
                let _ = first.send(answer.unwrap());
            });
        }
        move || answer.recv_timeout(PATIENCE).unwrap()
    }

    /// Disconnects everybody from a namespace.
    pub(crate) fn disconnect(&self, namespace: &str) {
        self.runtime.block_on(async { self.server.of(namespace).disconnect() });
    }

    /// Closes the connections of everybody in `/`; they may come again.
    pub(crate) fn cut(&self) {
        self.runtime.block_on(async { self.server.of("/").close() });
    }

    /// Ends every session.
    pub(crate) fn close(&self) {
        self.runtime.block_on(self.server.close(PATIENCE));
    }

    pub(crate) fn kept(&self) -> Vec<Value> {
        self.kept.lock().unwrap().clone()
    }
}

fn events() -> Namespace {
    Namespace::new()
        .on("echo", async |args: RawArgs| Ack(args))
        .on("keep", keep)
        .on("say", say)
        .on("ask", ask)
        .on("burst", burst)
        .on("headers", headers)
        .on("query", query)
        .on("ignore", async || NoAnswer)
        .on("refuse", async || Err::<(), _>(Refusal::new("not today").code("busy")))
        .on("disconnect-me", async |socket: Socket| socket.disconnect())
        .on("close-me", async |socket: Socket| socket.close())
}

async fn welcome(socket: Socket, Auth(auth): Auth<Value>) {
    let _ = socket.emit("welcome", (auth,));
}

async fn guard(socket: Socket, Auth(auth): Auth<Value>) -> Result<(), Refusal> {
    if auth["token"] == "secret" {
        let _ = socket.emit("welcome", (auth,));
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

async fn headers(socket: Socket, Args((name,)): Args<(String,)>) -> Ack<Option<String>> {
    let value = socket.handshake().and_then(|handshake| handshake.headers.get(name.as_str()));
    Ack(value.and_then(|value| value.to_str().ok()).map(str::to_owned))
}

async fn query(socket: Socket) -> Ack<Option<String>> {
    Ack(socket.handshake().and_then(|handshake| handshake.uri.query()).map(str::to_owned))
}

/// Says a word, and puts whoever has come in out again.
async fn put_out(socket: Socket) {
    say_and(socket, Socket::disconnect);
}

/// As [`put_out`], with the connection.
async fn cut_off(socket: Socket) {
    say_and(socket, Socket::close);
}

fn say_and(socket: Socket, end: fn(&Socket)) {
    tokio::spawn(async move {
        while !socket.is_connected() {
            tokio::task::yield_now().await;
        }
        socket.emit("kicked", ("banned",)).unwrap();
        end(&socket);
    });
}
