//! The same server for the tests of our client: it keeps the contract that other people's servers keep for them, too.
//!
//! The contract is at the top of `interop/js/host.mjs`. Two things differ: `transport` is not answered, for a handler
//! is not told, and `close-me` disconnects every socket of the session before it closes it. There is no recovery yet.

mod listen;
mod record;

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use serde::{Deserialize, Serialize};
use sockeye::{
    event::{
        Ack, Answer, Args, Event, EventName, FromEvent, IntoAnswer, NoAnswer, RawArgs, Refusal,
        Reject, State, Value,
    },
    server::{self, BuildError, Cookie, Data, Namespace, Server, Socket, concurrent},
};

use crate::{Options, Parser};
use record::Record;

/// How long a client may take to answer `question`.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);

/// Options of the server for our client's tests, beside those of the interop server.
#[derive(Clone, Debug, clap::Args)]
pub struct HostOptions {
    /// Serve the namespaces and events that our client's tests ask for, until standard input closes.
    #[arg(long)]
    pub host: bool,
    /// Transports, separated by commas.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "polling,websocket",
        requires = "host"
    )]
    pub transports: Vec<Transport>,
    /// Path of the server.
    #[arg(long, default_value = "/socket.io", requires = "host")]
    pub path: String,
    /// Largest message accepted from a client, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000, requires = "host")]
    pub max_payload: usize,
    /// Set a cookie of this name with the session's id.
    #[arg(long, value_name = "NAME", requires = "host")]
    pub cookie: Option<String>,
    /// Serve over TLS with this certificate and this key, both PEM files.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"], requires = "host")]
    pub tls: Option<Vec<PathBuf>>,
    /// Append the events to be recorded to this file.
    #[arg(long, value_name = "FILE", requires = "host")]
    pub record: Option<PathBuf>,
    /// Whether sessions on polling may move to WebSocket.
    #[arg(long, value_enum, default_value_t = Upgrades::On, requires = "host")]
    pub upgrades: Upgrades,
}

/// A transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Transport {
    /// HTTP polling.
    Polling,
    /// WebSocket.
    #[value(name = "websocket")]
    WebSocket,
}

/// Whether sessions may move.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Upgrades {
    /// They may.
    On,
    /// They may not.
    Off,
}

/// Serves until standard input closes; `ready` gets the URL once it listens.
///
/// # Errors
///
/// A file can't be read or written, the port can't be listened on, or the options don't fit.
pub async fn serve(
    options: &Options,
    host: &HostOptions,
    ready: impl FnOnce(String),
) -> io::Result<()> {
    let record = Record::open(host.record.as_deref())?;
    let server = build(options, host, record).map_err(io::Error::other)?;
    let path = host.path.trim_end_matches('/');
    let router = Router::new()
        .route_service(path, server.service())
        .route_service(&format!("{path}/"), server.service());
    listen::serve(router, options.port, host.tls.as_deref(), ready).await
}

fn build(options: &Options, host: &HostOptions, record: Record) -> Result<Server, BuildError> {
    let mut builder = Server::builder()
        .state(Arc::new(record))
        .keep_handshake(true)
        .engine_v3(options.v3)
        .parser(match options.parser {
            Parser::Json => server::Parser::Json,
            Parser::MsgPack => server::Parser::MsgPack,
        })
        .ping_interval(Duration::from_millis(options.ping_interval))
        .ping_timeout(Duration::from_millis(options.ping_timeout))
        .max_payload_bytes(host.max_payload)
        .polling(host.transports.contains(&Transport::Polling))
        .websocket(host.transports.contains(&Transport::WebSocket))
        .upgrades(host.upgrades == Upgrades::On);
    if let Some(name) = &host.cookie {
        builder = builder.cookie(Cookie::new(name));
    }
    for name in ["/", "/imchat", "/other"] {
        builder = builder.namespace(name, events(Namespace::new().on_connect(joined)));
    }
    builder.namespace("/guarded", events(Namespace::new().on_connect(guarded))).build()
}

fn events(namespace: Namespace) -> Namespace {
    namespace
        .on("echo", give_back)
        .on("say", say)
        .on("burst", burst)
        .on("ask", concurrent(ask))
        .on("big", big)
        .on("message", keep)
        .on("action", keep)
        .on("chat", keep)
        .on("received", received)
        .on("ignore", ignore)
        .on("once", once)
        .on("disconnect-me", disconnect_me)
        .on("close-me", close_me)
        .on("headers", headers)
        .on("query", query)
        .on("auth", auth)
}

/// What a client said with its CONNECT.
struct Joined {
    auth: RawArgs,
}

async fn joined(socket: Socket, auth: RawArgs) -> Result<Joined, Refusal> {
    socket.emit("welcome", auth.clone())?;
    Ok(Joined { auth })
}

async fn guarded(socket: Socket, auth: RawArgs) -> Result<Joined, Refusal> {
    #[derive(Deserialize)]
    struct Login {
        token: String,
    }
    match auth.parse::<(Login,)>() {
        Ok((login,)) if login.token == "secret" => joined(socket, auth).await,
        _ => Err(Refusal::new("unauthorized").data(&Unauthorized { code: 401 })),
    }
}

#[derive(Serialize)]
struct Unauthorized {
    code: u16,
}

async fn give_back(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

async fn say(socket: Socket, args: RawArgs) -> Result<(), Refusal> {
    socket.emit("said", args)?;
    Ok(())
}

async fn burst(socket: Socket, Args((count,)): Args<(u32,)>) -> Result<(), Refusal> {
    for i in 0..count {
        socket.emit("tick", (i,))?;
    }
    Ok(())
}

async fn ask(socket: Socket, args: RawArgs) -> Result<(), Refusal> {
    let answer: RawArgs = socket.call("question", args).timeout(ACK_TIMEOUT).await?;
    socket.emit("answered", answer)?;
    Ok(())
}

async fn big(socket: Socket, Args((bytes,)): Args<(usize,)>) -> Result<(), Refusal> {
    socket.emit("big", ("x".repeat(bytes),))?;
    Ok(())
}

#[derive(Serialize)]
struct Kept {
    ok: bool,
    id: Value,
}

/// All arguments, of any number.
struct Every(Vec<Value>);

impl<C> FromEvent<C> for Every {
    fn from_event(event: &Event<'_, C>) -> Result<Self, Reject> {
        Ok(Self(event.payload().deserialize_all()?))
    }
}

async fn keep(
    State(record): State<Arc<Record>>,
    EventName(event): EventName,
    Every(args): Every,
) -> Result<Ack<Kept>, Refusal> {
    record.add(&event, &args)?;
    let id = args.into_iter().next().unwrap_or_default();
    Ok(Ack(Kept { ok: true, id }))
}

async fn received(State(record): State<Arc<Record>>) -> Ack<usize> {
    Ack(record.count())
}

async fn ignore() -> NoAnswer {
    NoAnswer
}

/// How often an id was seen; the first time it is kept back.
struct Once {
    times: usize,
}

#[derive(Serialize)]
struct Times {
    times: usize,
}

impl IntoAnswer for Once {
    fn into_answer(self) -> Option<Answer> {
        let Self { times } = self;
        (times > 1).then(|| Answer::from_args((Times { times },)))
    }
}

async fn once(State(record): State<Arc<Record>>, Args((id,)): Args<(Value,)>) -> Once {
    Once { times: record.times(&id) }
}

async fn disconnect_me(socket: Socket) {
    socket.disconnect();
}

async fn close_me(socket: Socket) {
    socket.close();
}

async fn headers(socket: Socket) -> Ack<(BTreeMap<String, String>,)> {
    let headers = socket.handshake().map(|handshake| &handshake.headers).into_iter().flatten();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ack((headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),))
}

async fn query(socket: Socket) -> Ack<(BTreeMap<String, String>,)> {
    let query = socket.handshake().and_then(|handshake| handshake.uri.query()).unwrap_or_default();
    Ack((form_urlencoded::parse(query.as_bytes()).into_owned().collect(),))
}

async fn auth(joined: Data<Joined>) -> Ack<RawArgs> {
    Ack(joined.auth.clone())
}
