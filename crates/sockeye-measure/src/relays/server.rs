//! The server that all relays emit to: it acknowledges `message` on `/imchat`, counts, and notes how old each was.
//!
//! Told by lines on standard input:
//!
//! | line | what it does before it answers |
//! |---|---|
//! | `reach N` | waits until N have come since the start, and answers the nanoseconds since then |
//! | `ages` | answers the median and the 99th of 100 of the ages since the last `ages`, in microseconds |

use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use serde::Deserialize;
use sockeye::event::{Ack, Args, State};
use sockeye::server::{Namespace, Server};

use crate::clients::server::ServeError;

/// What a task carries.
#[derive(Deserialize)]
struct Load {
    /// When it was put, in microseconds since the epoch; 0 if nobody asks.
    at: u64,
}

/// What has come.
struct Ledger {
    start: Instant,
    came: Mutex<Came>,
    changed: Condvar,
}

#[derive(Default)]
struct Came {
    count: u64,
    /// Whom somebody waits for.
    awaited: u64,
    ages: Vec<u64>,
}

/// Serves until standard input ends.
///
/// # Errors
///
/// [`ServeError`].
pub fn serve() -> Result<(), ServeError> {
    let ledger =
        Arc::new(Ledger { start: Instant::now(), came: Mutex::default(), changed: Condvar::new() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    writeln!(io::stdout(), "http://{}/imchat", listener.local_addr()?)?;
    let server = Server::builder()
        .ping_interval(Duration::from_secs(300))
        .state(Arc::clone(&ledger))
        .namespace("/imchat", Namespace::new().on("message", message))
        .build()?;
    let app = Router::new().route_service("/socket.io/", server.service());
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            // It ends with the process.
            let _ = sockeye::server::serve(listener, app).await;
        });
    });
    for line in io::stdin().lock().lines() {
        writeln!(io::stdout(), "{}", ledger.answer(&line?))?;
    }
    Ok(())
}

async fn message(State(ledger): State<Arc<Ledger>>, Args((load,)): Args<(Load,)>) -> Ack<bool> {
    let mut came = ledger.came.lock().unwrap_or_else(PoisonError::into_inner);
    came.count += 1;
    if load.at > 0 {
        came.ages.push(now_us().saturating_sub(load.at));
    }
    if came.count == came.awaited {
        ledger.changed.notify_all();
    }
    Ack(true)
}

impl Ledger {
    fn answer(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        match words[..] {
            ["reach", count] => {
                let Ok(count) = count.parse() else { return "error: no count".to_owned() };
                came.awaited = count;
                while came.count < count {
                    came = self.changed.wait(came).unwrap_or_else(PoisonError::into_inner);
                }
                self.start.elapsed().as_nanos().to_string()
            }
            ["ages"] => {
                let mut ages = std::mem::take(&mut came.ages);
                ages.sort_unstable();
                let of_100 = |part| ages.get(ages.len() * part / 100).copied().unwrap_or_default();
                format!("{} {}", of_100(50), of_100(99))
            }
            _ => "error: no such command".to_owned(),
        }
    }
}

/// Microseconds since the epoch.
pub(super) fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
