//! What answers before Engine.IO does, or instead of it.

use std::io::{Read as _, Write as _};

use sockeye::event::Refusal;

use crate::{
    examined::{Examined, examine},
    sandbox::Sandbox,
    server::Running,
    stub::{self, Request, answering, response},
};

#[test]
fn a_port_that_speaks_tls() {
    let sandbox = Sandbox::new("doctor-tls-on-plain");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    sandbox.write("cert.pem", made.cert.pem());
    sandbox.write("key.pem", made.signing_key.serialize_pem());
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = sandbox.serve(&[&["--echo", "--log", "off"], &files[..]].concat());
    let url = server.ready().replace("https://", "http://");
    let examined = examine(&sandbox, &[&url, "-k"]).is("tls-on-plain-port", 4);
    let examined = examined.checks(&[("tls", None), ("polling-eio4", Some(false))]);
    examined.says("command", &["https://127.0.0.1:", " -k"]).fix_works(&sandbox);

    // A front that knows both says so in words.
    let nginx = answering(|_| {
        let page = "<html><center>The plain HTTP request was sent to HTTPS port</center></html>";
        response("400 Bad Request", "server: nginx\r\ncontent-type: text/html\r\n", page)
    });
    let examined = examine(&sandbox, &[&nginx]).is("tls-on-plain-port", 4);
    examined.says("command", &[&nginx.replace("http://", "https://")]);
}

#[test]
fn a_front_of_http_2_alone() {
    let sandbox = Sandbox::new("doctor-http2");
    let address = stub::listen(|mut stream| {
        stub::read_request(&mut stream)?;
        // Its settings, then that it goes away.
        stream.write_all(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100])?;
        stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    });
    let examined = examine(&sandbox, &[&format!("http://{address}")]).is("http2-only", 5);
    examined.checks(&[("polling-eio4", Some(false)), ("websocket-eio4", Some(false))]);
}

#[test]
fn a_redirect() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-redirect"));
    let to = running.url.clone();
    let url = answering(move |request| {
        let target = request.line.split(' ').nth(1).unwrap();
        response("301 Moved Permanently", &format!("location: {to}{target}\r\n"), "")
    });
    let examined = examine(&sandbox, &[&format!("{url}/imchat")]).is("redirect", 5);
    let examined = examined.says("cause", &["301", &running.url]);
    let command = format!("sockeye doctor {}/imchat", running.url);
    examined.says("command", &[&command]).fix_works(&sandbox);

    // One within the server changes the path alone.
    let url = answering(|request| match request.has("/v2/socket.io/") {
        true => response("404 Not Found", "", ""),
        false => response("308 Permanent Redirect", "location: /v2/socket.io/?EIO=4\r\n", ""),
    });
    let examined = examine(&sandbox, &[&url]).is("redirect", 5);
    examined.says("command", &[&format!("{url} --path /v2/socket.io/")]);

    // Nobody is sent back to where they are, nor to a page.
    for (location, says) in [("", "where we are"), ("/login?next=/socket.io/", "log in")] {
        let url = answering(move |request| {
            let here = request.line.split(' ').nth(1).unwrap();
            let to = if location.is_empty() { here } else { location };
            response("302 Found", &format!("location: {to}\r\n"), "")
        });
        let examined = examine(&sandbox, &[&url]).is("redirect", 5).says("cause", &[says]);
        examined.says("fix", &["cookie"]);
    }
}

#[test]
fn a_guard() {
    let sandbox = Sandbox::new("doctor-forbidden");
    let denied = |examined: Examined, status: &str| {
        let examined = examined.is("forbidden", 5).says("cause", &[status]);
        examined.checks(&[("polling-eio4", Some(false)), ("connect", None)])
    };
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let url = answering(move |_| response(status, "", "<h1>members only</h1>"));
        denied(examine(&sandbox, &[&url]), &status[..3]).says("cause", &["members only"]);
    }
    let running = Running::start_with(|server| {
        server.allow_request(async |request| match request.headers.get("x-ticket") {
            Some(_) => Ok(()),
            None => Err(Refusal::new("buy a ticket first")),
        })
    });
    let examined = examine(&sandbox, &[&running.url]);
    denied(examined, "403").says("cause", &["buy a ticket first", "code 4"]);
    examine(&sandbox, &[&running.url, "-H", "x-ticket: one"]).is("ok", 0);
    // As python-engineio says it.
    let url = answering(|_| response("400 BAD REQUEST", "", "\"Not accepted origin.\""));
    let examined = examine(&sandbox, &[&url, "-H", "origin: https://a.example"]);
    denied(examined, "400").says("fix", &["origin", "cors_allowed_origins"]);
}

#[test]
fn a_server_that_has_had_enough() {
    let sandbox = Sandbox::new("doctor-rate");
    for (status, after) in
        [("429 Too Many Requests", ""), ("503 Service Unavailable", "retry-after: 7\r\n")]
    {
        let url = answering(move |_| response(status, after, "slow down"));
        let examined = examine(&sandbox, &[&url]).is("rate-limited", 5);
        let text = if after.is_empty() { "429" } else { "Retry-After: 7" };
        examined.says("cause", &[text]);
    }
}

#[test]
fn something_else_than_socket_io() {
    let sandbox = Sandbox::new("doctor-not-socketio");
    let page = |status: &'static str| {
        answering(move |_| {
            let headers = "server: Apache/2.4\r\ncontent-type: text/html\r\n";
            response(status, headers, "<html><title>Welcome</title>\u{1b}[31m</html>")
        })
    };
    for status in ["200 OK", "404 Not Found", "500 Internal Server Error"] {
        let examined = examine(&sandbox, &[&page(status)]).is("not-socketio", 5);
        let examined = examined.checks(&[
            ("polling-eio4", Some(false)),
            ("polling-eio3", None),
            ("websocket-eio4", Some(false)),
            ("paths", Some(false)),
            ("connect", None),
            ("heartbeat", None),
        ]);
        let examined = examined.says("cause", &[&status[..3], "Apache/2.4", "Welcome"]);
        let evidence = examined.evidence("polling-eio4");
        assert_eq!(
            (&evidence["server"], &evidence["body"]),
            (&"Apache/2.4".into(), &"Welcome [31m".into())
        );
    }
    let ssh = format!(
        "http://{}",
        stub::listen(|mut stream| stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n"))
    );
    examine(&sandbox, &[&ssh]).is("not-socketio", 5).says("cause", &["SSH-2.0-OpenSSH_9.9"]);
    // A front whose server is away is another matter.
    examine(&sandbox, &[&page("502 Bad Gateway")])
        .is("no-answer", 5)
        .says("cause", &["502", "proxy"]);
}

/// A WebSocket that sends back what it hears, wherever it is asked for; `greets` says something first.
fn raw(only: &'static str, greets: Option<&'static str>, echoes: bool) -> String {
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        if !request.wants_websocket() || !request.has(only) {
            return stream.write_all(response("404 Not Found", "", "no page").as_bytes());
        }
        stub::agree(&mut stream, &request)?;
        if let Some(text) = greets {
            stub::say(&mut stream, text)?;
        }
        while let Ok((1, text)) = stub::hear(&mut stream) {
            if echoes {
                stub::say(&mut stream, &String::from_utf8_lossy(&text))?;
            }
        }
        Ok(())
    });
    format!("http://{address}")
}

#[test]
fn a_raw_websocket() {
    let sandbox = Sandbox::new("doctor-raw");
    // Its echo of our 40 is no answer to it.
    for (url, text) in [
        (raw("", None, true), "sends back"),
        (raw("", None, false), "says nothing"),
        (raw("", Some("{\"hello\":1}"), true), "hello"),
    ] {
        let examined = examine(&sandbox, &[&url]).is("not-socketio", 5);
        let examined = examined.checks(&[("websocket-eio4", Some(false)), ("connect", None)]);
        examined.says("cause", &["raw WebSocket", text]).says("command", &["sockeye ws ws://"]);
    }
    // At a path of its own.
    let url = format!("{}/live", raw(" /live", None, true));
    let examined = examine(&sandbox, &[&url]).is("not-socketio", 5);
    examined.says("command", &[&url.replace("http://", "ws://")]);
    // At one that is usual; all other requests stay without an answer, as at Node's bare servers.
    let url = bare(" /ws ");
    let examined = examine(&sandbox, &[&url, "--timeout", "500ms"]).is("not-socketio", 5);
    let command = format!("{}/ws", url.replace("http://", "sockeye ws ws://"));
    examined.says("command", &[&command]);
}

/// A server that closes WebSockets anywhere but there, and says nothing to other requests.
fn bare(only: &'static str) -> String {
    let address = stub::listen(move |mut stream| {
        let request: Request = stub::read_request(&mut stream)?;
        if request.wants_websocket() && !request.has(only) {
            return Ok(());
        }
        if request.wants_websocket() {
            stub::agree(&mut stream, &request)?;
        }
        stream.read_to_end(&mut Vec::new()).map(|_| ())
    });
    format!("http://{address}")
}

#[test]
fn nothing_answers() {
    let sandbox = Sandbox::new("doctor-no-answer");
    let silent = || {
        format!(
            "http://{}",
            stub::listen(|mut stream| stub::read_request(&mut stream)
                .and_then(|_| stream.read_to_end(&mut Vec::new()))
                .map(|_| ()))
        )
    };
    let closing = format!("http://{}", stub::listen(|_| Ok(())));
    for (url, text) in [
        (bare(" nowhere"), "some it closes, on others it says nothing; "),
        (silent(), "then says nothing; "),
        (closing, "closes it without an answer; "),
    ] {
        let examined = examine(&sandbox, &[&url, "--timeout", "500ms"]).is("no-answer", 5);
        let examined = examined.says("cause", &[text, "other paths have no Engine.IO either."]);
        examined.says("fix", &["--path"]).checks(&[("paths", Some(false))]);
    }
}
