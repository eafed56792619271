//! A peer is waited for, spoken to, and gone with all its children when its test is.

use std::process::Command;
use std::time::Duration;

use sockeye_testkit::{Peer, PeerError};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether the process still runs; one that is dead but not yet reaped does not.
fn runs(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn dropping_a_peer_ends_its_children_too() {
    let peer = Peer::launch(shell("sleep 1000 & echo ready $!; wait"), "ready ").unwrap();
    let (own, child) = (peer.id().to_string(), peer.ready().to_owned());
    assert!(runs(&own) && runs(&child));
    drop(peer);
    assert!(!runs(&own), "the peer was waited for");
    while runs(&child) {
        std::thread::yield_now(); // it was sent SIGKILL; the runner's time limit bounds this
    }
}

#[test]
fn a_peer_that_ends_before_it_is_ready_shows_what_it_said() {
    let error = Peer::launch(shell("echo oh; echo no >&2; exit 3"), "ready").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PeerError::Ended { .. }), "{text}");
    assert!(text.contains("  oh\n") && text.contains("! no\n"), "{text}");
}

#[test]
fn a_peer_that_is_never_ready_is_ended() {
    let limit = Duration::from_millis(50);
    let error = Peer::launch_for(limit, shell("sleep 1000"), "ready").unwrap_err();
    assert!(matches!(error, PeerError::TooLong { .. }), "{error}");
}

#[test]
fn the_exit_code_is_told() {
    let peer = Peer::launch(shell("echo ready; read line; exit 3"), "ready").unwrap();
    assert_eq!(peer.finish().unwrap().code(), Some(3));
}

#[test]
fn a_missing_program_names_the_chore_that_installs_it() {
    let error = Peer::launch(Command::new("no-such-peer"), "ready").unwrap_err();
    assert!(error.to_string().contains("cargo xtask test"), "{error}");
}
