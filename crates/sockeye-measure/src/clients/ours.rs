//! The program of our client: one thread, which all clients share.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sockeye::client::Client;
use sockeye::event::{Args, State};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::floor::cpu_ns;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Clients that connect at a time.
const AT_A_TIME: usize = 50;

const PATIENCE: Duration = Duration::from_secs(30);

/// Does what the lines on standard input say, until there are no more.
///
/// # Errors
///
/// When standard input or output is gone.
pub fn run(url: &str) -> io::Result<()> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut fleet = Fleet { url: url.to_owned(), clients: Vec::new(), tally: Arc::default() };
        while let Some(line) = lines.recv().await {
            let answer = match fleet.follow(&line).await {
                Ok(answer) => answer,
                Err(error) => format!("error {error}"),
            };
            writeln!(io::stdout(), "{answer}")?;
        }
        Ok(())
    })
}

struct Fleet {
    url: String,
    clients: Vec<Client>,
    tally: Arc<Tally>,
}

/// What has come to all clients.
#[derive(Default)]
struct Tally {
    joined: Counter,
    events: Counter,
}

#[derive(Default)]
struct Counter {
    count: AtomicU64,
    awaited: AtomicU64,
    reached: Notify,
}

impl Counter {
    fn add(&self) {
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count == self.awaited.load(Ordering::SeqCst) {
            self.reached.notify_one();
        }
    }

    fn reset(&self) {
        self.count.store(0, Ordering::SeqCst);
    }

    async fn reach(&self, count: u64) {
        self.awaited.store(count, Ordering::SeqCst);
        while self.count.load(Ordering::SeqCst) < count {
            self.reached.notified().await;
        }
    }
}

impl Fleet {
    async fn follow(&mut self, line: &str) -> Outcome<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["connect", count] => self.connect(count.parse()?).await?,
            ["ack", bytes, in_flight, count] => {
                self.ack(bytes.parse()?, in_flight.parse()?, count.parse()?).await?;
            }
            ["receive", bytes, count] => self.receive(bytes.parse()?, count.parse()?).await?,
            ["idle"] => {}
            ["cpu"] => return Ok(cpu_ns().to_string()),
            ["lose"] => self.tally.joined.reset(),
            ["rejoined"] => self.tally.joined.reach(self.clients.len() as u64).await,
            _ => return Err("no such command".into()),
        }
        Ok("ok".to_owned())
    }

    async fn connect(&mut self, count: usize) -> Outcome {
        let mut connecting = JoinSet::new();
        for _ in 0..count {
            if connecting.len() == AT_A_TIME {
                self.clients.extend(connecting.join_next().await.transpose()?.transpose()?);
            }
            let builder = Client::builder(&self.url)
                .websocket_only()
                .state(Arc::clone(&self.tally))
                .on_connect(async |State(tally): State<Arc<Tally>>| tally.joined.add())
                .on(
                    "event",
                    async |State(tally): State<Arc<Tally>>, Args((text,)): Args<(String,)>| {
                        drop(text);
                        tally.events.add();
                    },
                );
            connecting.spawn(builder.connect());
        }
        while let Some(client) = connecting.join_next().await {
            self.clients.push(client??);
        }
        Ok(())
    }

    fn first(&self) -> Outcome<&Client> {
        self.clients.first().ok_or_else(|| "not connected".into())
    }

    /// So many callers at a time share the events.
    async fn ack(&self, bytes: usize, in_flight: u64, count: u64) -> Outcome {
        let mut callers = JoinSet::new();
        for caller in 0..in_flight {
            let client = self.first()?.clone();
            let text = "x".repeat(bytes);
            let share = count / in_flight + u64::from(caller < count % in_flight);
            callers.spawn(async move {
                for _ in 0..share {
                    let back: String = client.call("echo", (&text,)).timeout(PATIENCE).await?;
                    if back.len() != text.len() {
                        return Outcome::Err("another text came back".into());
                    }
                }
                Ok(())
            });
        }
        while let Some(done) = callers.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn receive(&self, bytes: usize, count: u64) -> Outcome {
        self.tally.events.reset();
        self.first()?.emit("burst", (bytes, count))?;
        self.tally.events.reach(count).await;
        Ok(())
    }
}
