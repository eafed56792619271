//! `sockeye doctor --watch` at other people's servers: none of them minds what the talking link says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "serve/sandbox.rs"]
mod sandbox;

use sandbox::Sandbox;
use serde_json::Value;
use sockeye_testkit::host_peer::Host;

/// Those of others.
const HOSTS: [Host; 7] = [
    Host::Npm4,
    Host::Npm3,
    Host::Npm2,
    Host::PythonAsyncio,
    Host::PythonThreads,
    Host::Oxide,
    Host::Netty,
];

/// The last line of a run, and those of its two links.
#[track_caller] // a failure points at the row, not at this function
fn watch(sandbox: &Sandbox, args: &[&str], code: i32) -> [Value; 3] {
    let run = sandbox.run(&[&["doctor", "--json"], args].concat());
    assert_eq!(run.code, Some(code), "{args:?}: {run:?}");
    let lines: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let link = |name: &str| lines.iter().find(|line| line["check"] == name).unwrap().clone();
    [lines.last().unwrap().clone(), link("watch-idle"), link("watch-talking")]
}

#[test]
fn links_last() {
    let sandbox = Sandbox::new("peer-watch-lasts");
    for host in HOSTS {
        // Python's takes whole seconds.
        let Some(peer) = host.launch(&["--ping-interval", "1000", "--ping-timeout", "5000"]) else {
            continue;
        };
        let url = &format!("{}/imchat", peer.ready());
        for transport in ["auto", "polling"] {
            let args = [&**url, "--watch", "1800ms", "--transport", transport];
            let [last, idle, talking] = watch(&sandbox, &args, 0);
            for link in [idle, talking] {
                assert_eq!(link["ok"], true, "{host:?} {transport}: {link} {last}");
                let connection = &link["evidence"]["connections"][0];
                let beats = connection["heartbeats"].as_u64().unwrap();
                assert!(beats >= 1, "{host:?} {transport}: {link}");
            }
        }
    }
}

#[test]
fn old_servers_cut_new_clients() {
    let sandbox = Sandbox::new("peer-watch-old");
    for host in [Host::Npm2, Host::Netty] {
        let Some(peer) = host.launch(&["--ping-interval", "800", "--ping-timeout", "700"]) else {
            continue;
        };
        let args = [peer.ready(), "--watch", "20s", "--eio", "4"];
        let [last, idle, _] = watch(&sandbox, &args, 9);
        assert_eq!(last["verdict"], "version-drop", "{host:?}: {last}");
        assert!(last["cause"].as_str().unwrap().contains("(1.5 s)"), "{host:?}: {last}");
        assert_eq!(idle["evidence"]["drops"], 1, "{host:?}: {idle}");
    }
}
