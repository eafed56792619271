//! `sockeye listen`: which events, how many, how long, and how it ends.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sockeye_testkit::Peer;

use crate::{
    lines,
    sandbox::{Run, Sandbox},
    server::Running,
    untimed,
};

/// Listens; once its first line is there it is joined, since the server greets everybody.
fn listen(sandbox: &Sandbox, args: &[&str]) -> Peer {
    Peer::launch(sandbox.command(&[&["listen"], args].concat()), "{").unwrap()
}

fn next(peer: &mut Peer) -> String {
    untimed(&peer.next_line().unwrap())
}

#[test]
fn events_are_shown() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen"));
    let mut peer = listen(&sandbox, &[&running.at("/imchat"), "--count", "3"]);
    assert!(peer.ready().contains(r#""event":"welcome""#), "{}", peer.ready());
    running.tell("/imchat", "chat", json!("hi"));
    running.tell("/other", "chat", json!("not for us"));
    running.tell("/imchat", "tick", json!({ "b": 1, "a": [] }));
    let chat = r#"{"dir":"in","nsp":"/imchat","event":"chat","args":["hi"]}"#;
    assert_eq!(next(&mut peer), chat);
    let tick = r#"{"dir":"in","nsp":"/imchat","event":"tick","args":[{"a":[],"b":1}]}"#;
    assert_eq!(next(&mut peer), tick);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn several_namespaces_share_a_connection() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-namespaces"));
    let args = [&*running.url, "--nsp", "/imchat", "--nsp", "other", "--count", "2"];
    let run = sandbox.run(&[&["listen"], &args[..]].concat());
    let mut found = lines(&run, 0);
    found.sort();
    let welcome =
        |nsp: &str| format!(r#"{{"dir":"in","nsp":"{nsp}","event":"welcome","args":[{{}}]}}"#);
    assert_eq!(found, [welcome("/imchat"), welcome("/other")]);
}

#[test]
fn only_what_is_wanted_counts() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-events"));
    let args = [&*running.url, "--states", "--event", "c*t", "--event", "end", "--count", "2"];
    let mut peer = listen(&sandbox, &args);
    assert!(peer.ready().contains(r#""state":"connected","nsp":"/","sid":""#), "{}", peer.ready());
    for name in ["tick", "chat", "chats", "end", "chat"] {
        running.tell("/", name, json!(name));
    }
    assert_eq!(next(&mut peer), r#"{"dir":"in","nsp":"/","event":"chat","args":["chat"]}"#);
    assert_eq!(next(&mut peer), r#"{"dir":"in","nsp":"/","event":"end","args":["end"]}"#);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn it_ends_in_time() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-time"));
    let listen =
        |args: &[&str]| sandbox.run(&[&["listen", &*running.url, "--for", "300ms"], args].concat());
    assert_eq!(lines(&listen(&[]), 0).len(), 1);
    let run = listen(&["--count", "2"]);
    assert_eq!(lines(&run, 8).len(), 1);
    assert!(run.stderr.contains("1 of 2") && run.stderr.contains("--for"), "{run:?}");
    let run = listen(&["--until", "never"]);
    assert_eq!(lines(&run, 10).len(), 1);
    assert!(run.stderr.contains("--until"), "{run:?}");
    // Enough, but not what was waited for.
    assert_eq!(lines(&listen(&["--until", "never", "--count", "1"]), 10).len(), 1);
}

#[test]
fn it_ends_with_what_it_waits_for() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(until: &str) {
        let (running, sandbox) = (Running::start(), Sandbox::new(&format!("listen-{until:.9}")));
        let mut peer = listen(&sandbox, &[&running.url, "--until", until]);
        running.tell("/", "chat", json!({ "from": "Ada", "text": "hi" }));
        running.tell("/", "end", json!({ "from": "Bob", "text": "bye" }));
        running.tell("/", "chat", json!("late"));
        assert!(next(&mut peer).contains("Ada"));
        assert!(next(&mut peer).contains("Bob"));
        assert!(peer.remaining_lines().unwrap().is_empty());
        assert_eq!(peer.finish().unwrap().code(), Some(0));
    }
    check("bye");
    check("end");
    check(r#"{"from":"Bob"}"#);
}

#[test]
fn acks_are_answered_if_told_to() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-acks"));
    let mut peer =
        listen(&sandbox, &[&running.url, "--ack-with", r#"{"ok":true}"#, "--count", "2"]);
    let answer = running.ask("/", "question");
    let question = next(&mut peer);
    let asked = r#"{"dir":"in","nsp":"/","event":"question","args":[],"ack_id":"#;
    assert!(question.starts_with(asked), "{question}");
    assert_eq!(answer(), json!({ "ok": true }));
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

/// Whoever is put out as soon as he is in.
#[test]
fn what_came_before_the_end_is_shown_and_then_the_end() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-last-words"));
    for nsp in ["/door", "/trapdoor"] {
        let url = running.at(nsp);
        let kicked = format!(r#"{{"dir":"in","nsp":"{nsp}","event":"kicked","args":["banned"]}}"#);
        for transport in ["auto", "polling", "websocket"] {
            let run = |args: &[&str]| sandbox.run(&[args, &["--transport", transport]].concat());
            for command in [&["listen", &*url][..], &["pipe", &url, "--linger", "1m"]] {
                let run = run(&[command, &["--states"]].concat());
                let found = lines(&run, 9);
                let [connected, event, closed] = &found[..] else { panic!("{transport}: {run:?}") };
                assert!(connected.contains(r#""state":"connected""#), "{transport}: {run:?}");
                assert!(connected.contains(r#""sid":""#), "{transport}: {run:?}");
                assert_eq!(*event, kicked, "{transport}");
                assert!(closed.contains(r#""state":"closed""#), "{transport}: {run:?}");
                assert!(run.stderr.contains("the server disconnected it"), "{run:?}");
            }
            // Whether or not what is sent is still taken.
            let emitted = run(&["emit", &url, "x", "--wait-event", "kicked"]);
            assert_eq!(lines(&emitted, 0), [&*kicked], "{transport}");
        }
    }
}

#[test]
fn a_lost_connection_ends_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-lost"));
    #[track_caller]
    fn check(peer: Peer, end: impl FnOnce()) {
        let mut peer = peer;
        assert!(peer.ready().contains(r#""state":"connected""#), "{}", peer.ready());
        end();
        let rest = peer.remaining_lines().unwrap();
        let closed: Vec<_> =
            rest.iter().filter(|line| line.contains(r#""state":"closed""#)).collect();
        let [closed] = closed[..] else { panic!("told once: {rest:?}") };
        let closed = untimed(closed);
        let reasons = ["transport close ", "the server disconnected it", "no namespace is left: "];
        let is_told = |reason: &&str| {
            closed.starts_with(&format!(r#"{{"state":"closed","nsp":"/","reason":"{reason}"#))
        };
        assert!(reasons.iter().any(is_told), "{closed}");
        let transcript = peer.transcript().to_owned();
        assert_eq!(peer.finish().unwrap().code(), Some(9), "{transcript}");
        assert!(transcript.contains("● / connected by "), "{transcript}");
        assert_eq!(transcript.matches("● / closed").count(), 1, "{transcript}");
    }
    let (url, flags) = (running.url.clone(), ["--states", "-v"]);
    let args = [&[&*url], &flags[..]].concat();
    let pipe = || Peer::launch(sandbox.command(&[&["pipe"], &args[..]].concat()), "{").unwrap();
    check(listen(&sandbox, &args), || running.cut());
    check(pipe(), || running.cut());
    check(listen(&sandbox, &args), || running.disconnect("/"));
    check(pipe(), || running.disconnect("/"));
    check(listen(&sandbox, &args), || running.close());
}

#[cfg(unix)]
#[test]
fn a_person_who_hears_nothing_is_told_about_namespaces() {
    use crate::terminal::Terminal;

    let (running, sandbox) = (Running::start(), Sandbox::new("listen-silent"));
    let quiet = Running::silent();
    let url = &*quiet.url;
    let listen = |args: &[&str]| {
        let args = [&["listen", "--timeout", "300ms"], args].concat();
        Terminal::run(sandbox.command(&args))
    };
    let mut silent = listen(&[url]);
    silent.expect("nothing came on / so far; ");
    silent.expect("silent-namespace");
    drop(silent);
    for args in [
        &[&*running.url, "--for", "900ms"][..],
        &[url, "--nsp", "/", "--for", "900ms"],
        &[url, "--json", "--states", "--for", "900ms"],
    ] {
        let mut heard = listen(args);
        let shown = heard.expect_end();
        assert!(!shown.contains("so far"), "{args:?}: {shown}");
        assert_eq!(heard.code(), Some(0));
    }
}

#[test]
fn one_namespace_of_several_that_is_lost_ends_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-left"));
    let args = [&*running.url, "--nsp", "/imchat", "--nsp", "/other", "--count", "9"];
    let mut peer = listen(&sandbox, &[&args[..], &["--states"]].concat());
    running.disconnect("/other");
    let rest = peer.remaining_lines().unwrap();
    let closed: Vec<_> = rest.iter().filter(|line| line.contains(r#""state":"closed""#)).collect();
    assert!(closed.len() == 1 && closed[0].contains(r#""nsp":"/other""#), "{rest:?}");
    assert_eq!(peer.finish().unwrap().code(), Some(9));
}

#[test]
fn a_lost_connection_is_made_again_if_told_to() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-again"));
    sandbox.write("tokens", "");
    let args =
        ["--states", "--reconnect", "--until", "done", "--bearer-cmd", "echo x >>tokens; echo x"];
    let mut peer = listen(&sandbox, &[&[&*running.url], &args[..]].concat());
    assert!(next(&mut peer).contains("welcome"));
    running.cut();
    assert!(next(&mut peer).contains(r#""state":"reconnecting""#));
    assert!(next(&mut peer).contains(r#""state":"connected""#));
    assert!(next(&mut peer).contains("welcome"));
    running.tell("/", "done", json!(1));
    assert!(next(&mut peer).contains("done"));
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    // The command for the token ran before each attempt.
    assert_eq!(std::fs::read_to_string(sandbox.path("tokens")).unwrap(), "x\nx\n");
}

#[test]
fn nobody_reads() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-pipe"));
    let mut command = sandbox.command(&["listen", &running.url]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut welcome = String::new();
    stdout.read_line(&mut welcome).unwrap();
    assert!(welcome.contains("welcome"), "{welcome}");
    drop(stdout);
    running.tell("/", "chat", json!("nobody reads it"));
    let output = child.wait_with_output().unwrap();
    let run = Run {
        code: output.status.code(),
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert_eq!((run.code, &*run.stderr), (Some(0), ""));
}

#[test]
fn ctrl_c_ends_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("listen-interrupt"));
    let mut peer = listen(&sandbox, &[&running.url]);
    kill_process(Pid::from_raw(peer.id().try_into().unwrap()).unwrap(), Signal::INT).unwrap();
    peer.remaining_lines().unwrap();
    assert_eq!(peer.finish().unwrap().code(), Some(130));
}
