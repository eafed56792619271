//! What other people's clients say of each fault is quoted on its page, so that a search for it ends there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod faults;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;

use std::{fs, process::Command};

use faults::{Fault, Faults};
use sockeye_testkit::{host_peer::Host, pinned};

#[test]
fn npm() {
    let faults = Faults::start("error-texts-npm");
    let olds = OldServers::start();
    let client = || pinned::node("js/error_text.mjs");
    check(client(), &[faults.all(), olds.all()].concat(), |fault| !is_for_old_clients(fault));
    let mut old_client = client();
    if let Some(client) = &mut old_client {
        client.args(["--client", "2"]);
    }
    check(old_client, &faults.all(), is_for_old_clients);
}

#[test]
fn python() {
    let faults = Faults::start("error-texts-python");
    let olds = OldServers::start();
    let client = pinned::python("py/error_text.py");
    // Its version 4, which speaks Engine.IO 3, is not among our peers.
    check(client, &[faults.all(), olds.all()].concat(), |fault| !is_for_old_clients(fault));
}

#[test]
fn a_browser() {
    let faults = Faults::start("error-texts-browser");
    // It has no other authorities than those of the system.
    let is_for_browsers = |fault: &Fault| fault.authority.is_none();
    check(pinned::node("browser/error_text.mjs"), &faults.all(), is_for_browsers);
}

fn is_for_old_clients(fault: &Fault) -> bool {
    fault.verdict == "eio4-only-server"
}

/// Servers that are of version 3, and soon lose their patience.
struct OldServers(Vec<sockeye_testkit::Peer>);

impl OldServers {
    fn start() -> Self {
        let flags = ["--ping-interval", "1000", "--ping-timeout", "500"];
        Self([Host::Npm2, Host::Netty].iter().filter_map(|host| host.launch(&flags)).collect())
    }

    fn all(&self) -> Vec<Fault> {
        let faults =
            |url: &str| ["eio3-server", "version-drop"].map(|verdict| Fault::new(verdict, url));
        self.0.iter().flat_map(|peer| faults(peer.ready())).collect()
    }
}

/// Sends a client to all servers at once; whatever it says has to be quoted on the page of the server's fault.
fn check(client: Option<Command>, faults: &[Fault], is_for_it: impl Fn(&Fault) -> bool) {
    let Some(client) = client else { return };
    let mut said = 0;
    let mut missing = Vec::new();
    let authorities = faults.iter().filter_map(|fault| fault.authority.as_ref()).take(1);
    for authority in std::iter::once(None).chain(authorities.map(Some)) {
        let mine: Vec<_> = faults
            .iter()
            .filter(|fault| is_for_it(fault) && fault.authority.as_ref() == authority)
            .collect();
        if mine.is_empty() {
            continue;
        }
        let mut command = Command::new(client.get_program());
        command.args(client.get_args()).args(mine.iter().map(|fault| &fault.url));
        if let Some(file) = authority {
            command.envs([("NODE_EXTRA_CA_CERTS", file), ("REQUESTS_CA_BUNDLE", file)]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (url, text) = line.split_once('\t').unwrap();
            let verdicts = mine.iter().filter(|fault| fault.url == url).map(|fault| fault.verdict);
            let unquoted = verdicts.filter(|verdict| !quotes(verdict, text));
            missing.extend(unquoted.map(|verdict| format!("{verdict}: {text}")));
            said += 1;
        }
    }
    assert!(missing.is_empty(), "not on the page:\n{}", missing.join("\n"));
    assert!(said > 0, "{client:?} said nothing");
}

/// Whether the page of a verdict has something between backticks that is said here.
fn quotes(verdict: &str, said: &str) -> bool {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctor");
    let page = fs::read_to_string(format!("{folder}/{verdict}.md")).unwrap();
    page.split('`').skip(1).step_by(2).any(|quoted| said.contains(quoted))
}
