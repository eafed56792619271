//! The client on tokio, on one thread that all clients share.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};
use tokio::time;

use crate::counter::Counter;
use crate::{Order, Outcome, answer, cpu};

const PATIENCE: Duration = Duration::from_secs(30);

/// Clients that connect at a time.
const AT_A_TIME: usize = 50;

pub(crate) fn run(url: &str) -> Outcome {
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut fleet = Fleet {
            url: url.to_owned(),
            clients: Vec::new(),
            joined: Arc::default(),
            events: Arc::default(),
        };
        while let Some(line) = lines.recv().await {
            let outcome = match Order::read(&line) {
                Ok(order) => fleet.follow(order).await,
                Err(error) => Err(error),
            };
            writeln!(io::stdout(), "{}", answer(outcome))?;
        }
        Ok(())
    })
}

struct Fleet {
    url: String,
    clients: Vec<Client>,
    joined: Arc<Counter>,
    events: Arc<Counter>,
}

impl Fleet {
    async fn follow(&mut self, order: Order) -> Outcome<String> {
        match order {
            Order::Connect { count } => self.connect(count).await?,
            Order::Ack { bytes, in_flight, count } => self.ack(bytes, in_flight, count).await?,
            Order::Receive { bytes, count } => {
                self.events.reset();
                self.first()?.emit("burst", vec![json!(bytes), json!(count)]).await?;
                reach(&self.events, count).await?;
            }
            Order::Idle => {}
            Order::Cpu => return Ok(cpu()),
            Order::Lose => self.joined.reset(),
            Order::Rejoined => reach(&self.joined, self.clients.len() as u64).await?,
        }
        Ok("ok".to_owned())
    }

    async fn connect(&mut self, count: usize) -> Outcome {
        let mut connecting = JoinSet::new();
        for _ in 0..count {
            if connecting.len() == AT_A_TIME {
                self.clients.extend(connecting.join_next().await.transpose()?.transpose()?);
            }
            let (joined, events) = (Arc::clone(&self.joined), Arc::clone(&self.events));
            let builder = ClientBuilder::new(&self.url)
                .transport_type(TransportType::Websocket)
                .on(Event::Connect, move |_, _| {
                    joined.add();
                    async {}.boxed()
                })
                .on("event", move |_, _| {
                    events.add();
                    async {}.boxed()
                });
            connecting.spawn(builder.connect());
        }
        while let Some(client) = connecting.join_next().await {
            self.clients.push(client??);
        }
        reach(&self.joined, self.clients.len() as u64).await
    }

    fn first(&self) -> Outcome<&Client> {
        self.clients.first().ok_or_else(|| "not connected".into())
    }

    async fn ack(&self, bytes: usize, in_flight: u64, count: u64) -> Outcome {
        let client = self.first()?;
        let text = "x".repeat(bytes);
        let (sender, mut acks) = mpsc::unbounded_channel();
        let emit = || {
            let sender = sender.clone();
            let back = move |payload: Payload, _| {
                drop(payload);
                let _ = sender.send(()); // nobody counts any more
                async {}.boxed()
            };
            client.emit_with_ack("echo", json!(text), PATIENCE, back)
        };
        for _ in 0..in_flight.min(count) {
            emit().await?;
        }
        for number in 0..count {
            let came = time::timeout(PATIENCE, acks.recv()).await;
            came.map_err(|_| format!("{number} of {count} acks came"))?;
            if number + in_flight < count {
                emit().await?;
            }
        }
        Ok(())
    }
}

/// Waits beside the runtime's thread, which goes on.
async fn reach(counter: &Arc<Counter>, count: u64) -> Outcome {
    let counter = Arc::clone(counter);
    Ok(task::spawn_blocking(move || counter.reach(count)).await??)
}
