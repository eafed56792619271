//! A script that cron runs: it reports a backup, and its exit codes decide whether it tries again.

use std::net::TcpListener;

use serde_json::json;
use sockeye_testkit::proxy::{Mode, Proxy};

use crate::{sandbox::Sandbox, server::Running, shell::shell};

/// Ends with 0 once the server has it, with 75 if somebody should try again later, with 1 if that is of no use.
const SCRIPT: &str = r#"
set -u
for attempt in 1 2 3; do
    sockeye emit "$SERVER" keep '{"backup":"db1"}' --expect '{"backup":"db1"}' --timeout 5s >ack 2>>log
    case $? in
        0) exit 0 ;;
        3 | 5 | 8 | 9) ;;     # the network, a server that starts or is slow: the next attempt may do better
        *) exit 1 ;;          # a mistake of ours: it would fail for ever
    esac
    "$WAIT"
done
exit 75
"#;

/// Runs it; its exit code, and how often something went wrong.
fn run(sandbox: &Sandbox, server: &str, wait: &str) -> (Option<i32>, usize) {
    sandbox.write("log", "");
    let status = shell(sandbox, SCRIPT, server).env("WAIT", wait).status().unwrap();
    let log = std::fs::read_to_string(sandbox.path("log")).unwrap();
    (status.code(), log.lines().count())
}

#[test]
fn the_server_has_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("story-cron"));
    assert_eq!(run(&sandbox, &running.at("/imchat"), "true"), (Some(0), 0));
    assert_eq!(running.kept(), [json!({ "backup": "db1" })]);
    let ack = std::fs::read_to_string(sandbox.path("ack")).unwrap();
    assert!(ack.contains(r#""dir":"ack","nsp":"/imchat","event":"keep""#), "{ack}");
}

#[test]
fn nobody_is_there_and_it_gives_up_for_now() {
    let sandbox = Sandbox::new("story-cron-down");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(run(&sandbox, &url, "true"), (Some(75), 3));
}

#[test]
fn the_server_comes_back_while_it_waits() {
    let (running, sandbox) = (Running::start(), Sandbox::new("story-cron-back"));
    let proxy = Proxy::start(&running.url);
    proxy.set(Mode::Refuse);
    // It waits until this test has seen its first attempt fail.
    sandbox.write("wait", "#!/bin/sh\nuntil [ -e back ]; do sleep 0.05; done\n");
    let mut script = shell(&sandbox, &format!("chmod +x wait; touch log\n{SCRIPT}"), &proxy.url());
    let mut script = script.env("WAIT", "./wait").spawn().unwrap();
    let failed =
        || std::fs::read_to_string(sandbox.path("log")).is_ok_and(|log| log.ends_with('\n'));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !failed() {
        assert!(std::time::Instant::now() < deadline, "no attempt has failed");
        std::thread::yield_now();
    }
    proxy.set(Mode::Pass);
    sandbox.write("back", "");
    assert_eq!(script.wait().unwrap().code(), Some(0));
    assert_eq!(running.kept(), [json!({ "backup": "db1" })]);
}

#[test]
fn a_mistake_is_not_tried_again() {
    let (running, sandbox) = (Running::start(), Sandbox::new("story-cron-mistake"));
    // The namespace does not exist; the server says no; the answer is another.
    for mistake in [running.at("/nowhere"), running.at("/guarded"), "htp://host".to_owned()] {
        assert_eq!(run(&sandbox, &mistake, "true"), (Some(1), 1), "{mistake}");
    }
}
