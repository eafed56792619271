//! The limit of open files is raised as far as it goes.

#![cfg(unix)]

use std::process::Command;

use sockeye_testkit::Peer;

#[test]
fn the_soft_limit_is_raised_to_the_hard_one() {
    let script = "ulimit -Sn 256; ulimit -Hn 512; exec \"$0\" serve --listen 127.0.0.1:0 2>&1";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_sockeye")]);
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    let peer = Peer::launch(command, "listening on ").unwrap();
    let expect = "limit of open files raised from=256 to=512\n";
    assert!(peer.transcript().contains(expect), "{}", peer.transcript());
}
