//! `sockeye doctor` at other people's servers: those that are well, and what it says of the rest.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it is made for `doctor`")]
#[path = "doctor/examined.rs"]
mod examined;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "serve/sandbox.rs"]
mod sandbox;

use examined::examine;
use sandbox::Sandbox;
use sockeye_testkit::{Peer, host_peer::Host};

/// Those of others that are installed.
fn peers() -> impl Iterator<Item = (Host, Peer)> {
    let hosts = [
        Host::Npm4,
        Host::Npm3,
        Host::Npm2,
        Host::PythonAsyncio,
        Host::PythonThreads,
        Host::Oxide,
        Host::Netty,
    ];
    hosts.into_iter().filter_map(|host| Some((host, host.launch(&[])?)))
}

#[test]
fn they_are_well() {
    let sandbox = Sandbox::new("peer-doctor-ok");
    for (host, peer) in peers() {
        let url = format!("{}/imchat", peer.ready());
        let is_old = host.version() == 3;
        let warnings: &[&str] = if is_old { &["eio3-server"] } else { &[] };
        for transport in ["auto", "polling", "websocket"] {
            let examined = examine(&sandbox, &[&url, "--transport", transport]);
            let examined = examined.is("ok", 0).warns(warnings);
            examined.checks(&[("connect", Some(true)), ("heartbeat", Some(true))]);
        }
        let examined = examine(&sandbox, &[&url]);
        examined.checks(&[
            ("polling-eio4", Some(!is_old)),
            ("polling-eio3", is_old.then_some(true)),
            ("websocket-eio4", Some(!is_old)),
            ("websocket-eio3", is_old.then_some(true)),
            ("sticky", Some(true)),
            ("upgrade", Some(true)),
        ]);
    }
}

#[test]
fn the_version_is_told() {
    let sandbox = Sandbox::new("peer-doctor-version");
    for (host, peer) in peers() {
        let (wrong, verdict) = match (host, host.version()) {
            (Host::Npm3, _) => continue, // it speaks both
            (_, 3) => ("4", "eio3-server"),
            (_, _) => ("3", "eio4-only-server"),
        };
        for transport in ["auto", "polling", "websocket"] {
            let args = [peer.ready(), "--eio", wrong, "--transport", transport];
            examine(&sandbox, &args).is(verdict, 6).warns(&[]).fix_works(&sandbox);
        }
    }
}

#[test]
fn what_they_say_no_to_is_told() {
    let sandbox = Sandbox::new("peer-doctor-no");
    for (host, peer) in peers() {
        let url = peer.ready();
        let args = [&*format!("{url}/nowhere"), "--try-nsp", "/imchat", "--timeout", "2s"];
        let examined = examine(&sandbox, &args);
        let command = format!("sockeye listen {url}/imchat ");
        examined.is("unknown-namespace", 7).says("command", &[&command]).fix_works(&sandbox);
        if host.has_guarded() {
            let examined = examine(&sandbox, &[&format!("{url}/guarded")]);
            examined.is("auth-refused", 7).checks(&[("connect", Some(false))]);
        }
        let args = [url, "--path", "/elsewhere/", "--timeout", "2s"];
        let examined = examine(&sandbox, &args).is("wrong-path", 5);
        examined.checks(&[("paths", Some(true))]).fix_works(&sandbox);
    }
}
