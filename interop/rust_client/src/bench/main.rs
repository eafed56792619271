//! rust_socketio, told by lines what to do; the bench knows what each line means.
//!
//! Usage: interop-rust-bench [--async] URL

mod asynchronous;
mod counter;
mod threads;

use std::env;
use std::error::Error;

use rustix::time::{ClockId, clock_gettime};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [flag, url] if flag == "--async" => asynchronous::run(url),
        [url] => threads::run(url),
        _ => Err("usage: interop-rust-bench [--async] URL".into()),
    }
}

/// One line, as the bench says it.
enum Order {
    Connect { count: usize },
    Ack { bytes: usize, in_flight: u64, count: u64 },
    Receive { bytes: usize, count: u64 },
    Idle,
    Cpu,
    Lose,
    Rejoined,
}

impl Order {
    fn read(line: &str) -> Outcome<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Ok(match words[..] {
            ["connect", count] => Self::Connect { count: count.parse()? },
            ["ack", bytes, in_flight, count] => Self::Ack {
                bytes: bytes.parse()?,
                in_flight: in_flight.parse()?,
                count: count.parse()?,
            },
            ["receive", bytes, count] => {
                Self::Receive { bytes: bytes.parse()?, count: count.parse()? }
            }
            ["idle"] => Self::Idle,
            ["cpu"] => Self::Cpu,
            ["lose"] => Self::Lose,
            ["rejoined"] => Self::Rejoined,
            _ => return Err("no such command".into()),
        })
    }
}

/// What all threads have used, in nanoseconds.
fn cpu() -> String {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    (used.tv_sec * 1_000_000_000 + used.tv_nsec).to_string()
}

fn answer(outcome: Outcome<String>) -> String {
    outcome.unwrap_or_else(|error| format!("error {error}"))
}
