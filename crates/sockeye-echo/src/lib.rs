//! The interop server of Sockeye's tests and benches: it gives back whatever it gets, and shows every feature once.
//!
//! On `/` and `/custom`:
//!
//! | the client sends | the server |
//! |---|---|
//! | (connects) | emits `auth` with the auth payload, `{}` if there is none |
//! | `message`, any arguments | emits `message-back` with them |
//! | `message-with-ack`, `echo` | acknowledges with the same arguments |
//! | `emit-with-ack` | emits `emit-with-ack` with them, waits 3 s for its ack, and emits `emit-with-ack` with that |
//! | `broadcast` | emits `broadcast` with them to every socket of the namespace, the sender included |
//! | `join`, `leave` (room) | puts the socket into the room, takes it out; acknowledges |
//! | `to-room` (room, event, …) | emits the event to the room, the sender excluded; acknowledges with the number of sockets |
//! | `except-me` (event, …) | emits the event to everybody else; acknowledges with the number of sockets |
//! | `disconnect-me` (close) | disconnects the socket, or closes its session |
//! | `panic` | panics |
//!
//! HTTP: `/stats` says how many sessions, tasks and timers the process has, as JSON.
//!
//! `/auth` lets in only who sends `{"token":"secret"}`. Any other namespace is refused.
//!
//! For the tests of our client there are other namespaces and events: see [`host`].

pub mod host;

use std::{io, net::Ipv4Addr, time::Duration};

use axum::{Router, routing::get};
use serde::Deserialize;
use sockeye::{
    event::{Ack, Args, RawArgs, Refusal, Value},
    server::{self, Auth, BuildError, Namespace, Origins, Server, Socket, concurrent},
};
use tokio::{net::TcpListener, runtime::Handle};

/// How long a client may take to answer `emit-with-ack`; its other events do not wait for that.
const ACK_TIMEOUT: Duration = Duration::from_secs(3);

/// Command-line options of the interop server.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Port to listen on, on the loopback interface; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// From a pong to the next ping, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 25_000)]
    pub ping_interval: u64,
    /// How long a pong may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 20_000)]
    pub ping_timeout: u64,
    /// Serve clients of Engine.IO 3, too.
    #[arg(long)]
    pub v3: bool,
    /// How Socket.IO packets are written.
    #[arg(long, value_enum, default_value_t = Parser::Json)]
    pub parser: Parser,
    /// A web origin whose pages may connect, with credentials; may be repeated. Default: the server's own.
    #[arg(long, value_name = "URL")]
    pub origin: Vec<String>,
}

/// How Socket.IO packets are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Parser {
    /// As text with JSON in it.
    Json,
    /// As msgpack.
    #[value(name = "msgpack")]
    MsgPack,
}

/// Builds the server.
///
/// # Errors
///
/// [`BuildError`] if a time is 0.
pub fn build(options: &Options) -> Result<Server, BuildError> {
    let origins = match &*options.origin {
        [] => Origins::same_origin(),
        listed => Origins::list(listed).with_credentials(),
    };
    let parser = match options.parser {
        Parser::Json => server::Parser::Json,
        Parser::MsgPack => server::Parser::MsgPack,
    };
    let builder = Server::builder()
        .engine_v3(options.v3)
        .parser(parser)
        .origins(origins)
        .ping_interval(Duration::from_millis(options.ping_interval))
        .ping_timeout(Duration::from_millis(options.ping_timeout))
        .max_payload_bytes(1_000_000);
    with_namespaces(builder).build()
}

/// Gives a server the namespaces and their events.
pub fn with_namespaces(builder: server::Builder) -> server::Builder {
    builder
        .namespace("/", echo())
        .namespace("/custom", echo())
        .namespace("/auth", Namespace::new().on_connect(only_with_token))
}

/// The HTTP side: the server at its usual path, and its numbers.
pub fn router(server: &Server) -> Router {
    let counted = server.clone();
    Router::new()
        .route("/stats", get(async move || stats(&counted)))
        .route_service("/socket.io", server.service())
        .route_service("/socket.io/", server.service())
}

/// Listens and serves until the task is dropped; `ready` gets the address once it listens.
///
/// # Errors
///
/// The port can't be listened on.
pub async fn serve(server: &Server, port: u16, ready: impl FnOnce(String)) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    ready(format!("http://{}", listener.local_addr()?));
    sockeye::server::serve(listener, router(server)).await.map(drop)
}

/// What is alive, this request's own task included.
fn stats(server: &Server) -> String {
    let tasks = Handle::current().metrics().num_alive_tasks();
    let (sessions, timers) = (server.sessions(), server.timers());
    format!(r#"{{"sessions":{sessions},"tasks":{tasks},"timers":{timers}}}"#)
}

fn echo() -> Namespace {
    Namespace::new()
        .on_connect(connected)
        .on("message", message)
        .on("message-with-ack", give_back)
        .on("echo", give_back)
        .on("emit-with-ack", concurrent(emit_with_ack))
        .on("broadcast", broadcast)
        .on("join", join)
        .on("leave", leave)
        .on("to-room", to_room)
        .on("except-me", except_me)
        .on("disconnect-me", disconnect_me)
        .on("panic", panic)
}

async fn connected(socket: Socket, auth: RawArgs) {
    // A client that has gone needs no answer, here and below.
    let _ = socket.emit("auth", auth);
}

async fn message(socket: Socket, args: RawArgs) {
    let _ = socket.emit("message-back", args);
}

async fn give_back(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn emit_with_ack(socket: Socket, args: RawArgs) -> Result<(), Refusal> {
    let answer: RawArgs = socket.call("emit-with-ack", args).timeout(ACK_TIMEOUT).await?;
    socket.emit("emit-with-ack", answer)?;
    Ok(())
}

async fn broadcast(socket: Socket, server: Server, args: RawArgs) -> Result<(), Refusal> {
    server.of(socket.namespace()).emit("broadcast", args)?;
    Ok(())
}

async fn join(socket: Socket, Args((room,)): Args<(String,)>) {
    socket.join(room);
}

async fn leave(socket: Socket, Args((room,)): Args<(String,)>) {
    socket.leave(room);
}

async fn to_room(
    socket: Socket,
    Args((room, event, value)): Args<(String, String, Option<Value>)>,
) -> Result<Ack<usize>, Refusal> {
    Ok(Ack(socket.to(room).emit(&event, (value,))?.queued))
}

async fn except_me(
    socket: Socket,
    Args((event, value)): Args<(String, Option<Value>)>,
) -> Result<Ack<usize>, Refusal> {
    Ok(Ack(socket.broadcast().emit(&event, (value,))?.queued))
}

async fn disconnect_me(socket: Socket, Args((close,)): Args<(Option<bool>,)>) {
    if close == Some(true) { socket.close() } else { socket.disconnect() }
}

#[expect(clippy::panic, reason = "shows what a handler's panic costs")]
async fn panic() {
    panic!("asked to");
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    token: String,
}

async fn only_with_token(Auth(login): Auth<Login>) -> Result<(), Refusal> {
    if login.token == "secret" {
        return Ok(());
    }
    Err(Refusal::new("unauthorized").data(&Unauthorized { code: 401 }))
}

#[derive(serde::Serialize)]
struct Unauthorized {
    code: u16,
}
