//! Sends tasks from a Redis list to a Socket.IO server and loses none: `cargo run --example imchat -- https://host/imchat`.
//!
//! A task is `{"event": "message", "args": [1, "hello"]}` in the list `imchat:tasks`. It is kept in `imchat:sending` until
//! the server has acknowledged it, so a crash loses nothing; what can't be sent, or is refused, goes to `imchat:failed`.
//!
//! A task may reach the server twice, when its ack is lost. A server that must tell a copy from a new task takes an id as
//! one more argument: give the builder `.retries(Retries { send_id: true, ..Retries::default() })`.
//!
//! A server whose handler never acknowledges an event gets it every 10 s, without end. Tell it `"ack": false`: then a task
//! is done when it is written.
//!
//! Elsewhere it needs these, beside sockeye and tokio: clap (feature `derive`), redis (`connection-manager`, `tokio-comp`),
//! serde (`derive`), serde_json, tracing-subscriber.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is how an example talks

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use redis::{AsyncTypedCommands as _, Direction, aio};
use serde::Deserialize;
use sockeye::{
    client::{Client, DeliveryErrorKind, Disconnect, EmitError, SendError, Tls},
    event::{Args, RawArgs, State},
};

const TASKS: &str = "imchat:tasks";
const SENDING: &str = "imchat:sending";
const FAILED: &str = "imchat:failed";

#[derive(Parser)]
struct Cli {
    /// The server and the namespace, such as https://host/imchat.
    url: String,
    #[arg(long, default_value = "redis://127.0.0.1/")]
    redis: String,
    /// The authority that signed the server's certificate, in PEM.
    #[arg(long)]
    cacert: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Task {
    event: String,
    args: Vec<serde_json::Value>,
    #[serde(default = "yes")]
    ack: bool,
}

const fn yes() -> bool {
    true
}

/// What the server sends comes here.
struct Program {
    name: &'static str,
}

impl Program {
    async fn action(State(this): State<Arc<Self>>, args: RawArgs) {
        println!("{}: action {}", this.name, args.text());
    }

    async fn chat(State(this): State<Arc<Self>>, Args((from, text)): Args<(String, String)>) {
        println!("{}: {from} says {text}", this.name);
    }

    async fn lost(State(this): State<Arc<Self>>, because: Disconnect) {
        eprintln!("{}: {because}; tasks wait until it is connected again", this.name);
    }
}

/// Sends a task, over however many connections. It is done, or is for the next start to try; the error says why nobody
/// should.
async fn send(client: &Client, text: &str) -> Result<bool, String> {
    let task: Task = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let args = RawArgs::from_list(&task.args).map_err(|error| error.to_string())?;
    let emitted = if task.ack {
        client.deliver(&task.event, args).map(Ok)
    } else {
        client.emit(&task.event, args).map(Err)
    };
    match emitted {
        Ok(Ok(delivery)) => match delivery.acked::<RawArgs>().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind, DeliveryErrorKind::Send(SendError::Rejected(_))) => {
                Err(error.to_string())
            }
            Err(_) => Ok(false),
        },
        Ok(Err(sent)) => Ok(sent.written().await.is_ok()),
        Err(EmitError::NotJoined { .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt::init(); // what the library has to say
    let cli = Cli::parse();
    // Waiting for a task may take longer than other commands should.
    let patient =
        aio::ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(5)));
    let redis = redis::Client::open(cli.redis)?;
    let at = redis.get_connection_info().addr().to_string(); // without a password
    // What is not there is told at once: the connections below are tried again, for as long as it takes.
    redis
        .get_multiplexed_async_connection()
        .await
        .map_err(|error| format!("redis at {at}: {error}"))?;
    let mut tasks = redis.get_connection_manager_with_config(patient).await?;
    let mut builder = Client::builder(cli.url)
        .state(Arc::new(Program { name: "imchat" }))
        .on_resend(|task| {
            eprintln!("{}: sent again (attempt {}): {}", task.event, task.attempts, task.because);
        })
        .on("action", Program::action)
        .on("chat", Program::chat)
        .on_disconnect(Program::lost);
    if let Some(path) = cli.cacert {
        builder = builder.tls(Tls::builder().add_pem(std::fs::read(path)?).build()?);
    }
    let client = Arc::new(builder.connect().await?); // joined, or why not
    println!("connected");
    for _ in 0..tasks.llen(SENDING).await? {
        tasks.lmove(SENDING, TASKS, Direction::Left, Direction::Right).await?;
    }
    let in_flight = Arc::new(tokio::sync::Semaphore::new(64));
    loop {
        let permit = in_flight.clone().acquire_owned().await?;
        let taken = tokio::select! {
            taken = tasks.blmove(TASKS, SENDING, Direction::Right, Direction::Left, 1.0) => taken?,
            reason = client.closed() => return Err(reason.to_string().into()),
        };
        let Some(text) = taken else { continue };
        let (client, mut tasks) = (client.clone(), tasks.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match send(&client, &text).await {
                Ok(true) => {}
                Ok(false) => return Ok(()), // it stays where it is
                Err(reason) => {
                    eprintln!("{FAILED}: {text}: {reason}");
                    tasks.rpush(FAILED, &text).await?;
                }
            }
            tasks.lrem(SENDING, 1, &text).await.map(drop)
        });
    }
}
