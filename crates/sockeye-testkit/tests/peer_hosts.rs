//! Every server for our client's tests keeps their contract: npm's client says so, and their records outlive them.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{fs, path::Path};

use serde_json::{Value, json};
use sockeye_testkit::{Peer, PeerError, host_peer::Host, matrix, pinned};

#[test]
fn npm_4() {
    check(Host::Npm4, "4");
}

#[test]
fn npm_3() {
    check(Host::Npm3, "3");
}

#[test]
fn npm_2() {
    check(Host::Npm2, "2");
}

/// Lets npm's client of that version check it, kills it and reads its record.
#[track_caller]
fn check(host: Host, client: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let record = folder.join(format!("record-{host:?}.jsonl"));
    let _ = fs::remove_file(&record); // there is none the first time
    let Some(server) = host.launch(&["--record", record.to_str().unwrap()]) else { return };
    let Some(mut command) = pinned::node("js/host_client.mjs") else { return };
    command.args(["--client", client, server.ready()]);
    let mut client = Peer::launch_for(matrix::PATIENCE, command, "").unwrap();
    let mut passed = vec![client.ready().to_owned()];
    while passed.last().unwrap() != "ok records" {
        match client.next_line() {
            Ok(line) => passed.push(line),
            Err(error @ PeerError::Ended { .. }) => panic!("{host:?}: {error}"),
            Err(error) => panic!("{host:?}: {error}\nthe server:\n{}", server.transcript()),
        }
    }
    drop(server);
    assert!(passed.iter().all(|line| line.starts_with("ok ")), "{host:?}: {passed:#?}");
    assert_eq!(passed.len(), 12, "{host:?}: {passed:#?}");
    let lines = fs::read_to_string(record).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expect = [
        json!({"event": "message", "args": [7, "é"]}),
        json!({"event": "action", "args": ["b", {"is": null}]}),
        json!({"event": "chat", "args": [9]}),
    ];
    assert_eq!(lines, expect, "{host:?}");
}
