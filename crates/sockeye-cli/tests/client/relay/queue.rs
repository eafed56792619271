//! What is done with a queue, while no relay is at work on it.

use std::{fs::File, process::Stdio};

use super::{QUEUE, json, relay};
use crate::sandbox::{Run, Sandbox};

/// Puts the lines of a file.
pub(super) fn put_lines(sandbox: &Sandbox, text: &str, args: &[&str]) -> Run {
    put_lines_to(QUEUE, sandbox, text, args)
}

/// Puts the lines of a file into a queue.
pub(super) fn put_lines_to(queue: &str, sandbox: &Sandbox, text: &str, args: &[&str]) -> Run {
    let file = File::open(sandbox.write("lines", text)).unwrap();
    let args = [&["relay", "put", "--from", queue], args].concat();
    let output = sandbox.command(&args).stdin(Stdio::from(file)).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[cfg(unix)]
#[test]
fn that_a_full_queue_is_waited_for_is_told() {
    let sandbox = Sandbox::new("relay-full");
    sandbox.write("relay.toml", "[store]\nmax_tasks = 1\n");
    let args = ["relay", "put", "--from", QUEUE, "--config", "relay.toml"];
    let mut child = sandbox
        .command(&args)
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"{\"event\":\"a\"}\n{\"event\":\"b\"}\n").unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert!(line.contains("lines wait"), "{line}");
    super::terminal::kill(child.id(), rustix::process::Signal::TERM);
    child.wait().unwrap();
}

#[test]
fn one_is_put_and_seen() {
    let sandbox = Sandbox::new("relay-put");
    let args = [
        "put",
        "--from",
        QUEUE,
        "--id",
        "1",
        "--key",
        "k",
        "chat",
        "hi",
        "1.50",
        r#"{"$bin":"YQ=="}"#,
    ];
    for state in ["queued", "known"] {
        let run = relay(&sandbox, &args);
        assert_eq!(
            (run.code, &*run.stdout),
            (Some(0), &*format!("{{\"id\":\"1\",\"state\":\"{state}\"}}\n"))
        );
    }
    let run = relay(&sandbox, &["peek", "--from", QUEUE]);
    let task = r#"{"id":"1","key":"k","event":"chat","args":["hi",1.50,{"$bin":"YQ=="}]}"#;
    assert!(run.stdout.contains(&format!(r#""task":{task}"#)), "{run:?}");
    assert!(
        run.stdout.starts_with(r#"{"id":"1","state":"queued","attempts":0,"since":""#),
        "{run:?}"
    );

    relay(&sandbox, &["put", "--from", QUEUE, "--not-before", "1h", "later"]);
    let stats = &json(&relay(&sandbox, &["stats", "--from", QUEUE]), 0)[0];
    assert_eq!(
        (&stats["ready"], &stats["delayed"], &stats["paused"]),
        (&1.into(), &1.into(), &false.into())
    );
    let keys: Vec<_> = stats.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 9, "{keys:?}");
}

#[test]
fn lines_are_put_and_mistakes_told() {
    let sandbox = Sandbox::new("relay-put-lines");
    let run = put_lines(
        &sandbox,
        "\u{feff}{\"event\":\"a\",\"id\":\"1\"}\r\n\n{\"event\":\"a\",\"id\":\"1\"}\n",
        &[],
    );
    let expect = "{\"line\":1,\"id\":\"1\",\"state\":\"queued\"}\n{\"line\":3,\"id\":\"1\",\"state\":\"known\"}\n";
    assert_eq!((run.code, &*run.stdout), (Some(0), expect));
    let long = format!(
        "{{\"event\":\"{}\"}}\nnonsense\n{{\"event\":\"b\",\"id\":\"2\"}}\n",
        "x".repeat(2_000)
    );
    let run = put_lines(&sandbox, &long, &["--max-line", "1KB"]);
    let states: Vec<_> = json(&run, 2).iter().map(|line| line["state"].clone()).collect();
    assert_eq!(states, ["too-long", "invalid", "queued"]);
    for told in [
        "line 1 of standard input: 2012 bytes; a line may have at most 1000\n",
        "line 2 of standard input: the task is nonsense; expected an object",
        "lines of standard input that were no tasks: 2",
    ] {
        assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
    }
    let waiting = json(&relay(&sandbox, &["peek", "--from", QUEUE]), 0);
    assert_eq!(waiting.len(), 3);
    assert_eq!(waiting[1]["text"], "nonsense");
    // What would be emitted is seen, and what would not is told.
    let run = relay(&sandbox, &["--from", QUEUE, "--dry-run"]);
    assert_eq!(json(&run, 10).len(), 2);
    assert!(run.stderr.contains("tasks that are none, and would lie among the dead: 1"), "{run:?}");
    assert_eq!(json(&relay(&sandbox, &["peek", "--from", QUEUE]), 0).len(), 3);
}

#[test]
fn claiming_is_paused_and_resumed() {
    let sandbox = Sandbox::new("relay-pause");
    for (command, is_paused) in [("pause", true), ("resume", false)] {
        assert_eq!(json(&relay(&sandbox, &[command, "--from", QUEUE]), 0)[0]["paused"], is_paused);
        assert_eq!(json(&relay(&sandbox, &["stats", "--from", QUEUE]), 0)[0]["paused"], is_paused);
    }
}

#[test]
fn mistakes_name_what_to_change() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(args: &[&str], code: i32, expect: &str) {
        let run = relay(&Sandbox::new("relay-mistakes"), args);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert!(run.stderr.contains(expect), "{run:?}");
    }
    check(&["stats", "--config", "nowhere.toml"], 2, "nowhere.toml: ");
    check(&["stats", "--from", "nonsense"], 2, "expected something like --from sqlite:relay.db");
    check(&["stats", "--from", "sqlite:/nowhere/at/all.db"], 2, "/nowhere/at/all.db");
    check(&["put", "--from", QUEUE, "--key", "k"], 2, "EVENT");
    check(&["put", "--from", QUEUE, "--not-before", "soon", "e"], 2, "2026-12-01T08:00:00Z");
    check(&["put", "--from", QUEUE, ""], 2, "event is \"\"; expected the name of the event");
    check(&["dead", "show", "--from", QUEUE, "none"], 2, "no task \"none\" among the dead");
    check(&["dead", "retry", "--from", QUEUE], 2, "--all");
    check(&["dead", "drop", "--from", QUEUE, "--all"], 2, "--yes");
    check(
        &["--from", QUEUE, "--queue", QUEUE, "--to", "http://127.0.0.1:1"],
        2,
        "leave --queue out",
    );
    check(&["--from", QUEUE], 2, "--to");
    check(&["--from", QUEUE, "--to", "ftp://127.0.0.1:1"], 2, "can't be connected to by \"ftp\"");
    check(
        &["--from", QUEUE, "--to", "http://127.0.0.1:1", "--listen", "0.0.0.0:0"],
        2,
        "--token-file FILE",
    );
    check(&["--from", QUEUE, "--to", "http://127.0.0.1:1", "--token-file", "none"], 2, "none: ");
    check(
        &["--from", QUEUE, "--to", "http://127.0.0.1:1", "--confirm", "maybe"],
        2,
        "none written ack event",
    );
}

#[test]
fn a_redis_that_is_not_there_is_a_matter_of_the_network() {
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://me:s3cret@127.0.0.1:{port}?list=tasks");
    let run = relay(&Sandbox::new("relay-redis"), &["stats", "--from", &url]);
    assert_eq!(run.code, Some(3), "{run:?}");
    assert!(!run.stderr.contains("s3cret"), "{run:?}");
}
