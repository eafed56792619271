//! `sockeye repl`: lines from a program, and lines from a person at a terminal.

use std::process::Stdio;

use serde_json::json;
use sockeye_testkit::Peer;

use crate::{
    lines,
    sandbox::{Run, Sandbox},
    server::Running,
    untimed,
};

/// Feeds it these lines, and the end.
fn feed(sandbox: &Sandbox, args: &[&str], input: &str) -> Run {
    let input = std::fs::File::open(sandbox.write("input", input)).unwrap();
    let mut command = sandbox.command(&[&["repl"], args].concat());
    let output = command.stdin(Stdio::from(input)).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs it; once its first line is there it is joined, since the server greets everybody.
fn repl(sandbox: &Sandbox, args: &[&str]) -> Peer {
    Peer::launch(sandbox.command(&[&["repl"], args].concat()), "{").unwrap()
}

fn next(peer: &mut Peer) -> String {
    untimed(&peer.next_line().unwrap())
}

#[test]
fn a_program_types_lines() {
    let (running, sandbox) = (Running::start(), Sandbox::new("repl"));
    sandbox.write("bytes", b"\x00\xff");
    let mut peer = repl(&sandbox, &[&running.url]);
    peer.say(r#"say hi 1.50 'a b' "c d" {"a": "#).unwrap();
    peer.say("[1, 2]} @bin:bytes").unwrap();
    let said = r#"{"dir":"in","nsp":"/","event":"said","args":["hi",1.50,"a b","c d",{"a":[1,2]},{"$bin":"AP8="}]}"#;
    assert_eq!(next(&mut peer), said);
    peer.say("").unwrap();
    peer.say("echo? 7").unwrap();
    let ack = next(&mut peer);
    assert!(
        ack.starts_with(r#"{"dir":"ack","nsp":"/","event":"echo","args":[7],"rtt_ms":"#),
        "{ack}"
    );
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn namespaces_come_and_go() {
    let (running, sandbox) = (Running::start(), Sandbox::new("repl-namespaces"));
    let mut peer = repl(&sandbox, &[&running.url, "--states"]);
    assert!(peer.ready().contains(r#""state":"connected","nsp":"/","sid":"#), "{}", peer.ready());
    let mut check = |lines: &[&str], expect: &str| {
        for line in lines {
            peer.say(line).unwrap();
        }
        while !next(&mut peer).starts_with(expect) {}
    };
    check(&["/join imchat"], r#"{"state":"connected","nsp":"/imchat","sid":"#);
    check(
        &["/nsp /imchat", "keep? 1"],
        r#"{"dir":"ack","nsp":"/imchat","event":"keep","args":[1],"#,
    );
    check(&["/leave"], r#"{"state":"closed","nsp":"/imchat","reason":"left by this side"}"#);
    // One speaks to what is left.
    check(&["keep? 2"], r#"{"dir":"ack","nsp":"/","event":"keep","args":[2],"#);
    peer.say("/quit").unwrap();
    peer.remaining_lines().unwrap();
    assert_eq!(peer.finish().unwrap().code(), Some(0));
    assert_eq!(running.kept(), [json!(1), json!(2)]);
}

#[test]
fn auth_can_change() {
    let (running, sandbox) = (Running::start(), Sandbox::new("repl-auth"));
    sandbox.write("my auth.json", r#"{"token":"secret"}"#);
    let run = feed(&sandbox, &[&running.url], "/auth @my auth.json\n/join /guarded\n");
    let guarded = r#"{"dir":"in","nsp":"/guarded","event":"welcome","args":[{"token":"secret"}]}"#;
    assert!(lines(&run, 0).contains(&guarded.to_owned()), "{run:?}");
    let run = feed(&sandbox, &[&running.url], "/auth {\"token\":\"wrong\"}\n/join /guarded\n");
    assert!(run.stderr.contains("unauthorized") && !run.stderr.contains("wrong"), "{run:?}");
    assert_eq!(run.code, Some(7));
}

#[test]
fn questions_are_answered() {
    let (running, sandbox) = (Running::start(), Sandbox::new("repl-questions"));
    let mut peer = repl(&sandbox, &[&running.url]);
    let answer = running.ask("/", "question");
    let line = next(&mut peer);
    let id = line.split_once(r#""ack_id":"#).unwrap().1.strip_suffix('}').unwrap();
    peer.say(&format!("/answer {id} {{\"ok\":true}}")).unwrap();
    assert_eq!(answer(), json!({ "ok": true }));
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn a_lost_connection_is_made_again() {
    let (running, sandbox) = (Running::start(), Sandbox::new("repl-again"));
    let mut peer = repl(&sandbox, &[&running.url]);
    assert!(peer.ready().contains("welcome"), "{}", peer.ready());
    running.cut();
    assert!(next(&mut peer).contains("welcome"));
    peer.say("/reconnect").unwrap();
    assert!(next(&mut peer).contains("welcome"));
    peer.say("/state").unwrap();
    let state = next(&mut peer);
    assert!(state.starts_with(r#"{"state":"connected","nsp":"/","sid":"#), "{state}");
    assert_eq!(peer.finish().unwrap().code(), Some(0));
}

#[test]
fn a_program_ends_with_its_first_mistake() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(running: &Running, input: &str, code: i32, expect: &str) {
        let run =
            feed(&Sandbox::new("repl-mistakes"), &[&running.url, "--timeout", "500ms"], input);
        assert!(run.stderr.contains(expect), "{input}: {run:?}");
        assert_eq!(run.code, Some(code), "{input}: {run:?}");
    }
    let running = &Running::start();
    check(running, "echo? 1\n{}\n", 2, "line 2 of standard input: {} is no name of an event");
    check(running, "echo {\"a\":\n1\n", 2, "still open");
    check(running, "/jion x\n", 2, "/help");
    check(running, "/nsp x\n", 2, "/x is not joined; /join /x");
    check(running, "/answer 5 1\n", 2, "no event waits");
    check(running, "/auth 5\n", 2, "--auth is no JSON object");
    check(running, "ignore? 1\necho? 1\n", 8, "--timeout");
    check(running, "/join /nowhere\n", 7, "/nowhere is not joined");
    check(running, "/leave\n/state\n", 0, "");
}

#[cfg(unix)]
mod person {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::terminal::{CTRL_C, CTRL_D, Terminal, UP};

    fn sit_down(running: &Running, sandbox: &Sandbox) -> Terminal {
        let mut command = sandbox.command(&["repl", &running.url]);
        command.env("XDG_DATA_HOME", sandbox.path("data")).env("NO_COLOR", "1");
        let mut terminal = Terminal::run(command);
        terminal.expect("● / connected by ");
        terminal.expect("/> ");
        terminal
    }

    #[test]
    fn lines_are_typed_and_events_shown_above_them() {
        let (running, sandbox) = (Running::start(), Sandbox::new("repl-person"));
        let mut terminal = sit_down(&running, &sandbox);
        terminal.keys("echo? 1 {\"a\":\r2}\r");
        terminal.expect("⇐ / echo 1,{\"a\":2} (");
        terminal.keys("half a li");
        terminal.expect("half a li");
        running.tell("/", "chat", json!("h\u{1b}i"));
        terminal.expect("← / chat \"h\\u001bi\"");
        // The line is still there.
        terminal.expect("/> half a li");
        terminal.keys(CTRL_C);
        terminal.expect("Ctrl-C once more");
        terminal.keys("ec\t? 5\r");
        terminal.expect("⇐ / echo 5 (");
        terminal.keys("say @nowhere\r");
        terminal.expect("error: nowhere: ");
        terminal.keys("/trace on\r");
        terminal.keys("echo? traced\r");
        terminal.expect("EVENT");
        terminal.expect("⇐ / echo \"traced\" (");
        terminal.keys("/trace off\r");
        terminal.keys("/help\r");
        terminal.expect("/quit");
        terminal.expect("/> ");
        terminal.keys(CTRL_D);
        assert_eq!(terminal.code(), Some(0));
    }

    #[test]
    fn lines_are_kept_but_no_secrets() {
        let (running, sandbox) = (Running::start(), Sandbox::new("repl-history"));
        let mut terminal = sit_down(&running, &sandbox);
        terminal.keys("/auth {\"token\":\"x\"}\r");
        terminal.expect("/> ");
        terminal.keys("echo? first\r");
        terminal.expect("⇐ / echo \"first\" (");
        terminal.keys(" echo? hidden\r");
        terminal.expect("⇐ / echo \"hidden\" (");
        terminal.keys("/quit\r");
        assert_eq!(terminal.code(), Some(0));
        let file = sandbox.path("data/sockeye/history");
        let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&sandbox.path("data/sockeye")), 0o700);
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept.lines().skip(1).collect::<Vec<_>>(), ["echo? first", "/quit"]);

        let mut terminal = sit_down(&running, &sandbox);
        terminal.keys(UP);
        terminal.expect("/quit");
        terminal.keys(UP);
        terminal.expect("echo? first");
        terminal.keys("\r");
        terminal.expect("⇐ / echo \"first\" (");
        // Without the prompt it would be a signal.
        terminal.expect("/> ");
        terminal.keys(CTRL_C);
        terminal.expect("Ctrl-C once more");
        terminal.expect("/> ");
        terminal.keys(CTRL_C);
        assert_eq!(terminal.code(), Some(130));
    }

    #[test]
    fn the_prompt_says_whom_one_speaks_to() {
        let (running, sandbox) = (Running::start(), Sandbox::new("repl-prompt"));
        let mut terminal = sit_down(&running, &sandbox);
        terminal.keys("/join /imchat\r");
        terminal.expect("● /imchat connected by ");
        terminal.keys("/nsp /im\t\r");
        terminal.expect("/imchat> ");
        terminal.keys("keep? 1\r");
        terminal.expect("⇐ /imchat keep 1 (");
        terminal.keys("/leave\r");
        terminal.expect("● /imchat closed: left by this side");
        terminal.keys("/leave\r");
        terminal.expect("/reconnect connects again");
        terminal.keys("keep 2\r");
        terminal.expect("error: there is no connection; /reconnect makes one");
        terminal.expect("(closed)> ");
        terminal.keys("/reconnect\r");
        terminal.expect("● / connected by ");
        terminal.keys("keep? 3\r");
        terminal.expect("⇐ / keep 3 (");
        running.cut();
        terminal.expect("● / reconnecting: ");
        terminal.expect("● / connected by ");
        terminal.keys("/join /guarded\r");
        terminal.expect("error: /guarded is not joined: the server refused: unauthorized");
        terminal.keys("/quit\r");
        assert_eq!(terminal.code(), Some(0));
        assert_eq!(running.kept(), [json!(1), json!(3)]);
    }
}
