//! `sockeye emit --as LANGUAGE`: the programs that it prints, run with other people's clients, do what it would have done.

#![cfg(unix)] // the commands of its shell
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "serve/sandbox.rs"]
mod sandbox;
#[allow(dead_code, reason = "it is made for the commands that connect")]
#[path = "client/server.rs"]
mod server;

use std::{
    io::Write as _,
    net::TcpStream,
    path::Path,
    process::{Command, Output},
    thread,
};

use sandbox::Sandbox;
use serde_json::{Value, json};
use server::Running;
use sockeye_testkit::{pinned, stub};

/// What each program is to send: every kind of argument.
const ARGS: [&str; 8] = [
    "1.5",
    "text",
    "@args.json",
    "@bin:bytes",
    r#"{"deep":[{"$bin":"AP8="},"é\u202e\""]}"#,
    "null",
    "[true,{\"n\":5000000000}]",
    "",
];

/// What languages have no values for, or not all: half a character, and numbers larger than theirs.
const ODD_ARGS: [&str; 4] =
    [r#""\ud800""#, "12345678901234567890123", "1e400", r#"{"b":1,"a":-0}"#];

/// A program that was printed.
fn printed(sandbox: &Sandbox, args: &[&str]) -> String {
    let run = sandbox.run_with(&[&["emit"], args].concat(), &[("SOCKEYE_AUTH", SECRET)]);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{args:?}");
    for secret in ["secret", "abc"] {
        assert!(!run.stdout.contains(secret), "{}", run.stdout);
    }
    run.stdout
}

const SECRET: &str = r#"{"token":"secret"}"#;

/// Writes the program, and runs it with the variables that it asks for.
fn run(sandbox: &Sandbox, mut command: Command, name: &str, program: &str) -> Output {
    command.arg(sandbox.write(name, program));
    command.current_dir(sandbox.path("")).env("SOCKEYE_AUTH", SECRET).env("X_TOKEN", "abc");
    command.env("X_A", "b").env("BEARER_CMD", "echo a'b'c");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program}\n{output:?}");
    output
}

fn new_sandbox(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(name);
    sandbox.write("args.json", r#"{"b": [1, "x"], "a": null}"#);
    sandbox.write("bytes", b"\x00\xff");
    sandbox
}

/// The event that arrived, once the program has ended.
#[track_caller] // a failure points at the row, not at this function
fn check(
    sandbox: &Sandbox,
    language: &str,
    options: &[&str],
    mut runs: impl FnMut(String) -> Output,
) {
    let running = Running::start_with(|server| server.engine_v3(true));
    let url = running.at("/imchat?room=1");
    // `say` sends everything back to its sender alone; what it sends back shows what came.
    let said = [&[&*url, "say", "--as", language, "--wait-event", "said"], options, &ARGS].concat();
    let output = runs(printed(sandbox, &said));
    let bytes = |number: &[u8]| match language {
        "js" => json!({ "type": "Buffer", "data": number }),
        _ => json!(number),
    };
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expect = json!([
        1.5,
        "text",
        { "b": [1, "x"], "a": null },
        bytes(&[0, 255]),
        { "deep": [bytes(&[0, 255]), "é\u{202e}\""] },
        null,
        [true, { "n": 5_000_000_000_u64 }],
        "",
    ]);
    assert_eq!(line, expect, "{language} {options:?}");
    // Without an ack it does not leave before the event is on its way.
    runs(printed(sandbox, &[&[&*url, "keep", "--as", language, "7"], options].concat()));
    // Its order on the next connection.
    let again = [&[&*url, "keep", "--as", language, "--ack", "8"], options].concat();
    let output = runs(printed(sandbox, &again));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer == json!(8) || answer == json!([8]), "{answer}");
    assert_eq!(running.kept(), [json!(7), json!(8)], "{language} {options:?}");
}

/// What has no value in most languages is sent as it was written, or the program says what becomes of it.
#[track_caller]
fn check_odd(
    sandbox: &Sandbox,
    language: &str,
    (expect, lost): (&str, &[&str]),
    mut runs: impl FnMut(String) -> Output,
) {
    let running = Running::start();
    let how = [&*running.url, "say", "--as", language, "--wait-event", "said"];
    let program = printed(sandbox, &[&how, &ODD_ARGS[..]].concat());
    for lost in lost {
        assert!(program.contains(lost), "{lost}: {program}");
    }
    assert_eq!(program.matches("not sent as it was given").count(), lost.len(), "{program}");
    let said = String::from_utf8(runs(program).stdout).unwrap();
    assert_eq!(said.trim_end(), expect, "{language}");
}

/// At a server of Socket.IO 2 it is a program for that, without being told.
#[track_caller]
fn check_found(
    sandbox: &Sandbox,
    language: &str,
    options: &[&str],
    mut runs: impl FnMut(String) -> Output,
) {
    let running = Running::start_old();
    let url = running.at("/imchat");
    let args = [&[&*url, "keep", "--as", language, "--ack", "8"], options].concat();
    let program = printed(sandbox, &args);
    assert!(!program.contains("--eio"), "{program}");
    runs(program);
    assert_eq!(running.kept(), [json!(8)], "{language} {options:?}");
}

/// What the server is asked with, to see whether headers, query and auth arrive.
#[track_caller]
fn check_way(sandbox: &Sandbox, language: &str, mut runs: impl FnMut(String) -> Output) {
    let running = Running::start();
    let way = ["-H", "x-token: abc", "-H", "X-A: b", "--query", "q=a b"];
    let way = [&way[..], &["--bearer-cmd", "echo a'b'c"]].concat();
    let guarded = running.at("/guarded?room=1");
    for (event, name, expect) in [
        ("headers", "x-token", "abc"),
        ("headers", "x-a", "b"),
        ("headers", "authorization", "Bearer abc"),
        ("query", "", "room=1"),
        ("query", "", "q=a"),
    ] {
        let args =
            [&[&*guarded, event, name, "--as", language, "--ack", "--auth", SECRET][..], &way];
        let output = String::from_utf8(runs(printed(sandbox, &args.concat())).stdout).unwrap();
        assert!(output.contains(expect), "{language} {event} {name}: {output}");
    }
}

#[test]
fn in_python() {
    let Some(python) = pinned::python("py/client_sync.py") else { return };
    let sandbox = new_sandbox("as-python");
    let program = python.get_program().to_owned();
    let mut runs = |text: String| run(&sandbox, Command::new(&program), "program.py", &text);
    for options in [&["--transport", "websocket"][..], &["--transport", "polling"], &[]] {
        check(&sandbox, "python", options, &mut runs);
    }
    if let Some(python) = pinned::python_v3() {
        let program = python.get_program().to_owned();
        let mut runs = |text: String| run(&sandbox, Command::new(&program), "program.py", &text);
        for options in [&["--transport", "websocket"][..], &["--transport", "polling"], &[]] {
            check(&sandbox, "python", &[options, &["--eio", "3"]].concat(), &mut runs);
            check_found(&sandbox, "python", options, &mut runs);
        }
    }
    check_way(&sandbox, "python", &mut runs);
    let expect = r#"["\ud800", 12345678901234567890123, null, {"b": 1, "a": -0.0}]"#;
    let lost = ["argument 3 is not sent as it was given: 1e400 becomes null"];
    check_odd(&sandbox, "python", (expect, &lost), &mut runs);
}

#[test]
fn in_javascript() {
    let Some(node) = pinned::node("js/client.mjs") else { return };
    let sandbox = new_sandbox("as-js");
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/node_modules");
    let modules = modules.canonicalize().unwrap();
    std::os::unix::fs::symlink(modules, sandbox.path("node_modules")).unwrap();
    let program = node.get_program().to_owned();
    // The pinned packages of older versions have names of their own.
    let runs = |text: String, from: &str| {
        let text = text.replace("from \"socket.io-client\"", &format!("from \"{from}\""));
        run(&sandbox, Command::new(&program), "program.mjs", &text)
    };
    for options in [&["--transport", "websocket"][..], &["--transport", "polling"], &[]] {
        check(&sandbox, "js", options, |text| runs(text, "socket.io-client"));
        let options = [options, &["--eio", "3"]].concat();
        check(&sandbox, "js", &options, |text| runs(text, "socket.io-client-2"));
        let auto = &options[..options.len() - 2];
        check_found(&sandbox, "js", auto, |text| runs(text, "socket.io-client-2"));
    }
    check_way(&sandbox, "js", |text| runs(text, "socket.io-client"));
    let expect = r#"["\ud800",1.2345678901234568e+22,null,{"b":1,"a":0}]"#;
    let lost = [
        "argument 2 is not sent as it was given: 12345678901234567890123 becomes 1.2345678901234568e22",
        "argument 3 is not sent as it was given: 1e400 becomes null",
        "argument 4 is not sent as it was given: -0 becomes 0",
    ];
    check_odd(&sandbox, "js", (expect, &lost), |text| runs(text, "socket.io-client"));
}

/// The program of `examples/printed.rs`, which was built with this test. Its URL is one that only its proxy knows.
#[test]
fn in_rust() {
    let sandbox = new_sandbox("as-rust");
    let way =
        ["-H", "x-token: abc", "--bearer-cmd", "echo a'b'c", "--query", "q=a b", "--auth", SECRET];
    let how = ["--as", "rust", "--transport", "websocket", "--ack", "--wait-event", "said"];
    let args = [&ARGS[..], &ODD_ARGS].concat();
    let args = [&["http://server.test/guarded?room=1", "say"], &args[..], &how, &way].concat();
    let program = printed(&sandbox, &args);
    assert_eq!(
        program,
        include_str!("as/printed.rs.txt"),
        "copy it to tests/as/printed.rs.txt:\n{program}"
    );
    let tls = [
        "--cacert",
        "ca.pem",
        "--cert",
        "cert.pem",
        "--key",
        "key.pem",
        "-x",
        "http://u:abc@proxy.test:1",
    ];
    let others =
        ["--parser", "msgpack", "--eio", "3", "--transport", "polling", "--timeout", "1500ms"];
    let args = [&["wss://server.test", "say", "--as", "rust"], &tls[..], &others].concat();
    let program = printed(&sandbox, &args);
    assert_eq!(
        program,
        include_str!("as/others.rs.txt"),
        "copy it to tests/as/others.rs.txt:\n{program}"
    );

    // It finds the version out by itself.
    for running in [Running::start(), Running::start_old()] {
        let mut example = pinned::example("printed");
        let proxy = format!("http://{}", proxy(running.url.strip_prefix("http://").unwrap()));
        example.current_dir(sandbox.path("")).env("HTTP_PROXY", &proxy).env("http_proxy", proxy);
        example.env("SOCKEYE_AUTH", SECRET).env("X_TOKEN", "abc").env("BEARER_CMD", "echo a'b'c");
        let output = example.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let expect = r#"[1.5,"text",{"a":null,"b":[1,"x"]},{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1},"é\u202e\""]},null,[true,{"n":5000000000}],""]"#;
        let shown = String::from_utf8(output.stdout).unwrap();
        // Nothing else reads these, but they have come as they were written.
        let odd = format!(",{}]", ODD_ARGS.join(","));
        assert!(shown.trim_end().ends_with(&odd), "{shown}");
        let shown = shown.replace(&odd, "]");
        let found: Vec<Value> =
            shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expect: Value = serde_json::from_str(expect).unwrap();
        assert_eq!(found, [json!([]), expect]);
    }
}

/// A proxy that connects everybody to one server, whatever they ask for.
fn proxy(server: &str) -> String {
    let server = server.to_owned();
    let address = stub::listen(move |mut client| {
        stub::Request::read(&mut client)?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        client.set_read_timeout(None)?;
        let mut server = TcpStream::connect(&server)?;
        let (mut back, mut to) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || std::io::copy(&mut back, &mut to));
        // It ends with one of both.
        std::io::copy(&mut client, &mut server).map(|_| ())
    });
    address.unwrap().to_string()
}

#[test]
fn secrets_in_the_url_are_refused() {
    let sandbox = new_sandbox("as-secret");
    let args = ["emit", "http://server.test?token=abcdefgh", "x", "--as", "python"];
    let run = sandbox.run(&args);
    assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
    assert!(run.stderr.contains("--show-secrets"), "{run:?}");
    let run = sandbox.run(&[&args[..], &["--show-secrets"]].concat());
    assert!(run.code == Some(0) && run.stdout.contains("token=abcdefgh"), "{run:?}");
}

#[test]
fn what_has_no_equivalent_is_told() {
    let sandbox = new_sandbox("as-no");
    for (language, option) in [
        ("python", ["--pin", "sha256/AAAA"]),
        ("js", ["--pin", "sha256/AAAA"]),
        ("js", ["-x", "http://proxy.test"]),
    ] {
        let args = ["emit", "http://server.test", "x", "--as", language];
        let run = sandbox.run(&[&args[..], &option].concat());
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(option[0]), "{run:?}");
    }
}
