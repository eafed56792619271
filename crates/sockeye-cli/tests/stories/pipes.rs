//! The command between others in a pipe: `jq` before it and behind it.

use serde_json::json;
use sockeye_testkit::{Peer, pinned};

use crate::{sandbox::Sandbox, server::Running, shell::shell};

#[test]
fn what_is_heard_goes_to_jq() {
    if pinned::program("jq").is_none() {
        return;
    }
    let (running, sandbox) = (Running::start(), Sandbox::new("story-jq"));
    let script = r#"
sockeye listen "$SERVER/imchat" --count 3 |
    jq --unbuffered -r 'if .event == "price" then .args[0] | "\(.symbol) \(.cents / 100)" else .event end'
"#;
    // The server greets everybody who has joined.
    let mut listener = Peer::launch(shell(&sandbox, script, &running.url), "welcome").unwrap();
    running.tell("/imchat", "price", json!({ "symbol": "ACME", "cents": 1250 }));
    running.tell("/imchat", "price", json!({ "symbol": "Ö & é", "cents": 99 }));
    assert_eq!(listener.remaining_lines().unwrap(), ["ACME 12.5", "Ö & é 0.99"]);
    assert_eq!(listener.finish().unwrap().code(), Some(0));
}

#[test]
fn what_jq_makes_is_sent() {
    if pinned::program("jq").is_none() {
        return;
    }
    let (running, sandbox) = (Running::start(), Sandbox::new("story-jq-pipe"));
    sandbox.write("tasks.csv", "1,Ada\n2,Bob\n3,\"Eve, \"\n");
    let script = r#"
jq -c -R 'capture("(?<id>[0-9]+),(?<name>.*)") | {event: "keep", args: [{id: .id | tonumber, name}], ack_id: .id | tonumber}' <tasks.csv |
    sockeye pipe "$SERVER/imchat" | jq -r 'select(.dir == "ack") | .args[0].name'
"#;
    let output = shell(&sandbox, script, &running.url).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Ada\nBob\n\"Eve, \"\n");
    let kept = json!({ "id": 3, "name": "\"Eve, \"" });
    assert_eq!(running.kept().last(), Some(&kept));
}

#[test]
fn whoever_has_enough_goes() {
    let (running, sandbox) = (Running::start(), Sandbox::new("story-head"));
    let script =
        r#"echo '{"event":"burst","args":[1000],"ack_id":1}' | sockeye pipe "$SERVER" | head -n 5"#;
    let output = shell(&sandbox, script, &running.url).output().unwrap();
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 5);
}
