//! The suites that judge our server pass on npm's own, so what they ask for is what Socket.IO does.

use std::process::Command;
use std::time::Duration;

use sockeye_testkit::{Peer, PeerError, pinned};

/// Runs all scenarios of a client on npm's server.
#[track_caller]
fn check(client: Option<Command>) -> Result<(), PeerError> {
    let (Some(server), Some(mut client)) = (pinned::node("js/server.mjs"), client) else {
        return Ok(());
    };
    let server = Peer::launch(server, "listening on ")?;
    client.arg(server.ready());
    let mut client = Peer::launch_for(Duration::from_secs(90), client, "ok ")?;
    // The first one was the ready line.
    let scenarios = 1 + client.remaining_lines()?.len();
    let transcript = client.transcript().to_owned();
    assert!(client.finish()?.success(), "{transcript}");
    assert!(scenarios >= 20, "only {scenarios} scenarios ran:\n{transcript}");
    Ok(())
}

#[test]
fn npm_client() -> Result<(), PeerError> {
    check(pinned::node("js/client.mjs"))
}

#[test]
fn python_blocking_client() -> Result<(), PeerError> {
    check(pinned::python("py/client_sync.py"))
}

#[test]
fn python_asyncio_client() -> Result<(), PeerError> {
    check(pinned::python("py/client_async.py"))
}
