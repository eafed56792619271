//! `sockeye pipe`: lines of JSON both ways.

use serde_json::json;
use sockeye_testkit::Peer;

use crate::{sandbox::Sandbox, server::Running, untimed};

/// Pipes; once its first line is there it is joined, since the server greets everybody.
fn pipe(sandbox: &Sandbox, args: &[&str]) -> Peer {
    Peer::launch(sandbox.command(&[&["pipe"], args].concat()), "{").unwrap()
}

fn next(peer: &mut Peer) -> String {
    untimed(&peer.next_line().unwrap())
}

#[test]
fn events_go_both_ways() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe"));
    let mut peer = pipe(&sandbox, &[&running.url]);
    peer.say(r#"{"event":"say","args":[1.50,{"$bin":"AP8="}]}"#).unwrap();
    let said = r#"{"dir":"in","nsp":"/","event":"said","args":[1.50,{"$bin":"AP8="}]}"#;
    assert_eq!(next(&mut peer), said);
    // As it was given, but for the attachment.
    let exact = r#"{"z":12345678901234567890123,"b":{"$bin":"AQI="},"a":[1e400,"\ud800","{\"$bin\":\"\"}"]}"#;
    peer.say(&format!(r#"{{"event":"say","args":[{exact}]}}"#)).unwrap();
    let whole = format!(r#""dir":"in","nsp":"/","event":"said","args":[{exact}]}}"#);
    let line = peer.next_line().unwrap();
    assert!(line.ends_with(&whole), "{line}");
    peer.say(&line.replace("said", "say")).unwrap();
    assert!(peer.next_line().unwrap().ends_with(&whole));
    // What it prints can be fed to it.
    peer.say("").unwrap();
    peer.say(&said.replace("said", "say")).unwrap();
    assert_eq!(next(&mut peer), said);
    peer.say(r#"{"event":"echo","args":["a"],"ack_id":7}"#).unwrap();
    let ack = next(&mut peer);
    let expect = r#"{"dir":"ack","nsp":"/","event":"echo","args":["a"],"ack_id":7,"rtt_ms":"#;
    assert!(ack.starts_with(expect), "{ack}");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn attachments_that_were_saved_are_sent_again() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-saved"));
    let mut peer = pipe(&sandbox, &[&running.url, "--save-bin", "got"]);
    peer.say(r#"{"event":"say","args":[{"deep":[{"$bin":"AP8="}]}]}"#).unwrap();
    let first = next(&mut peer);
    assert!(first.contains(r#"{"$bin_file":"got/"#), "{first}");
    // The states that a command prints want nothing.
    peer.say(r#"{"t":"2026-12-01T00:00:00.000Z","state":"connected","nsp":"/"}"#).unwrap();
    peer.say(&first.replace("said", "say")).unwrap();
    let again = next(&mut peer);
    let hash =
        |line: &str| line.split_once(r#""len":2,"sha256":"#).map(|(_, hash)| hash.to_owned());
    assert!(again != first && hash(&first).is_some() && hash(&again) == hash(&first), "{again}");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    // What the line says of a folder opens none.
    for (options, expect) in [(&[][..], "--save-bin DIR"), (&["--save-bin", "other"], "got/")] {
        let mut peer = pipe(&sandbox, &[&[&*running.url], options].concat());
        peer.say(&first.replace("said", "say")).unwrap();
        assert!(peer.remaining_lines().unwrap().is_empty());
        assert!(peer.transcript().contains(expect), "{}", peer.transcript());
        assert_eq!(peer.finish().unwrap().code(), Some(2));
    }
}

#[test]
fn standard_input_may_begin_with_a_mark_of_windows() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-mark"));
    sandbox.write("auth.json", "\u{feff}{\"token\":\"secret\"}");
    sandbox.write("arg.json", "\u{feff}{\"a\":1}");
    let url = running.at("/guarded");
    let mut peer = pipe(&sandbox, &[&url, "--auth", "@auth.json"]);
    // So may each line, where files were put one behind the other.
    for n in [1, 2] {
        peer.say(&format!("\u{feff}{{\"event\":\"say\",\"args\":[{n}]}}")).unwrap();
        assert!(next(&mut peer).contains(&format!(r#""args":[{n}]"#)));
    }
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    let given = "\u{feff}{\"token\":\"secret\"}";
    let emit = ["emit", &url, "echo", "\u{feff}[1]", "--expect", "\u{feff}[1]"];
    let run = sandbox.run(&[&emit[..], &["--auth", given]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = sandbox.command(&emit).env("SOCKEYE_AUTH", given).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let token = ["--bearer-cmd", r"printf '\357\273\277abc\n'"];
    let emit = ["emit", &*running.url, "headers", "authorization", "--ack"];
    let run = sandbox.run(&[&emit[..], &token].concat());
    assert!(run.code == Some(0) && run.stdout.contains("Bearer abc"), "{run:?}");
    let mut peer = Peer::launch(sandbox.command(&["repl", &running.url]), "{").unwrap();
    peer.say("\u{feff}say @arg.json").unwrap();
    assert!(next(&mut peer).contains(r#""args":[{"a":1}]"#));
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn what_its_lines_come_from_is_not_read_for_anything_else() {
    let sandbox = Sandbox::new("pipe-stdin");
    for command in ["pipe", "repl"] {
        let run = sandbox.run(&[command, "http://127.0.0.1:1", "--auth", "@-"]);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("--auth @FILE"), "{run:?}");
    }
    let run = sandbox.run(&["emit", "http://127.0.0.1:1", "a", "@-", "--auth", "@-"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("can be read once"), "{run:?}");
}

#[test]
fn order_is_kept_and_nothing_lost_at_the_end() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-order"));
    let mut peer = pipe(&sandbox, &[&running.url]);
    for number in 0..500 {
        let ack = if number % 3 == 0 { r#","ack_id":0"# } else { "" };
        peer.say(&format!(r#"{{"event":"keep","args":[{number}]{ack}}}"#)).unwrap();
    }
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    assert_eq!(running.kept(), (0..500).map(|number| json!(number)).collect::<Vec<_>>());
}

#[test]
fn questions_are_answered() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-questions"));
    let mut peer = pipe(&sandbox, &[&running.url, "-v"]);
    let first = running.ask("/", "first");
    let line = next(&mut peer);
    let id = line.split_once(r#""ack_id":"#).unwrap().1.strip_suffix('}').unwrap();
    let second = running.ask("/", "second");
    assert!(next(&mut peer).contains("second"));
    peer.say(r#"{"dir":"ack","event":"second","args":["two"]}"#).unwrap();
    assert_eq!(second(), json!("two"));
    peer.say(&format!(r#"{{"dir":"ack","ack_id":{id},"args":["one"]}}"#)).unwrap();
    assert_eq!(first(), json!("one"));
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn several_namespaces_share_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-namespaces"));
    let mut peer = pipe(&sandbox, &[&running.url, "--nsp", "/imchat", "--nsp", "/other"]);
    assert!(next(&mut peer).contains("welcome"));
    peer.say(r#"{"event":"say","args":[1]}"#).unwrap();
    assert_eq!(next(&mut peer), r#"{"dir":"in","nsp":"/imchat","event":"said","args":[1]}"#);
    peer.say(r#"{"event":"say","args":[2],"nsp":"/other"}"#).unwrap();
    assert_eq!(next(&mut peer), r#"{"dir":"in","nsp":"/other","event":"said","args":[2]}"#);
    peer.say(r#"{"event":"say","nsp":"/nowhere"}"#).unwrap();
    peer.remaining_lines().unwrap();
    let transcript = peer.transcript().to_owned();
    assert!(transcript.contains("line 3 of standard input: /nowhere is not joined; add --nsp"));
    assert_eq!(peer.finish().unwrap().code(), Some(2));
}

#[test]
fn wrong_lines_end_it() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-mistakes"));
    for (line, code, expect) in [
        ("[]", 2, "line 1 of standard input: "),
        (r#"{"event":"disconnect"}"#, 2, "reserved"),
        (r#"{"dir":"ack","args":[]}"#, 2, "waits for an ack"),
        (r#"{"event":"close-me"}"#, 9, "connect"),
    ] {
        let mut peer = pipe(&sandbox, &[&running.url]);
        peer.say(line).unwrap();
        peer.remaining_lines().unwrap();
        let transcript = peer.transcript().to_owned();
        assert!(transcript.contains(expect), "{line}: {transcript}");
        assert_eq!(peer.finish().unwrap().code(), Some(code), "{line}: {transcript}");
    }
}

#[test]
fn a_missing_ack_drops_no_other() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-ack"));
    let mut peer = pipe(&sandbox, &[&running.url, "--timeout", "500ms"]);
    peer.say(r#"{"event":"ignore","ack_id":1}"#).unwrap();
    peer.say(r#"{"event":"echo","args":[2],"ack_id":2}"#).unwrap();
    assert!(next(&mut peer).contains(r#""event":"echo","args":[2]"#));
    assert_eq!(peer.finish().unwrap().code(), Some(8));
}

#[test]
fn a_burst_is_shown_to_its_end() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-burst"));
    let order = sandbox.write("order", r#"{"event":"burst","args":[30000],"ack_id":1}"#);
    let mut command = sandbox.command(&["pipe", &running.url]);
    let output = command.stdin(std::fs::File::open(order).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let ticks = String::from_utf8(output.stdout).unwrap().matches("\"tick\"").count();
    assert_eq!(ticks, 30_000);
}

#[test]
fn it_may_listen_on() {
    let (running, sandbox) = (Running::start(), Sandbox::new("pipe-linger"));
    let mut command = sandbox.command(&["pipe", &running.url, "--linger", "1s"]);
    // Without standard input it only listens.
    command.stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("welcome"));
}
