//! A relay that is told what to do by its file.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json as value};

use super::{json, queue::put_lines, relay, start, terminal::kill, until};
use crate::{sandbox::Sandbox, server::Running};

/// A file for this server, in which producers of others are read, and what the server says goes to a file.
fn file(server: &str) -> String {
    format!(
        r#"
from = "sqlite:relay.db"

[to]
url = "{server}"
auth = {{ token = "s3cret" }}

[task]
event = "$.type"
args = ["$.data"]
id = "$.id"

[[sink]]
to = "file:heard.ndjson"
events = ["welc*"]
"#
    )
}

#[test]
fn the_file_says_it_all() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-file"));
    sandbox.write("relay.toml", file(&running.at("/imchat")));
    let lines = r#"{"type":"keep","data":{"n":1},"id":1}
{"type":"keep","data":2,"id":2}
{"data":3}
"#;
    let run = put_lines(&sandbox, lines, &["--json"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(
        run.stderr.contains("line 3 of standard input: event: nothing is at $.type"),
        "{run:?}"
    );
    let dry = relay(&sandbox, &["--dry-run"]);
    let shown = json(&dry, 10);
    assert_eq!((&shown[0]["event"], &shown[0]["args"]), (&"keep".into(), &value!([{"n": 1}])));
    assert_eq!(shown[0]["id"], "1");
    assert!(shown[0]["target"].as_str().unwrap().starts_with("127.0.0.1:"), "{dry:?}");
    assert!(dry.stderr.contains("task 3, "), "its place and its id: {dry:?}");
    assert!(dry.stderr.contains(": event: nothing is at $.type"), "{dry:?}");

    let mut peer = start(&sandbox, &[]);
    until(&mut peer, "\"joined\"");
    while running.kept().len() < 2 {
        std::thread::yield_now();
    }
    kill(peer.id(), Signal::TERM);
    until(&mut peer, "\"drained\"");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    assert_eq!(running.kept(), [value!({"n": 1}), value!(2)]);
    let heard = fs::read_to_string(sandbox.path("heard.ndjson")).unwrap();
    let heard: Vec<Value> = heard.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&heard[0]["event"], &heard[0]["nsp"]), (&"welcome".into(), &"/imchat".into()));
    assert_eq!(json(&relay(&sandbox, &["dead", "ls"]), 0).len(), 1);
}

#[test]
fn flags_lie_over_the_file() {
    let sandbox = Sandbox::new("relay-flags");
    sandbox.write("relay.toml", file("http://127.0.0.1:1/imchat"));
    let run = relay(&sandbox, &["--print-config", "--confirm", "written", "--nsp", "/other"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for line in
        ["confirm = \"written\"", "nsp = \"/other\"", "event = \"$.type\"", "in_flight = 64"]
    {
        assert!(run.stdout.contains(line), "{line}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("s3cret"), "{}", run.stdout);
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line() {
    let sandbox = Sandbox::new("relay-wrong");
    sandbox.write("relay.toml", "from = \"sqlite:relay.db\"\n[delivery]\nconfrim = \"ack\"\n");
    for args in [&["--to", "http://127.0.0.1:1"][..], &["stats"], &["put", "e"]] {
        let run = relay(&sandbox, args);
        assert_eq!(run.code, Some(2), "{run:?}");
        let expect = "relay.toml:3: unknown key \"confrim\"; did you mean \"confirm\"?";
        assert!(run.stderr.contains(expect), "{run:?}");
    }
}

/// Nobody reads half of the file.
fn replace(sandbox: &Sandbox, text: &str) {
    fs::rename(sandbox.write("relay.new", text), sandbox.path("relay.toml")).unwrap();
}

#[test]
fn settings_change_at_work_and_nothing_is_lost() {
    const TASKS: usize = 300;

    let (running, sandbox) = (Running::start(), Sandbox::new("relay-reload"));
    let usual = file(&running.at("/imchat"));
    sandbox.write("relay.toml", &*usual);
    let mut peer = start(&sandbox, &[]);
    until(&mut peer, "\"joined\"");
    for batch in 0..10 {
        let lines: Vec<String> = (0..TASKS / 10)
            .map(|n| format!(r#"{{"type":"keep","data":{},"id":"{batch}-{n}"}}"#, batch * 30 + n))
            .collect();
        let run = put_lines(&sandbox, &lines.join("\n"), &[]);
        assert_eq!(run.code, Some(0), "{run:?}");
        let text = match batch % 3 {
            0 => "[delivery]\nin_flight = 0".to_owned(), // the old settings stay
            1 => format!("{usual}\n[delivery]\nin_flight = 2"),
            _ => usual.clone(),
        };
        replace(&sandbox, if batch == 9 { &usual } else { &text });
        kill(peer.id(), Signal::HUP);
        // The queue's other users read the file, too.
        replace(&sandbox, &usual);
    }
    while running.kept().len() < TASKS {
        std::thread::yield_now();
    }
    kill(peer.id(), Signal::TERM);
    until(&mut peer, "\"drained\"");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let mut kept: Vec<u64> = running.kept().iter().filter_map(Value::as_u64).collect();
    kept.sort_unstable();
    assert_eq!(kept, (0..TASKS as u64).collect::<Vec<_>>());
}

#[test]
fn a_reload_sends_no_task_to_another_server() {
    let (one, two, sandbox) = (Running::start(), Running::start(), Sandbox::new("relay-swap"));
    let part =
        |server: &str, key: &str| format!("[[to]]\nurl = \"{server}\"\nkeys = [\"{key}\"]\n");
    let [a, b] = [part(&one.url, "a*"), part(&two.url, "b*")];
    sandbox.write("relay.toml", format!("from = \"sqlite:relay.db\"\n{a}{b}"));
    let mut peer = start(&sandbox, &["--log", "info"]);
    until(&mut peer, "\"joined\"");
    until(&mut peer, "\"joined\"");
    replace(&sandbox, &format!("from = \"sqlite:relay.db\"\n{b}{a}"));
    kill(peer.id(), Signal::HUP);
    for key in ["a1", "b1"] {
        let put = relay(&sandbox, &["put", "--from", "sqlite:relay.db", "--key", key, "keep", key]);
        assert_eq!(put.code, Some(0), "{put:?}");
    }
    while one.kept().is_empty() || two.kept().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!((one.kept(), two.kept()), (vec![value!("a1")], vec![value!("b1")]));
}

#[test]
fn standard_output_is_one_thing() {
    let sandbox = Sandbox::new("relay-stdout");
    for more in [&["--json"][..], &["--from", "-"]] {
        let args = [&["--to", "http://127.0.0.1:1", "--sink", "-"], more].concat();
        let run = relay(&sandbox, &args);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("standard output can't be a sink"), "{run:?}");
    }
}

#[test]
fn it_ends_once_nobody_reads_what_the_server_sends() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-pipe"));
    let mut command = sandbox.command(&["relay", "--to", &running.url, "--sink", "-"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
    let heard: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(heard["event"], "welcome");
    drop(lines);
    // The next event finds nobody.
    let put = relay(&sandbox, &["put", "--from", "sqlite:relay.db", "say", "hi"]);
    assert_eq!(put.code, Some(0), "{put:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_promised_depends_on_the_configuration() {
    let sandbox = Sandbox::new("relay-explain");
    sandbox
        .write("written.toml", "to = \"http://127.0.0.1:1\"\n[delivery]\nconfirm = \"written\"\n");
    let explain = |args: &[&str]| {
        let run = relay(&sandbox, &[&["--explain"], args].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout
    };
    let acked = explain(&["--to", "http://127.0.0.1:1"]);
    assert!(acked.starts_with("Tasks are done once the server has acknowledged them"), "{acked}");
    let written = explain(&["--config", "written.toml"]);
    assert!(written.starts_with("Tasks are done once their bytes are written"), "{written}");
    let list = explain(&["--config", "written.toml", "--from", "redis://127.0.0.1:1?list=tasks"]);
    assert!(list.contains("\nStore     Redis"), "{list}");
}

#[test]
fn what_could_not_run_is_not_explained() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(args: &[&str], expect: &str) {
        let run = relay(&Sandbox::new("relay-explain-wrong"), &[&["--explain"], args].concat());
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(expect), "{run:?}");
        assert!(!run.stderr.contains("s3cret"), "{run:?}");
    }
    let to = ["--to", "http://127.0.0.1:1"];
    check(&[], "no server is named");
    check(&["--to", "127.0.0.1:1"], "to.url: 127.0.0.1:1 can't be connected to");
    check(&[&to[..], &["--from", "127.0.0.1:6379"]].concat(), "redis://127.0.0.1:6379?list=tasks");
    check(&[&to[..], &["--from", "redis://h/tasks"]].concat(), "either ?list=tasks");
    check(&[&to[..], &["--from", "redis://:pa/s3cret@h?list=t"]].concat(), "write / as %2F");
    check(&[&to[..], &["--listen", "0.0.0.0:0"]].concat(), "--token-file FILE");
    check(&[&to[..], &["--sink", "-", "--from", "-"]].concat(), "standard output can't be a sink");
    check(&[&to[..], &["--sink", "nowhere"]].concat(), "expected redis://host/0?stream=NAME");
}

#[test]
fn secrets_in_places_are_not_printed() {
    let sandbox = Sandbox::new("relay-places");
    let args =
        ["--print-config", "--to", "https://h/ns?token=s3cret", "--sink", "https://h/s3cret/x"];
    let run = relay(&sandbox, &[&args[..], &["--from", "redis://:s3/cret@h?list=t"]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    for shown in ["https://h/ns?token=(hidden)", "https://h/(hidden)", "redis://(hidden)@h?list=t"]
    {
        assert!(run.stdout.contains(shown), "{shown}: {}", run.stdout);
    }
    assert!(!run.stdout.contains("s3cret") && !run.stdout.contains("s3/cret"), "{}", run.stdout);
}

#[test]
fn a_dry_run_reads_tasks_as_the_relay_does() {
    let sandbox = Sandbox::new("relay-dry");
    let part = |at: u8| format!("[[to]]\nname = \"{at}\"\nurl = \"http://127.0.0.1:{at}\"\n");
    let file = format!(
        "from = \"sqlite:relay.db\"\n{}keys = [\"a\"]\n{}keys = [\"b\"]\n",
        part(1),
        part(2)
    );
    sandbox.write("relay.toml", file);
    let lines = r#"{"id":"1","event":"e","key":"b","nsp":"/n","args":[123456789012345678901234567890,{"$bin":"AP8="}]}
{"id":"2","event":"e","key":"c"}
{"id":"3","event":"connect","key":"a"}
"#;
    put_lines(&sandbox, lines, &[]);
    let dry = relay(&sandbox, &["--dry-run"]);
    let expect = r#"{"id":"1","event":"e","args":[123456789012345678901234567890,{"$bin":"AP8="}],"key":"b","nsp":"/n","target":"2"}"#;
    assert_eq!((dry.code, dry.stdout.trim_end()), (Some(10), expect));
    assert!(dry.stderr.contains("task 2, 2: no connection is for the key \"c\""), "{dry:?}");
    assert!(dry.stderr.contains("event is \"connect\"; expected another name"), "{dry:?}");
}

#[test]
fn a_constant_that_may_be_meant_as_a_path_is_told() {
    let sandbox = Sandbox::new("relay-constant");
    let file = |event: &str| {
        format!("from = \"sqlite:relay.db\"\n[task]\nevent = '{event}'\nargs = [\"$.data\"]\n")
    };
    sandbox.write("relay.toml", file("type"));
    let lines = "{\"type\":\"message\",\"data\":1}\n{\"type\":\"message\",\"data\":2}\n";
    put_lines(&sandbox, lines, &[]);
    let dry = relay(&sandbox, &["--dry-run"]);
    assert_eq!(json(&dry, 0)[0]["event"], "type");
    assert_eq!(dry.stderr.matches("write event = \"$.type\"").count(), 1, "once: {dry:?}");
    // Behind a backslash it is meant, and what it is no member of can't be a path.
    for event in ["\\type", "kind"] {
        sandbox.write("relay.toml", file(event));
        let dry = relay(&sandbox, &["--dry-run"]);
        assert_eq!(json(&dry, 0)[0]["event"], event.trim_start_matches('\\'));
        assert!(!dry.stderr.contains("write event"), "{dry:?}");
    }
}

#[test]
fn flags_are_not_for_one_of_several_servers() {
    let sandbox = Sandbox::new("relay-many");
    let part = |at: u8| format!("[[to]]\nname = \"{at}\"\nurl = \"http://127.0.0.1:{at}\"\n");
    sandbox.write("relay.toml", part(1) + &part(2));
    let run =
        relay(&sandbox, &["--config", "relay.toml", "--print-config", "--from", "sqlite:q.db"]);
    assert_eq!((run.code, run.stdout.matches("[[to]]").count()), (Some(0), 2), "{run:?}");
    let one = ["--config", "relay.toml", "--to", "http://127.0.0.1:3"];
    let run = relay(&sandbox, &one);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("the file names several servers, and flags are for one"),
        "{run:?}"
    );
}

#[test]
fn that_tasks_which_cannot_be_sent_take_all_places_is_told_once() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-crowded"));
    let absent = "[[to]]\nurl = \"http://127.0.0.1:1\"\nkeys = [\"b\"]\n";
    let there = format!("[[to]]\nurl = \"{}\"\n", running.url);
    sandbox.write("relay.toml", format!("[delivery]\nin_flight = 1\n{there}{absent}"));
    let lines = "{\"event\":\"keep\",\"key\":\"b\"}\n".repeat(100);
    super::queue::put_lines_to("sqlite:relay.db", &sandbox, &lines, &[]);
    let mut command = sandbox.command(&["relay", "--from", "sqlite:relay.db", "--log", "warn"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        line
    };
    while !next().contains("wait for a connection, or behind one that failed: no more are claimed")
    {
    }
    kill(child.id(), Signal::TERM);
    let rest: Vec<String> =
        std::iter::from_fn(|| Some(next()).filter(|line| !line.is_empty())).collect();
    assert!(!rest.iter().any(|line| line.contains("no more are claimed")), "{rest:?}");
    child.wait().unwrap();
}
