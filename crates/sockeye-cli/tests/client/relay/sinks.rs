//! What the server sends, from the wire into the sinks.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    QUEUE,
    http::{address, ask},
    relay, start,
    terminal::kill,
    until,
};
use crate::{sandbox::Sandbox, server::Running, terminal::Terminal};

/// A relay with these sinks whose spool is `spool.db`.
fn args<'a>(url: &'a str, sinks: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["--from", QUEUE, "--to", url, "--spool", "spool.db"];
    for sink in sinks {
        args.extend(["--sink", sink]);
    }
    args
}

#[test]
fn a_file_has_what_was_sent_and_the_metrics_count_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-sink"));
    let args = args(&running.url, &["file:events.jsonl"]);
    let mut peer = start(&sandbox, &[&args[..], &["--listen", "127.0.0.1:0"]].concat());
    let address = address(&until(&mut peer, "\"listening\""));
    assert_eq!(relay(&sandbox, &["put", "--from", QUEUE, "say", "hi"]).code, Some(0));
    let counts = |name: &str| {
        let (status, text) = ask(&address, "GET /metrics HTTP/1.1\r\n", "");
        assert_eq!(status, 200);
        text.lines().any(|line| line == format!("sockeye_relay_ingress_{name}_total 2"))
    };
    while !(counts("received") && counts("stored")) {}
    kill(peer.id(), Signal::TERM);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let lines = std::fs::read_to_string(sandbox.path("events.jsonl")).unwrap();
    let events: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["welcome", "said"]);
    assert_eq!(events[1]["args"], serde_json::json!(["hi"]));
    assert!(std::path::Path::new(&sandbox.path("spool.db")).exists());
}

#[test]
fn a_sink_that_takes_nothing_is_told_until_it_does() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-hook"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    let is_well = Arc::new(AtomicBool::new(false));
    let is_well_now = Arc::clone(&is_well);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let status = match is_well_now.load(Ordering::SeqCst) {
                true => "200 OK",
                false => "503 Service Unavailable",
            };
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let mut peer = start(&sandbox, &args(&running.url, &[&hook]));
    assert!(until(&mut peer, "\"sink-lost\"").contains("503"));
    is_well.store(true, Ordering::SeqCst);
    until(&mut peer, "\"sink-back\"");
    kill(peer.id(), Signal::TERM);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn a_terminal_shows_how_much_has_come() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-sink-terminal"));
    let args = args(&running.url, &["file:events.jsonl", "http://127.0.0.1:1/hook"]);
    let mut command = sandbox.command(&[&["relay"], &args[..]].concat());
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::run(command);
    terminal.expect("received  1 stored");
    terminal.expect("http://127.0.0.1:1 1 behind");
    kill(terminal.id(), Signal::INT);
    // The hook is waited for; who doesn't want to says it again.
    terminal.expect("draining");
    kill(terminal.id(), Signal::INT);
    terminal.expect("drained: 0 confirmed");
    assert_eq!(terminal.code(), Some(130));
}

#[test]
fn what_a_sink_refuses_is_listed_tried_again_and_dropped() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-spool-dead"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer = "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let spool = |what: &[&str]| {
        let args = [&["spool", "dead"], what, &["--spool", "spool.db", "--json"]].concat();
        relay(&sandbox, &args)
    };
    let mut peer = start(&sandbox, &args(&running.url, &[&hook]));
    until(&mut peer, "\"joined\"");
    // The server greets whoever joins.
    let dead = loop {
        let run = spool(&["ls"]);
        if run.code == Some(0) && !run.stdout.is_empty() {
            break serde_json::from_str::<Value>(run.stdout.lines().next().unwrap()).unwrap();
        }
    };
    assert_eq!(dead["record"]["event"], "welcome");
    assert!(dead["reason"].as_str().unwrap().contains("400"), "{dead}");
    let number = dead["number"].to_string();
    assert_eq!(spool(&["retry", &number]).stdout.trim(), r#"{"retried":1}"#);
    while spool(&["ls"]).stdout.contains(&format!("\"number\":{number},")) {}
    kill(peer.id(), Signal::TERM);
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let run = spool(&["drop", "999"]);
    assert!(run.code == Some(2) && run.stderr.contains("no dead record 999"), "{run:?}");
    assert_eq!(spool(&["drop", "--all", "--yes"]).code, Some(0));
    assert_eq!(spool(&["ls"]).stdout, "");
}
