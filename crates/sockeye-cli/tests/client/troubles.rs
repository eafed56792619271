//! Each way not to get through has its exit code, and its message names what to change.

use std::{io::Write as _, net::TcpListener};

use sockeye::ws::{self, CloseCode};
use sockeye_testkit::stub;
use tokio::runtime::Runtime;

use crate::{
    sandbox::{Run, Sandbox},
    server::Running,
};

#[track_caller] // a failure points at the row, not at this function
fn check(run: &Run, code: i32, texts: &[&str]) {
    assert_eq!((run.code, &*run.stdout), (Some(code), ""), "{run:?}");
    for text in texts {
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(text), "{run:?}");
    }
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
}

#[test]
fn mistakes_of_usage() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-usage"));
    let url = &*running.url;
    let emit = |args: &[&str]| sandbox.run(&[&["emit"], args].concat());
    check(&emit(&["ftp://h", "a"]), 2, &["http://"]);
    check(&emit(&[url, "a", "@/nowhere"]), 2, &["/nowhere"]);
    check(&emit(&[url, "a", "--auth", "no"]), 2, &["--auth"]);
    check(&emit(&[url, "a", "--auth", "[1]"]), 2, &["--auth"]);
    check(&emit(&[url, "a", "--nsp", "/a", "--nsp", "/b"]), 2, &["--nsp"]);
    check(&emit(&[url, "a", "--path", "x"]), 2, &["--path"]);
    check(&emit(&[url, "disconnect"]), 2, &["reserved"]);
    check(&emit(&[url, "a", "--cacert", "/nowhere"]), 2, &["--cacert"]);
    check(&emit(&[url, "a", "--pin", "x"]), 2, &["--pin", "sha256/"]);
    check(&emit(&[url, "a", "-x", "ftp://h"]), 2, &["-x"]);
    check(&emit(&[url, "a", "--bearer-cmd", "exit 3"]), 2, &["--bearer-cmd", "3"]);
    let slow = ["--bearer-cmd", "sleep 600", "--timeout", "300ms"];
    check(&emit(&[&[url, "a"], &slow[..]].concat()), 2, &["--bearer-cmd", "more with --timeout"]);
    // A name that a URL would read otherwise.
    assert_eq!(emit(&[url, "echo", "--ack", "--nsp", " / "]).code, Some(0));
    for name in ["/a?b=c", "/a#b", "/a\nb", "/a\tb"] {
        let run = emit(&[url, "a", "--nsp", name]);
        assert!(run.code == Some(2) && run.stderr.contains("--query"), "{run:?}");
    }
    sandbox.write("file", "");
    check(&emit(&[url, "a", "--save-bin", "file"]), 2, &["--save-bin DIR"]);
    // However long or odd it is, it is told so that it can be read.
    check(&emit(&[url, "a", "--cacert", "\u{1b}[31m\u{202e}"]), 2, &["\\u001b[31m\\u202e"]);
    let huge = "x".repeat(50_000);
    for option in ["-H", "--timeout", "--cacert", "--pin", "--path"] {
        let run = emit(&[url, "a", option, &huge]);
        assert!(run.code == Some(2) && run.stderr.len() < 5_000, "{option}: {run:?}");
    }
    // Nobody but the client knows these.
    for header in
        ["Content-Length: 5", "transfer-encoding: chunked", "Connection: close", "Upgrade: x"]
    {
        for run in [emit(&[url, "a", "-H", header]), sandbox.run(&["ws", url, "-H", header])] {
            let name = header.split(':').next().unwrap().to_lowercase();
            assert_eq!(run.code, Some(2), "{run:?}");
            assert!(
                run.stderr.contains(&format!("the header {name} is the client's own")),
                "{run:?}"
            );
        }
    }
    // The secret is not shown.
    let run = emit(&[url, "a", "--auth", r#"{"token":"hush}"#]);
    check(&run, 2, &["--auth"]);
    assert!(!run.stderr.contains("hush"), "{run:?}");
    // Those that the parser of the command line finds say more, but have the same code.
    for wrong in
        [&["--transport", "x"][..], &["--eio", "5"], &["--header", "x"], &["--timeout", "1"]]
    {
        let run = emit(&[&[url, "a"], wrong].concat());
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{run:?}");
        assert!(run.stderr.contains(wrong[0]) && run.stderr.contains("expected"), "{run:?}");
    }
}

#[test]
fn the_network_says_no() {
    let sandbox = Sandbox::new("trouble-network");
    let emit = |url: &str| sandbox.run(&["emit", url, "a", "--timeout", "5s"]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    check(&emit(&url), 3, &["connected to", "port"]);
    check(&emit("http://nowhere.invalid"), 3, &["looked up", "host"]);
}

#[test]
fn tls_fails() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-tls"));
    let url = running.url.replace("http:", "https:");
    let run = sandbox.run(&["emit", &url, "a", "-k"]);
    check(&run, 4, &["http://", "--cacert", "--pin"]);
}

/// A server that answers each request with this body; its URL.
fn answering(body: &'static str) -> String {
    let address = stub::listen(move |mut stream| {
        stub::Request::read(&mut stream)?;
        stream.write_all(stub::response("200 OK", "", body).as_bytes())
    });
    format!("http://{}", address.unwrap())
}

/// A server of WebSocket that says this and listens; its URL.
fn saying(runtime: &Runtime, says: String) -> String {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = ws::accept(stream).await.unwrap();
        socket.send(&*says).await.unwrap();
        while let Ok(Some(_)) = socket.recv().await {}
    });
    url
}

#[test]
fn nothing_answers_as_engine_io_does() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-handshake"));
    let url = &*running.url;
    check(&sandbox.run(&["emit", url, "a", "--path", "/x/"]), 5, &["404", "--path"]);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", mute.local_addr().unwrap());
    check(&sandbox.run(&["emit", &silent, "a", "--timeout", "300ms"]), 5, &["--timeout"]);
    let broken = answering(r#"0{"sid":"x","pingInterval":"soon"}"#);
    let run = sandbox.run(&["emit", &broken, "a", "--transport", "polling"]);
    check(&run, 5, &["handshake", r#"pingInterval is "soon"; expected milliseconds"#]);
    assert!(!run.stderr.contains("parser"), "{run:?}");
    // On a WebSocket it is no other fault.
    let runtime = Runtime::new().unwrap();
    let long =
        |length| format!(r#"0{{"sid":"{}","pingInterval":1,"pingTimeout":1}}"#, "x".repeat(length));
    for (says, text) in [
        (long(4_097), "sid is"),
        (long(60_000), "sid is"),
        (long(200_000), "more than"),
        (format!("\u{feff}{}", long(1)), "it begins with"),
        ("hello".to_owned(), r#"it begins with "hello""#),
        (
            r#"0{"sid":"x","pingInterval":0,"pingTimeout":0}"#.to_owned(),
            "pingInterval and pingTimeout are both 0",
        ),
    ] {
        let url = saying(&runtime, says);
        let run = sandbox.run(&["emit", &url, "a", "--transport", "websocket"]);
        check(&run, 5, &["handshake", text]);
    }
    let running = Running::start_with(|server| server.polling(false));
    let run = sandbox.run(&["emit", &running.url, "a", "--transport", "polling"]);
    check(&run, 5, &["--transport websocket"]);
}

#[test]
fn the_version_is_another() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-version"));
    for transport in ["auto", "polling", "websocket"] {
        let args = ["emit", &running.url, "a", "--eio", "3", "--transport", transport];
        check(&sandbox.run(&args), 6, &["--eio"]);
    }
}

#[test]
fn the_namespace_is_refused() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-namespace"));
    let run = sandbox.run(&["emit", &running.at("/nowhere"), "a"]);
    check(&run, 7, &["/nowhere", "Invalid namespace", "--nsp"]);
    // What is wrong is one of two things, and the server says which.
    assert!(!run.stderr.contains("--auth"), "{run:?}");
    let run = sandbox.run(&["emit", &running.at("/guarded"), "a", "--auth", r#"{"token":"x"}"#]);
    check(&run, 7, &["unauthorized", r#"{"code":401}"#, "--auth"]);
    assert!(!run.stderr.contains("--nsp"), "{run:?}");
}

#[test]
fn the_answer_does_not_come() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-answer"));
    let run = sandbox.run(&["emit", &running.url, "ignore", "--ack", "--timeout", "300ms"]);
    check(&run, 8, &["ignore", "no ack", "--timeout"]);
}

#[test]
fn the_connection_is_lost() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-lost"));
    for event in ["close-me", "disconnect-me"] {
        let run = sandbox.run(&["emit", &running.url, event, "--wait-event", "never"]);
        check(&run, 9, &["connect"]);
    }
}

#[test]
fn who_does_not_connect_is_sent_to_the_doctor() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trouble-doctor"));
    let place = running.at("/nowhere");
    for command in ["emit", "listen", "pipe"] {
        let event: &[&str] = if command == "emit" { &["a"] } else { &[] };
        let secret = format!("{place}?token=hush");
        let run = sandbox.run(&[&[command, &secret], event].concat());
        check(&run, 7, &[&format!("; to find out more: sockeye doctor {place}\n")]);
        assert!(!run.stderr.contains("hush"), "{run:?}");
    }
    let run = sandbox.run(&["emit", &running.url, "close-me", "--wait-event", "never"]);
    check(&run, 9, &[&format!("; to find out more: sockeye doctor {} --watch 3m\n", running.url)]);
    // What is not about connecting needs no doctor.
    let run = sandbox.run(&["emit", &running.url, "echo", "1", "--expect", "2"]);
    assert!(run.code == Some(10) && !run.stderr.contains("doctor"), "{run:?}");
}

/// A server that lets everybody in, says one thing more, and closes with words of its own; its URL while it runs.
fn last_words(said: &'static str) -> (String, Runtime) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = ws::accept(stream).await.unwrap();
        let open = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
        for text in [open, r#"40{"sid":"x"}"#, "2"] {
            socket.send(text).await.unwrap();
        }
        // With the pong it is in.
        while socket.recv().await.unwrap() != Some(ws::Message::from("3")) {}
        socket.send(said).await.unwrap();
        let _ = socket.close(CloseCode::new(4001).unwrap(), "bye\u{1b}[2J").await;
    });
    (url, runtime)
}

#[test]
fn why_the_connection_ended_is_told_in_words() {
    let sandbox = Sandbox::new("trouble-words");
    let listen = |url: &str| sandbox.run(&["listen", url, "--transport", "websocket"]);
    let (url, _runtime) = last_words("6");
    check(&listen(&url), 9, &[r#"close code 4001 "bye\u{1b}[2J""#, "doctor"]);
    let (url, _runtime) = last_words(r#"42["v",NaN]"#);
    let run = listen(&url);
    check(&run, 9, &["closed by this side: parse error", "not JSON from byte"]);
    assert!(!run.stderr.contains("doctor"), "it would find nothing: {run:?}");
    let (url, _runtime) = last_words("0{}");
    let run = listen(&url);
    check(&run, 9, &["closed by this side: transport error", "not expected here"]);
    assert!(!run.stderr.contains("doctor"), "it would find nothing: {run:?}");
}

/// It is no reason to think of another parser: the server has let us in.
#[test]
fn an_end_right_behind_the_yes_is_no_refusal() {
    let (runtime, sandbox) = (Runtime::new().unwrap(), Sandbox::new("trouble-behind-the-yes"));
    for (end, reason) in [
        ("", "transport close after"),
        ("1", "transport close after"),
        ("x", "closed by this side: parse error"),
    ] {
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = ws::accept(stream).await.unwrap();
            let open = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
            for text in [open, r#"40{"sid":"x"}"#, r#"42["hello",1]"#] {
                socket.send(text).await.unwrap();
            }
            if end.is_empty() {
                let _ = socket.close(CloseCode::new(4001).unwrap(), "bye").await;
            } else {
                socket.send(end).await.unwrap();
                while let Ok(Some(_)) = socket.recv().await {}
            }
        });
        let run = sandbox.run(&["listen", &url, "--transport", "websocket", "--states"]);
        let found: Vec<_> = run.stdout.lines().collect();
        let [connected, hello, closed] = found[..] else { panic!("{end}: {run:?}") };
        assert!(connected.contains(r#""sid":"x""#) && hello.contains("hello"), "{run:?}");
        assert!(closed.contains(r#""state":"closed""#), "{run:?}");
        assert_eq!(run.code, Some(9), "{run:?}");
        assert!(run.stderr.contains(reason) && !run.stderr.contains("parser"), "{run:?}");
        assert_eq!(run.stderr.contains(r#"4001 "bye""#), end.is_empty(), "{run:?}");
    }
}

#[test]
fn what_is_too_large_for_polling_is_not_sent() {
    let running = Running::start_with(|server| server.max_payload_bytes(1_000));
    let sandbox = Sandbox::new("trouble-size");
    for (bytes, is_too_large) in [(600, false), (740, true), (760, true), (1_000, true)] {
        let file = sandbox.write("photo", "x".repeat(bytes));
        let argument = format!("@bin:{file}");
        let emit = ["emit", &running.url, "echo", &argument, "--ack", "--transport", "polling"];
        let run = sandbox.run(&emit);
        if is_too_large {
            check(&run, 2, &["bytes; the server takes 1000"]);
        } else {
            assert_eq!(run.code, Some(0), "{run:?}");
        }
    }
}
