//! The chat page of `sockeye serve` in a real browser: the specs of `interop/browser`, with screenshots for the eye.

use std::{env, path::Path, process::Command, time::Duration};

use sockeye_testkit::{Peer, PeerError, pinned};

/// A browser takes its time, above all where many tests run at once.
const PATIENCE: Duration = Duration::from_secs(240);

#[test]
fn the_page() -> Result<(), PeerError> {
    run("chat.spec.mjs")
}

#[test]
fn the_plain_page() -> Result<(), PeerError> {
    run("plain.spec.mjs")
}

/// Runs one file of specs; the specs start, kill and restart the built `sockeye`.
fn run(spec: &str) -> Result<(), PeerError> {
    let Some(node) = pinned::node(&format!("browser/{spec}")) else { return Ok(()) };
    let mut command = Command::new(node.get_program());
    command.args(["--test", "--test-reporter=tap"]).args(node.get_args());
    let serve = [env!("CARGO_BIN_EXE_sockeye"), "serve", "--listen", "127.0.0.1:{port}"];
    command.env("SERVE_COMMAND", serde_json::json!(serve).to_string());
    // Beside the other results of a test run: target/screenshots.
    let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../screenshots");
    command.env("SCREENSHOTS", env::var_os("SCREENSHOTS").unwrap_or_else(|| screenshots.into()));

    let mut specs = Peer::launch_for(PATIENCE, command, "TAP version")?;
    let lines = specs.remaining_lines()?;
    let transcript = specs.transcript().to_owned();
    assert!(specs.finish()?.success(), "{transcript}");
    let passed = lines.iter().find_map(|line| line.strip_prefix("# pass "));
    assert!(passed.is_some_and(|passed| passed != "0"), "no spec ran:\n{transcript}");
    Ok(())
}
