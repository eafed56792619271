//! Specs of `interop/browser`: what a page does in a real browser, under Node's own test runner.

use std::process::Command;
use std::time::Duration;

use crate::{Peer, PeerError, pinned};

/// A browser takes its time, above all where many tests run at once.
const PATIENCE: Duration = Duration::from_secs(240);

/// Runs a file of specs on the server that `serve` starts: a program and its arguments, `{port}` where its port belongs.
///
/// If the packages are not installed, that is printed and nothing is run.
///
/// # Errors
///
/// The specs can't be started or take too long.
///
/// # Panics
///
/// If one fails, or the file has more or less than `count`.
#[track_caller]
pub fn run(
    file: &str,
    count: usize,
    serve: &[String],
    environment: &[(&str, &str)],
) -> Result<(), PeerError> {
    let Some(node) = pinned::node(&format!("browser/{file}")) else { return Ok(()) };
    let mut command = Command::new(node.get_program());
    command.args(["--test", "--test-reporter=tap"]).args(node.get_args());
    command.env("SERVE_COMMAND", serde_json::json!(serve).to_string());
    command.envs(environment.iter().copied());
    let mut specs = Peer::launch_for(PATIENCE, command, "TAP version")?;
    let lines = specs.remaining_lines()?;
    let transcript = specs.transcript().to_owned();
    assert!(specs.finish()?.success(), "{transcript}");
    let passed = lines.iter().find_map(|line| line.strip_prefix("# pass "));
    assert_eq!(passed, Some(count.to_string().as_str()), "specs that passed:\n{transcript}");
    Ok(())
}
