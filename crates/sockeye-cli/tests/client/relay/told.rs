//! What a service manager is told.

use std::{os::unix::net::UnixDatagram, time::Duration};

use sockeye_testkit::Peer;

use super::{QUEUE, terminal::kill, until};
use crate::{sandbox::Sandbox, server::Running};

#[test]
fn the_service_manager_knows() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-notify"));
    let place = sandbox.path("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = sandbox.command(&["relay", "--json", "--from", QUEUE, "--to", &running.url]);
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "200000");
    let mut peer = Peer::launch(command, "{").unwrap();
    let told = |text: &str| {
        let mut buffer = [0; 1_000];
        loop {
            let length = manager.recv(&mut buffer).unwrap();
            if std::str::from_utf8(&buffer[..length]).unwrap().contains(text) {
                return;
            }
        }
    };
    told("READY=1");
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    kill(peer.id(), rustix::process::Signal::TERM);
    told("STOPPING=1");
    until(&mut peer, "\"drained\"");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}
