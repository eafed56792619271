//! The program of the clients under attack: they come to a hostile server again and again, and a witness does its work
//! at a good one meanwhile.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use sockeye::client::{Client, Delays, Retries, Transport};
use sockeye::event::{Ack, RawArgs};
use tokio::runtime::{self, Handle};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Clients that are there at the same time.
const CLIENTS: usize = 12;

/// How long one of them stays, through several connections.
const STAY: Duration = Duration::from_millis(1_500);

/// What a client may take to end, and each thing that was asked of it to fail.
const PATIENCE: Duration = Duration::from_secs(10);

/// Obeys the lines `start`, `stop`, `numbers` and `witness` on standard input, until there are no more.
///
/// # Errors
///
/// When standard input or output is gone, or there is no runtime.
pub fn run(hostile: &str, good: &str) -> io::Result<()> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut crowd = Crowd::new(hostile);
        let mut witness = Witness::start(good);
        while let Some(line) = lines.recv().await {
            let answer = match line.as_str() {
                "start" => {
                    crowd.start();
                    Ok("ok".to_owned())
                }
                "stop" => crowd.stop().await.map(|sessions| sessions.to_string()),
                "numbers" => Ok(Handle::current().metrics().num_alive_tasks().to_string()),
                "witness" => witness.end().await.map(|acks| acks.to_string()),
                _ => Err("no such command".into()),
            };
            let answer = answer.unwrap_or_else(|error| format!("error {error}"));
            writeln!(io::stdout(), "{answer}")?;
        }
        Ok(())
    })
}

/// The clients that keep coming.
struct Crowd {
    hostile: String,
    stop: Arc<AtomicBool>,
    stays: JoinSet<Outcome<u64>>,
}

impl Crowd {
    fn new(hostile: &str) -> Self {
        Self { hostile: hostile.to_owned(), stop: Arc::default(), stays: JoinSet::new() }
    }

    fn start(&mut self) {
        self.stop.store(false, Relaxed);
        for client in 0..CLIENTS {
            let (url, stop) = (self.hostile.clone(), Arc::clone(&self.stop));
            self.stays.spawn(async move {
                let mut stays = 0;
                while !stop.load(Relaxed) {
                    stay(&url, client + stays as usize).await?;
                    stays += 1;
                }
                Ok(stays)
            });
        }
    }

    /// Says how often one came, or the first of them that did not end as it should.
    async fn stop(&mut self) -> Outcome<u64> {
        self.stop.store(true, Relaxed);
        let mut stays = 0;
        while let Some(done) = self.stays.join_next().await {
            stays += done??;
        }
        Ok(stays)
    }
}

/// Comes, does what clients do, and goes; whatever the server does, all of it has an end.
async fn stay(url: &str, turn: usize) -> Outcome {
    let builder = Client::builder(url)
        .connect_timeout(Duration::from_millis(500))
        .reconnect(Delays {
            first: Duration::from_millis(20),
            max: Duration::from_millis(100),
            ..Delays::default()
        })
        .rejoin_if(|_| true)
        .retries(Retries { ack_timeout: Duration::from_millis(200), ..Retries::default() })
        .on("echo", async |args: RawArgs| Ack(args))
        .on("event", async |args: RawArgs| drop(args));
    let builder = match turn % 3 {
        0 => builder,
        1 => builder.websocket_only(),
        _ => builder.transports([Transport::Polling]),
    };
    let client = builder.start()?;
    let call = client.call::<RawArgs>("echo", ("x".repeat(1_000),)).timeout(PATIENCE / 2);
    let call = tokio::spawn(call.into_future());
    let delivery = client.deliver("task", (turn,))?;
    let delivered = tokio::spawn(async move { delivery.acked::<RawArgs>().await.is_ok() });
    let end = time::Instant::now() + STAY;
    while time::Instant::now() < end {
        // Whether it can be sent is the server's affair.
        let _ = client.emit("tick", (turn,));
        time::sleep(STAY / 30).await;
    }
    let within = |what: &'static str| move |_| format!("{what} did not end within {PATIENCE:?}");
    time::timeout(PATIENCE, client.close()).await.map_err(within("closing a client"))?;
    _ = time::timeout(PATIENCE, call).await.map_err(within("a call with a deadline"))??;
    time::timeout(PATIENCE, delivered).await.map_err(within("a delivery of a closed client"))??;
    Ok(())
}

/// A client of the good server, whose calls are answered, whatever happens around it.
struct Witness {
    stop: Arc<AtomicBool>,
    work: JoinSet<Outcome<u64>>,
}

impl Witness {
    fn start(good: &str) -> Self {
        let (url, stop) = (good.to_owned(), Arc::new(AtomicBool::new(false)));
        let mut work = JoinSet::new();
        let ended = Arc::clone(&stop);
        work.spawn(async move {
            let client = Client::builder(url).connect().await?;
            let acks = AtomicU64::new(0);
            while !ended.load(Relaxed) {
                let number = acks.load(Relaxed);
                let call = client.call("echo", (number,)).timeout(PATIENCE);
                let back: u64 = call.await.map_err(|it| format!("call {number} failed: {it}"))?;
                if back != number {
                    return Err(format!("call {number} was answered with {back}").into());
                }
                acks.fetch_add(1, Relaxed);
                time::sleep(Duration::from_millis(20)).await;
            }
            client.close().await;
            Ok(acks.into_inner())
        });
        Self { stop, work }
    }

    async fn end(&mut self) -> Outcome<u64> {
        self.stop.store(true, Relaxed);
        let done = self.work.join_next().await.ok_or("the witness has ended before")?;
        done?
    }
}
