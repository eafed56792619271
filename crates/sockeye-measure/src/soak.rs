//! The soak: clients come, misbehave and vanish, and clients of ours meet a server that misbehaves; afterwards ours have
//! what they had before.
//!
//! Here the server is ours, in `clients` it is the hostile one, at the same time. Sessions, tasks, timers and open files must be back at their first numbers, resident memory within
//! `MEMORY_BYTES` of it, and a witness that takes no part must have had all its acks.

mod clients;
mod hostile;
mod mischief;
pub mod victims;
mod witness;
mod ws;

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

use self::mischief::Mischief;
use crate::load::Http;
use crate::prepare;
use crate::process;
use crate::server::{Heartbeat, Server};

/// Why a soak has failed, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Short, so that vanished clients are found out within the soak.
const HEARTBEAT: Heartbeat = Heartbeat { interval: "1000", timeout: "1000" };

/// Clients that misbehave at the same time.
const CLIENTS: u64 = 12;

/// How long the server may take to forget the last of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// What memory may grow by after the warm-up: allocators keep some of what they once had.
const MEMORY_BYTES: u64 = 4 << 20;

/// What the server says of itself, and the system of it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
struct Numbers {
    sessions: usize,
    tasks: usize,
    timers: usize,
    #[serde(default)]
    files: usize,
}

/// Runs for `time`, after a warm-up of a fifth of it; says what happened.
///
/// # Errors
///
/// When server or clients have kept something, or a witness was not served.
pub fn soak(time: Duration, progress: impl Fn(&str) + Sync) -> Result<String, Failure> {
    thread::scope(|scope| {
        let clients = scope.spawn(|| clients::soak(time, &progress));
        let server = server(time, &progress);
        let clients = clients.join().map_err(|_| "the soak of the clients panicked")?;
        Ok(format!("{}; {}", server?, clients?))
    })
}

/// The half with our server.
fn server(time: Duration, progress: &impl Fn(&str)) -> Result<String, Failure> {
    let server = Server::start(&prepare::interop_server()?, HEARTBEAT)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| witness::watch(server.address(), &stop));
        let result = act(&server, time, progress);
        stop.store(true, Relaxed);
        let acks = watching.join().map_err(|_| "the witness panicked")??;
        Ok(format!("{}; the witness had {acks} acks", result?))
    })
}

fn act(server: &Server, time: Duration, progress: &impl Fn(&str)) -> Result<String, Failure> {
    misbehave(server, time / 5)?;
    let before = settled(server, None)?;
    let memory_before = process::settled_resident_bytes(server.id())?;
    progress(&format!("soak: warm: {before:?}, {} KiB", memory_before / 1024));

    let did = misbehave(server, time)?;
    let after = settled(server, Some(before))?;
    let memory_after = process::settled_resident_bytes(server.id())?;
    progress(&format!("soak: after: {after:?}, {} KiB", memory_after / 1024));
    nothing_kept((before, memory_before), (after, memory_after))?;
    Ok(did)
}

/// Compares numbers and resident bytes of before with those of after.
fn nothing_kept(before: (Numbers, u64), after: (Numbers, u64)) -> Result<(), Failure> {
    if after.0 != before.0 {
        return Err(format!(
            "{PATIENCE:?} after the last client the server has {:?}; expected {:?}",
            after.0, before.0
        )
        .into());
    }
    if after.1 > before.1 + MEMORY_BYTES {
        return Err(format!(
            "memory went from {} to {} bytes; {MEMORY_BYTES} more are allowed",
            before.1, after.1
        )
        .into());
    }
    Ok(())
}

/// Lets all clients act for `time`, each kind of mischief in turn; says how often each was done.
fn misbehave(server: &Server, time: Duration) -> Result<String, Failure> {
    let counts: Vec<AtomicU64> = Mischief::ALL.iter().map(|_| AtomicU64::new(0)).collect();
    let end = Instant::now() + time;
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let counts = &counts;
            scope.spawn(move || {
                let mut turn = client as usize;
                while Instant::now() < end {
                    let kind = turn % Mischief::ALL.len();
                    // Some attempts end early: the server may cut off whom it likes.
                    if Mischief::ALL[kind].act(server.address()).is_ok() {
                        counts[kind].fetch_add(1, Relaxed);
                    }
                    turn += 1;
                }
            });
        }
    });
    let mut said = Vec::new();
    for (kind, count) in Mischief::ALL.iter().zip(&counts) {
        match count.load(Relaxed) {
            0 => return Err(format!("{kind:?} never went through").into()),
            count => said.push(format!("{count} {kind:?}")),
        }
    }
    Ok(said.join(", "))
}

/// Waits until the numbers are `wanted`, or, with none wanted, until only the witness is there and they rest; gives
/// those it has in the end.
fn settled(server: &Server, wanted: Option<Numbers>) -> Result<Numbers, Failure> {
    const STEP: Duration = Duration::from_millis(250);
    const CALM_STEPS: u32 = 8;
    let start = Instant::now();
    let (mut calm, mut last) = (0, numbers(server)?);
    loop {
        thread::sleep(STEP);
        let now = numbers(server)?;
        calm = if now == last { calm + 1 } else { 0 };
        last = now;
        let at_rest = match wanted {
            None => now.sessions == 1 && calm >= CALM_STEPS,
            Some(before) => now == before,
        };
        if at_rest {
            return Ok(now);
        }
        if start.elapsed() > PATIENCE {
            return match wanted {
                Some(_) => Ok(now),
                None => Err(format!(
                    "after {PATIENCE:?} the server has {now:?}; expected the witness alone, at rest"
                )
                .into()),
            };
        }
    }
}

fn numbers(server: &Server) -> Result<Numbers, Failure> {
    let mut http = Http::connect(server.address(), PATIENCE)?;
    let body = http.ask(b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut numbers: Numbers = serde_json::from_slice(&body)?;
    // This connection is among them, always.
    numbers.files = fs::read_dir(format!("/proc/{}/fd", server.id()))?.count();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Numbers = Numbers { sessions: 1, tasks: 3, timers: 1, files: 12 };

    #[track_caller]
    fn check(after: Numbers, grown_bytes: u64, expect: Option<&str>) {
        let bytes = 10 << 20;
        let verdict = nothing_kept((BEFORE, bytes), (after, bytes + grown_bytes));
        let said = verdict.err().map(|failure| failure.to_string());
        match expect {
            None => assert_eq!(said, None),
            Some(part) => assert!(said.as_deref().unwrap_or("").contains(part), "{said:?}"),
        }
    }

    #[test]
    fn whatever_is_kept_is_named() {
        check(BEFORE, 0, None);
        check(BEFORE, MEMORY_BYTES, None);
        check(BEFORE, MEMORY_BYTES + 1, Some("4194304 more are allowed"));
        check(Numbers { sessions: 2, ..BEFORE }, 0, Some("sessions: 2"));
        check(Numbers { tasks: 4, ..BEFORE }, 0, Some("tasks: 4"));
        check(Numbers { timers: 2, ..BEFORE }, 0, Some("timers: 2"));
        check(Numbers { files: 13, ..BEFORE }, 0, Some("files: 13"));
    }
}
