//! Tasks on their way from a queue to a server.

use serde_json::json as value;

use super::{QUEUE, json, relay, start, until};
use crate::{sandbox::Sandbox, server::Running};

#[test]
fn lines_reach_the_server_and_it_ends() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-lines"));
    let args = ["--from", "-", "--queue", QUEUE, "--to", &running.at("/imchat")];
    let mut peer = start(&sandbox, &args);
    for n in 0..3 {
        peer.say(&format!(r#"{{"event":"keep","args":[{n}],"key":"k","id":"{n}"}}"#)).unwrap();
        assert_eq!(
            until(&mut peer, "\"line\""),
            format!(r#"{{"line":{},"id":"{n}","state":"queued"}}"#, n + 1)
        );
    }
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    assert_eq!(running.kept(), [value!(0), value!(1), value!(2)]);
    let stats = &json(&relay(&sandbox, &["stats", "--from", QUEUE]), 0)[0];
    assert_eq!(
        (&stats["ready"], &stats["claimed"], &stats["done"]),
        (&0.into(), &0.into(), &3.into())
    );
}

#[test]
fn a_line_that_is_no_task_is_dead_and_told() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-dead"));
    let args = ["--from", "-", "--queue", QUEUE, "--to", &running.url];
    let mut peer = start(&sandbox, &args);
    peer.say("nonsense").unwrap();
    let told = until(&mut peer, "\"line\"");
    assert!(
        told.contains(r#""state":"invalid","reason":"the task is nonsense; expected"#),
        "{told}"
    );
    assert_eq!(peer.finish().unwrap().code(), Some(2));

    let dead = json(&relay(&sandbox, &["dead", "ls", "--from", QUEUE]), 0);
    assert_eq!(
        (dead.len(), &dead[0]["reason"], &dead[0]["text"]),
        (1, &"invalid".into(), &"nonsense".into())
    );
    let id = dead[0]["id"].as_str().unwrap();
    let shown = json(&relay(&sandbox, &["dead", "show", "--from", QUEUE, id]), 0);
    assert_eq!(shown, dead);
    assert_eq!(json(&relay(&sandbox, &["dead", "retry", "--from", QUEUE, id]), 0)[0]["retried"], 1);
    assert_eq!(json(&relay(&sandbox, &["dead", "ls", "--from", QUEUE]), 0).len(), 0);
    // It is no task the second time, either.
    let mut peer = start(&sandbox, &args);
    until(&mut peer, "\"joined\"");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let run = relay(&sandbox, &["dead", "drop", "--from", QUEUE, "--all", "--yes"]);
    assert_eq!(json(&run, 0)[0]["dropped"], 1);
}

#[cfg(unix)]
#[test]
fn a_signal_drains() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-signal"));
    let mut peer = start(&sandbox, &["--from", QUEUE, "--to", &running.url]);
    until(&mut peer, "\"joined\"");
    let run = relay(&sandbox, &["put", "--from", QUEUE, "keep", "1"]);
    assert_eq!(run.code, Some(0));
    while running.kept().is_empty() {
        std::thread::yield_now();
    }
    super::terminal::kill(peer.id(), rustix::process::Signal::TERM);
    assert!(until(&mut peer, "\"draining\"").contains(r#""state":"draining"}"#));
    until(&mut peer, r#""state":"drained","reason":"1 confirmed""#);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn what_nothing_takes_is_told_once_for_each_name() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-untaken"));
    let mut peer = start(&sandbox, &["--from", QUEUE, "--to", &running.url]);
    for text in ["one", "two"] {
        assert_eq!(relay(&sandbox, &["put", "--from", QUEUE, "say", text]).code, Some(0));
    }
    // What they are answered with has been heard once they are confirmed.
    while json(&relay(&sandbox, &["stats", "--from", QUEUE]), 0)[0]["done"] != 2 {}
    super::terminal::kill(peer.id(), rustix::process::Signal::TERM);
    peer.remaining_lines().unwrap();
    let untaken = |name| format!("the server sends events \"{name}\", and nothing takes them");
    for name in ["welcome", "said"] {
        let told = peer.transcript();
        assert_eq!(told.matches(&untaken(name)).count(), 1, "{name}: {told}");
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_leaves_all_to_the_next() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-signals"));
    let mut peer = start(&sandbox, &["--from", QUEUE, "--to", &running.url]);
    until(&mut peer, "\"joined\"");
    // The server never acknowledges this one.
    relay(&sandbox, &["put", "--from", QUEUE, "--id", "1", "ignore"]);
    let claimed = || json(&relay(&sandbox, &["stats", "--from", QUEUE]), 0)[0]["claimed"] == 1;
    while !claimed() {}
    super::terminal::kill(peer.id(), rustix::process::Signal::TERM);
    until(&mut peer, "\"draining\"");
    super::terminal::kill(peer.id(), rustix::process::Signal::TERM);
    let cut = until(&mut peer, r#""state":"#);
    assert!(cut.contains(r#""state":"cut","reason":"0 confirmed; 1 sent"#), "{cut}");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let waiting = json(&relay(&sandbox, &["peek", "--from", QUEUE]), 0);
    assert_eq!((waiting.len(), &waiting[0]["id"]), (1, &"1".into()));
}

#[test]
fn a_command_signs_each_time() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-auth"));
    let guarded = running.at("/guarded");
    let command = r#"echo '{"token":"secret"}'"#;
    let args = ["--from", "-", "--queue", QUEUE, "--to", &guarded, "--auth-command", command];
    let mut peer = start(&sandbox, &args);
    until(&mut peer, "\"joined\"");
    let transcript = peer.transcript().to_owned();
    assert!(!transcript.contains("secret"), "{transcript}");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}
