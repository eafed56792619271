//! `cargo xtask test`: everything that proves the workspace, in one run.

use crate::failure::Outcome;
use crate::features::Peers;
use crate::run::{command, run};
use crate::{autobahn, features, fuzz, peers, soak, tools};

/// Tests that launch npm, PyPI or browser peers live in binaries of this name.
const NEEDS_PEERS: &str = "binary(/^peer_/)";

/// The workspace but for its two peers, socketioxide and rust_socketio: these are somebody else's, have no tests, and
/// their dependencies would be built for nothing.
pub(crate) const OURS: [&str; 5] =
    ["--workspace", "--exclude", "interop-oxide", "--exclude", "interop-rust-client"];

/// Runs all tests, the peers' included.
pub(crate) fn all() -> Outcome {
    tools::nextest()?;
    tools::for_peers()?;
    peers::install()?;
    // With this set, a peer test that finds its peer missing fails instead of skipping itself.
    run(command("cargo", ["nextest", "run"]).args(OURS).env("SOCKEYE_PEERS", "required"))?;
    doc_tests()?;
    features::check(Peers::Ran)?;
    fuzz::smoke()?;
    autobahn::check(true)?;
    soak::soak(&[])
}

/// Runs what needs no peers.
pub(crate) fn quick() -> Outcome {
    tools::nextest()?;
    let without_peers = format!("not {NEEDS_PEERS}");
    run(command("cargo", ["nextest", "run"]).args(OURS).args(["-E", &without_peers]))?;
    eprintln!("skipped: {NEEDS_PEERS}, they need peers; `cargo xtask test` installs and runs them");
    eprintln!("skipped: the soak, it takes a minute and more; `cargo xtask test` runs it");
    doc_tests()?;
    features::check(Peers::Skipped)
}

fn doc_tests() -> Outcome {
    run(command("cargo", ["test", "--quiet", "--doc"]).args(OURS))
}
