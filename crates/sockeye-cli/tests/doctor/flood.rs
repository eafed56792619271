//! Servers that say something without a pause and read nothing: the doctor ends, and says so.

use std::{
    io::{self, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::{
    examined::examine,
    sandbox::Sandbox,
    stub::{self, Request, response},
};

const OPEN: &str =
    r#"0{"sid":"topsecret","upgrades":[],"pingInterval":25000,"pingTimeout":9000,"maxPayload":9}"#;
const NO_POLLING: &str = r#"{"code":0,"message":"Transport unknown"}"#;
/// A ping of Engine.IO in a frame of its own, and one that says something; one of the WebSocket.
const ENGINE: &[u8] = &[0x81, 1, b'2'];
const WORDY: &[u8] = &[0x81, 3, b'2', b'h', b'i'];
const FRAME: &[u8] = &[0x89, 0];

/// What takes longer does not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Writes these until nobody takes them any more.
fn flood(stream: &mut TcpStream, ping: &[u8]) -> io::Result<()> {
    let pings = ping.repeat(4_096);
    loop {
        stream.write_all(&pings)?;
    }
}

/// A server of WebSocket alone that does this once it has agreed.
fn websocket(serve: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> String {
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        if !request.wants_websocket() {
            return stream.write_all(response("400 Bad Request", "", NO_POLLING).as_bytes());
        }
        stub::agree(&mut stream, &request)?;
        serve(&mut stream)
    });
    format!("http://{address}")
}

#[track_caller] // a failure points at the row, not at this function
fn check(sandbox: &Sandbox, args: &[&str]) {
    let began = Instant::now();
    let examined = examine(sandbox, &[args, &["--timeout", "1s"]].concat()).is("ping-flood", 9);
    examined.says("cause", &["pings within"]).hides(&["topsecret"]);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn pings_that_nobody_can_answer() {
    let sandbox = Sandbox::new("doctor-flood");
    for ping in [ENGINE, WORDY, FRAME] {
        let url = websocket(|stream| {
            stub::say(stream, OPEN)?;
            flood(stream, ping)
        });
        check(&sandbox, &[&url]);
        check(&sandbox, &[&url, "--watch", "2s"]);
        // From the first moment on; what says something may be a protocol of its own then.
        if ping == WORDY {
            continue;
        }
        check(&sandbox, &[&websocket(|stream| flood(stream, ping))]);
        // It lets us in, and then begins.
        let url = websocket(|stream| {
            stub::say(stream, OPEN)?;
            stub::hear(stream)?;
            stub::say(stream, r#"40{"sid":"a"}"#)?;
            flood(stream, ping)
        });
        check(&sandbox, &[&url, "--transport", "websocket"]);
    }
}

#[test]
fn a_flood_that_begins_while_it_is_watched() {
    let sandbox = Sandbox::new("doctor-flood-watch");
    for ping in [ENGINE, FRAME] {
        let links = AtomicUsize::new(0);
        let url = websocket(move |stream| {
            stub::say(stream, OPEN)?;
            stub::hear(stream)?;
            stub::say(stream, r#"40{"sid":"a"}"#)?;
            // Only the first is examined before the watch begins.
            if links.fetch_add(1, Ordering::SeqCst) == 0 {
                return stub::hear(stream).map(|_| ());
            }
            flood(stream, ping)
        });
        check(&sandbox, &[&url, "--transport", "websocket", "--watch", "30s"]);
    }
}

#[test]
fn pings_by_polling() {
    let sandbox = Sandbox::new("doctor-flood-polling");
    let address = stub::listen(|mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        let body = match request.has("sid=") {
            false => OPEN.to_owned(),
            true if request.has("POST") => "ok".to_owned(),
            true => vec!["2"; 4_096].join("\u{1e}"),
        };
        stream.write_all(response("200 OK", "content-type: text/plain\r\n", &body).as_bytes())
    });
    check(&sandbox, &[&format!("http://{address}"), "--transport", "polling"]);
}

#[test]
fn a_response_that_does_not_end() {
    let sandbox = Sandbox::new("doctor-flood-response");
    for (head, more, text) in [
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n", "more than 32 interim responses"),
        ("HTTP/1.1 200 OK\r\na: ", "b\r\na: ", "message head is too large"),
        ("HTTP/1.1 200 OK\r\na: ", "b", "message head is too large"),
    ] {
        let address = stub::listen(move |mut stream| {
            stub::read_request(&mut stream)?;
            stream.write_all(head.as_bytes())?;
            flood(&mut stream, more.as_bytes())
        });
        let url = format!("http://{address}");
        let began = Instant::now();
        let examined = examine(&sandbox, &[&url, "--timeout", "2s"]).is("not-socketio", 5);
        examined.says("cause", &["can't be read", text]);
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        for transport in ["polling", "websocket"] {
            let run = sandbox.run(&["emit", &url, "hi", "--transport", transport]);
            assert_eq!(run.code, Some(5), "{run:?}");
            assert!(run.stderr.contains(text), "{run:?}");
            let advises = run.stderr.contains("try --transport polling");
            assert_eq!(advises, transport == "websocket", "{run:?}");
        }
    }
}

#[test]
fn a_server_that_pings_as_often_as_it_said_is_well() {
    let sandbox = Sandbox::new("doctor-hasty");
    let args = ["--echo", "--log", "off", "--ping-interval", "10ms", "--ping-timeout", "5s"];
    let server = sandbox.serve(&args);
    examine(&sandbox, &[server.ready(), "--watch", "1500ms"]).is("ok", 0);
}
