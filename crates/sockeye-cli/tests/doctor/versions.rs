//! Servers that speak one version of Engine.IO, met by clients of the other.

use std::io::Write as _;

use crate::{
    examined::examine,
    sandbox::Sandbox,
    server::Running,
    stub::{self, Request, response},
};

const OPEN: &str = r#"0{"sid":"topsecret","upgrades":[],"pingInterval":25000,"pingTimeout":5000}"#;

/// A server of Engine.IO 3: whatever version it is asked for, it answers in its own, and lets everybody into `/`.
fn version_3() -> String {
    let address = stub::listen(|mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        if request.wants_websocket() {
            stub::agree(&mut stream, &request)?;
            stub::say(&mut stream, OPEN)?;
            stub::say(&mut stream, "40")?;
            while let Ok((1, text)) = stub::hear(&mut stream) {
                if text == b"2" {
                    stub::say(&mut stream, "3")?;
                }
            }
            return Ok(());
        }
        let body = match request.has("POST") {
            true => "ok".to_owned(),
            false if request.has("sid=") => "1:3".to_owned(),
            false => format!("{}:{OPEN}2:40", OPEN.len()),
        };
        stream.write_all(response("200 OK", "content-type: text/plain\r\n", &body).as_bytes())
    });
    format!("http://{address}")
}

#[test]
fn an_old_server() {
    let (url, sandbox) = (version_3(), Sandbox::new("doctor-eio3"));
    for transport in ["auto", "polling", "websocket"] {
        let flags = [&*url, "--transport", transport];
        let examined = examine(&sandbox, &[&flags[..], &["--eio", "4"]].concat());
        let examined = examined.is("eio3-server", 6).checks(&[("connect", None)]).warns(&[]);
        let examined = examined.says("cause", &["pingInterval + pingTimeout = 30 s"]);
        examined.says("command", &["--eio 3"]).hides(&["topsecret"]).fix_works(&sandbox);
        // Whoever may speak any version gets through.
        let silent = "silent-namespace";
        let examined = examine(&sandbox, &flags).is("ok", 0).warns(&["eio3-server", silent]);
        examined.checks(&[("connect", Some(true)), ("heartbeat", Some(true))]);
        let flags = [&flags[..], &["--eio", "3"]].concat();
        examine(&sandbox, &flags).is("ok", 0).warns(&[silent]).hides(&["topsecret"]);
        let args = [&flags[..], &["--nsp", "/"]].concat();
        examine(&sandbox, &args).is("ok", 0).warns(&[]);
    }
    let examined = examine(&sandbox, &[&url]).checks(&[
        ("polling-eio4", Some(false)),
        ("polling-eio3", Some(true)),
        ("websocket-eio4", Some(false)),
        ("websocket-eio3", Some(true)),
    ]);
    assert_eq!(examined.evidence("polling-eio4")["eio"], "3");
}

#[test]
fn a_server_that_speaks_no_old_version() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-eio4"));
    for transport in ["auto", "polling", "websocket"] {
        let args = [&*running.url, "--eio", "3", "--transport", transport];
        let examined = examine(&sandbox, &args).is("eio4-only-server", 6).warns(&[]);
        let examined = examined.checks(&[("connect", None)]).says("fix", &["allowEIO3"]);
        examined.says("command", &["--eio 4"]).fix_works(&sandbox);
    }
    let both = Running::start_with(|server| server.engine_v3(true));
    examine(&sandbox, &[&both.url, "--eio", "3"]).is("ok", 0).checks(&[
        ("polling-eio3", Some(true)),
        ("websocket-eio3", Some(true)),
        ("upgrade", Some(true)),
        ("heartbeat", Some(true)),
    ]);
    examine(&sandbox, &[&both.url]).is("ok", 0).warns(&[]);
}

#[test]
fn npm_refuses_an_old_client_behind_its_101() {
    let sandbox = Sandbox::new("doctor-late");
    let address = stub::listen(|mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        stub::agree(&mut stream, &request)?;
        if request.has("EIO=4") {
            stub::say(&mut stream, &OPEN.replace('}', r#","maxPayload":9}"#))?;
            return stub::hear(&mut stream).map(|_| ());
        }
        let error = r#"{"code":5,"message":"Unsupported protocol version"}"#;
        stream.write_all(response("400 Bad Request", "", error).as_bytes())
    });
    let url = format!("http://{address}");
    let args = [&*url, "--eio", "3", "--transport", "websocket"];
    let examined = examine(&sandbox, &args).is("eio4-only-server", 6);
    assert_eq!(examined.evidence("websocket-eio3")["code"], 5);
}
