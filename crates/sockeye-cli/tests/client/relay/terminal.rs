//! A relay on a terminal shows where it stands, in place.

use rustix::process::{Pid, Signal, kill_process};

use super::{QUEUE, relay};
use crate::{sandbox::Sandbox, server::Running, terminal::Terminal};

pub(super) fn kill(id: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

#[test]
fn the_state_is_drawn_in_place() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-terminal"));
    let mut command = sandbox.command(&["relay", "--from", QUEUE, "--to", &running.url]);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::run(command);
    terminal.expect("joined 127.0.0.1");
    terminal.expect("joined for");
    relay(&sandbox, &["put", "--from", QUEUE, "keep", "1"]);
    let shown = terminal.expect("done  1,");
    assert!(shown.contains("\x1b[J") && !shown.contains("\x1b[3"), "{shown:?}");
    kill(terminal.id(), Signal::INT);
    terminal.expect("drained: 1 confirmed");
    assert_eq!(terminal.code(), Some(130));
}
