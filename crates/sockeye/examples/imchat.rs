//! Sends tasks from a Redis list to a Socket.IO server and loses none: `cargo run --example imchat -- https://host/imchat`.
//!
//! A task is `{"event": "message", "args": [1, "hello"]}` in the list `imchat:tasks`. It is kept in `imchat:sending` until
//! the server has acknowledged it, so a crash loses nothing; what the server refuses goes to `imchat:failed`.
//!
//! A task may reach the server twice, when its ack is lost. A server that must tell a copy from a new task takes an id as
//! one more argument: give the builder `.retries(Retries { send_id: true, ..Retries::default() })`.
//!
//! Only an ack ends a task: a server whose handler never acknowledges an event gets it every 10 s, without end. Set
//! `Retries::max_attempts`, or use `emit`, where there is no ack.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is how an example talks

use std::{error::Error, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use redis::{AsyncTypedCommands as _, Direction, aio};
use serde::Deserialize;
use sockeye::{
    client::{Client, DeliveryErrorKind, SendError, Tls},
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
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
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
        .on("chat", Program::chat);
    if let Some(path) = cli.cacert {
        builder = builder.tls(Tls::builder().add_pem(std::fs::read(path)?).build()?);
    }
    let client = builder.connect().await?; // joined, or why not
    println!("connected");
    for _ in 0..tasks.llen(SENDING).await? {
        tasks.lmove(SENDING, TASKS, Direction::Left, Direction::Right).await?;
    }
    let in_flight = Arc::new(tokio::sync::Semaphore::new(64));
    loop {
        let permit = in_flight.clone().acquire_owned().await?;
        let taken = tasks.blmove(TASKS, SENDING, Direction::Right, Direction::Left, 1.0).await?;
        let Some(text) = taken else { continue };
        let mut tasks = tasks.clone();
        let Ok(Task { event, args }) = serde_json::from_str(&text) else {
            tasks.rpush(FAILED, &text).await?;
            tasks.lrem(SENDING, 1, &text).await?;
            continue;
        };
        let delivery = client.deliver(&event, RawArgs::from_list(&args)?)?;
        tokio::spawn(async move {
            let _permit = permit;
            // Over however many connections; it ends with an ack, or with the client.
            match delivery.acked::<RawArgs>().await {
                Ok(_) => {}
                Err(error) => match error.kind {
                    DeliveryErrorKind::Send(SendError::Rejected(_)) => {
                        tasks.rpush(FAILED, &text).await?;
                    }
                    _ => return Ok(()), // it stays where it is, for the next start
                },
            }
            tasks.lrem(SENDING, 1, &text).await.map(drop)
        });
    }
}
