//! A job of a CI that has to see an event, and fails with a code of its own if another comes.

use serde_json::json;
use sockeye_testkit::Peer;

use crate::{sandbox::Sandbox, server::Running, shell::shell};

/// Listens for the end of a deployment; what came is kept for whoever reads the job.
const SCRIPT: &str = r#"
sockeye listen "$SERVER/imchat" --until '{"state":"done"}' --count 3 --timeout 10s | tee events.ndjson
"#;

/// Runs the job against a server that tells these states, after a greeting.
fn run(test: &str, states: &[&str]) -> (Option<i32>, String) {
    let (running, sandbox) = (Running::start(), Sandbox::new(test));
    sandbox.write("job", SCRIPT);
    // As a CI runs it: a pipe fails if any part of it does.
    let script = "exec bash -o pipefail job";
    let mut job = Peer::launch(shell(&sandbox, script, &running.url), "{").unwrap();
    for state in states {
        running.tell("/imchat", "deployment", json!({ "id": 7, "state": state }));
    }
    job.remaining_lines().unwrap();
    let code = job.finish().unwrap().code();
    (code, std::fs::read_to_string(sandbox.path("events.ndjson")).unwrap())
}

#[test]
fn the_event_comes() {
    let (code, events) = run("story-ci", &["running", "done", "running"]);
    assert_eq!((code, events.lines().count()), (Some(0), 3), "{events}");
    assert!(events.ends_with("\"state\":\"done\"}]}\n"), "{events}");
}

#[test]
fn another_comes() {
    let (code, events) = run("story-ci-other", &["running", "failed"]);
    assert_eq!((code, events.lines().count()), (Some(10), 3), "{events}");
}

#[test]
fn an_answer_is_checked_in_one_line() {
    let (running, sandbox) = (Running::start(), Sandbox::new("story-ci-line"));
    let script = r#"
set -e
sockeye emit "$SERVER" echo '{"version":"1.4.2","ready":true}' --expect '{"ready":true}'
sockeye emit "$SERVER" echo '{"version":"1.4.2","ready":false}' --expect '{"ready":true}'
echo not reached
"#;
    let output = shell(&sandbox, script, &running.url).output().unwrap();
    assert_eq!(output.status.code(), Some(10), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 2);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--expect does not hold"));
}
