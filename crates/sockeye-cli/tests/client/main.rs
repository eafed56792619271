//! The commands that talk to a server, as their users meet them: the built binary, its output and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod decode;
mod echo;
mod emit;
mod listen;
mod pipe;
mod relay;
mod repl;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;
mod secrets;
mod server;
#[cfg(unix)]
mod terminal;
mod tls;
mod trace;
mod troubles;
mod ws;

use sandbox::Run;
use serde_json::Value;

/// The lines of a run that has to end with this code, without their times.
#[track_caller] // a failure points at the row, not at this function
fn lines(run: &Run, code: i32) -> Vec<String> {
    assert_eq!(run.code, Some(code), "{run:?}");
    run.stdout.lines().map(untimed).collect()
}

/// A line without its time, which has to be one.
#[track_caller]
fn untimed(line: &str) -> String {
    let json: Value = serde_json::from_str(line).unwrap();
    let time = json["t"].as_str().unwrap();
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000Z");
    line.replace(&format!(r#""t":"{time}","#), "")
}
