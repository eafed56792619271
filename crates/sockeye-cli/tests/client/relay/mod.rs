//! `sockeye relay`: a queue in a file, a server of this process, and the binary between them.

#[cfg(unix)]
mod config;
mod http;
mod queue;
#[cfg(unix)]
mod redis;
mod run;
#[cfg(unix)]
mod sinks;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod told;

use serde_json::Value;
use sockeye_testkit::Peer;

use crate::sandbox::{Run, Sandbox};

/// The queue of a test, as flags name it.
const QUEUE: &str = "sqlite:relay.db";

fn relay(sandbox: &Sandbox, args: &[&str]) -> Run {
    sandbox.run(&[&["relay"], args].concat())
}

/// The lines of JSON of a run that has to end with this code.
#[track_caller] // a failure points at the row, not at this function
fn json(run: &Run, code: i32) -> Vec<Value> {
    assert_eq!(run.code, Some(code), "{run:?}");
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A relay that prints its states; it has begun once the first is there.
fn start(sandbox: &Sandbox, args: &[&str]) -> Peer {
    Peer::launch(sandbox.command(&[&["relay", "--json"], args].concat()), "{").unwrap()
}

/// Waits for a line with this in it.
#[track_caller]
fn until(peer: &mut Peer, text: &str) -> String {
    loop {
        let line = peer.next_line().unwrap();
        if line.contains(text) {
            return line;
        }
    }
}
