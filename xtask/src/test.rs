//! `cargo xtask test`: everything that proves the workspace, in one run.

use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::features::Peers;
use crate::run::{OURS, command, run};
use crate::{autobahn, features, fuzz, peers, soak, tools};

/// Tests that launch npm, PyPI or browser peers live in binaries of this name.
const NEEDS_PEERS: &str = "binary(/^peer_/)";

/// Runs all tests, the peers' included.
pub(crate) fn all() -> Outcome {
    let start = Instant::now();
    tools::nextest()?;
    tools::for_peers()?;
    peers::install()?;
    // With this set, a peer test that finds its peer missing fails instead of skipping itself.
    run(command("cargo", ["nextest", "run"]).args(OURS).env("SOCKEYE_PEERS", "required"))?;
    doc_tests()?;
    let tests = features::check(Peers::Ran)?;
    // The soak waits, libFuzzer has its own build folder, and each takes one core at most as soon as it is built.
    let ((), (targets, cases)) = thread::scope(|scope| {
        let soak = scope.spawn(|| soak::soak(&[]));
        let fuzz = scope.spawn(fuzz::smoke);
        let autobahn = autobahn::check(true);
        both(
            soak.join().unwrap_or_else(|panic| resume_unwind(panic)),
            both(fuzz.join().unwrap_or_else(|panic| resume_unwind(panic)), autobahn),
        )
    })?;
    eprintln!(
        "passed: {tests} tests and the doc tests, {cases} Autobahn cases, {targets} fuzz targets, the soak; {} s",
        start.elapsed().as_secs()
    );
    Ok(())
}

/// Both results, or all that failed.
fn both<A, B>(one: Outcome<A>, other: Outcome<B>) -> Outcome<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(Failure::new(format!("{one}\n{other}"))),
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
    }
}

/// Runs what needs no peers.
pub(crate) fn quick() -> Outcome {
    let start = Instant::now();
    tools::nextest()?;
    let without_peers = format!("not {NEEDS_PEERS}");
    run(command("cargo", ["nextest", "run"]).args(OURS).args(["-E", &without_peers]))?;
    eprintln!("skipped: {NEEDS_PEERS}, they need peers; `cargo xtask test` installs and runs them");
    eprintln!("skipped: the soak, it takes a minute and more; `cargo xtask test` runs it");
    doc_tests()?;
    let tests = features::check(Peers::Skipped)?;
    eprintln!("passed: {tests} tests and the doc tests; {} s", start.elapsed().as_secs());
    Ok(())
}

fn doc_tests() -> Outcome {
    run(command("cargo", ["test", "--quiet", "--doc"]).args(OURS))
}
