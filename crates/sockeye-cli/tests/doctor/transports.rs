//! Transports that are switched off, or do not get through; and balancers that forget.

use std::{net::Shutdown, time::Duration};

use crate::{
    examined::examine,
    sandbox::Sandbox,
    server::Running,
    stub::{self, Passed, Request, proxy, response, round_robin},
};

#[test]
fn all_is_well() {
    let running = Running::start_with(|server| {
        server.ping_interval(Duration::from_millis(200)).ping_timeout(Duration::from_secs(2))
    });
    let sandbox = Sandbox::new("doctor-ok");
    let args = [&running.at("/imchat"), "--nsp", "/imchat", "--nsp", "/other"];
    let examined = examine(&sandbox, &args).is("ok", 0).warns(&[]).checks(&[
        ("url", Some(true)),
        ("dns", Some(true)),
        ("tcp", Some(true)),
        ("tls", None),
        ("polling-eio4", Some(true)),
        ("polling-eio3", None),
        ("websocket-eio4", Some(true)),
        ("websocket-eio3", None),
        ("upgrade", Some(true)),
        ("parser-msgpack", None),
        ("heartbeat", Some(true)),
    ]);
    assert_eq!(examined.evidence("connect")["namespace"], "/imchat");
    assert_eq!(examined.evidence("heartbeat")["seen"], true);
    let polling = examined.evidence("polling-eio4");
    let found = (&polling["pingInterval"], &polling["pingTimeout"], &polling["maxPayload"]);
    assert_eq!(found, (&200.into(), &2_000.into(), &1_000_000.into()));
    assert_eq!((&polling["status"], &polling["sids"]), (&200.into(), &1.into()));
    for (transport, skipped) in [("polling", "websocket-eio4"), ("websocket", "polling-eio4")] {
        let examined = examine(&sandbox, &[&running.url, "--transport", transport]).is("ok", 0);
        let examined =
            examined.checks(&[(skipped, None), ("upgrade", None), ("connect", Some(true))]);
        assert_eq!(examined.evidence("connect")["transport"], transport);
    }
}

#[test]
fn polling_is_off() {
    let running = Running::start_with(|server| server.polling(false));
    let sandbox = Sandbox::new("doctor-polling-off");
    for transport in ["auto", "polling"] {
        let examined = examine(&sandbox, &[&running.url, "--transport", transport]);
        let examined = examined.is("polling-disabled", 0).warns(&[]).checks(&[
            ("polling-eio4", Some(false)),
            ("websocket-eio4", Some(true)),
            ("connect", Some(true)),
        ]);
        examined.says("command", &["--transport websocket"]).fix_works(&sandbox);
    }
    examine(&sandbox, &[&running.url, "--transport", "websocket"]).is("ok", 0).warns(&[]);
    // What keeps us out weighs more.
    let examined = examine(&sandbox, &[&running.at("/nowhere")]).is("unknown-namespace", 7);
    examined.warns(&["polling-disabled"]);
}

#[test]
fn websocket_is_off() {
    let running = Running::start_with(|server| server.websocket(false));
    let sandbox = Sandbox::new("doctor-websocket-off");
    for transport in ["auto", "websocket"] {
        let examined = examine(&sandbox, &[&running.url, "--transport", transport]);
        let examined = examined.is("websocket-disabled", 0).warns(&[]);
        let examined =
            examined.checks(&[("polling-eio4", Some(true)), ("websocket-eio4", Some(false))]);
        examined.says("command", &["--transport polling"]).fix_works(&sandbox);
    }
    examine(&sandbox, &[&running.url, "--transport", "polling"]).is("ok", 0).warns(&[]);
}

/// A proxy that takes the header off that asks for a WebSocket, as nginx does unless told otherwise.
fn without_upgrade(request: Request) -> Passed {
    let lines = request.head.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("upgrade:") && !line.starts_with("connection:")
    });
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    Passed::On(format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n")))
}

#[test]
fn websocket_does_not_get_through() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-blocked"));
    let is_websocket = Request::wants_websocket;
    let answers = |status: &'static str| {
        move |request: Request| match is_websocket(&request) {
            true => Passed::Answered(response(status, "via: 1.1 squid\r\n", "")),
            false => Passed::On(request.head),
        }
    };
    let cut = move |request: Request| match is_websocket(&request) {
        true => Passed::AnswerOnly(request.head),
        false => Passed::On(request.head),
    };
    let proxies = [
        (proxy(&running.url, without_upgrade), "Upgrade"),
        (proxy(&running.url, answers("200 OK")), "1.1 squid"),
        (proxy(&running.url, answers("400 Bad Request")), "400"),
        (proxy(&running.url, answers("426 Upgrade Required")), "426"),
        (proxy(&running.url, cut), "cut"),
    ];
    for (url, text) in proxies {
        for transport in ["auto", "websocket"] {
            let args = [&*url, "--transport", transport, "--timeout", "3s"];
            let examined = examine(&sandbox, &args).is("websocket-blocked", 5);
            let examined =
                examined.checks(&[("polling-eio4", Some(true)), ("websocket-eio4", Some(false))]);
            let examined = examined.says("cause", &[text]);
            examined.says(
                "fix",
                &["proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;"],
            );
        }
        examine(&sandbox, &[&url, "--transport", "polling"]).is("ok", 0).warns(&[]);
    }
    // Where the server speaks nothing else, nothing is left.
    let running = Running::start_with(|server| server.polling(false));
    let url = proxy(&running.url, without_upgrade);
    examine(&sandbox, &[&url]).is("websocket-blocked", 5).says("cause", &["WebSocket alone"]);
}

#[test]
fn a_websocket_that_carries_nothing() {
    let (running, sandbox) = (Running::start(), Sandbox::new("doctor-hollow"));
    let backend = running.url.trim_start_matches("http://").to_owned();
    // It passes what the server says, and cuts when the client says something.
    let address = stub::listen(move |mut stream| {
        use std::io::{Read as _, Write as _};

        let request = stub::read_request(&mut stream)?;
        let mut server = std::net::TcpStream::connect(&backend)?;
        server.write_all(format!("{}{}", request.head, request.body).as_bytes())?;
        let mut back = (server.try_clone()?, stream.try_clone()?);
        let passing = std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        if request.wants_websocket() {
            let _ = stream.read(&mut [0; 64]);
            let _ = server.shutdown(Shutdown::Both);
        }
        let _ = passing.join();
        stream.shutdown(Shutdown::Both)
    });
    let examined = examine(&sandbox, &[&format!("http://{address}")]).is("websocket-blocked", 5);
    examined.checks(&[("websocket-eio4", Some(true)), ("upgrade", Some(false))]);
}

#[test]
fn a_balancer_that_forgets() {
    let sandbox = Sandbox::new("doctor-sticky");
    let (one, other) = (Running::start(), Running::start());
    let url = round_robin(&[&one.url, &other.url]);
    for transport in ["auto", "polling"] {
        let examined = examine(&sandbox, &[&url, "--transport", transport]);
        let examined = examined.is("no-sticky-sessions", 5).says("fix", &["ip_hash"]);
        examined.says("command", &["--transport websocket"]).fix_works(&sandbox);
    }
    examine(&sandbox, &[&url, "--transport", "websocket"]).is("ok", 0).warns(&[]);
}
