//! `-v`, `-vv`, `-vvv` and `--trace`: what is shown from when on, and what never is.

use std::{
    fs,
    io::{self, Write as _},
    net::TcpStream,
};

use serde_json::Value;
use sockeye_testkit::stub;

use crate::{
    sandbox::{Run, Sandbox},
    server::Running,
};

/// The lines on standard error without what differs from run to run: times, ports, sizes.
fn shown(run: &Run) -> Vec<String> {
    let mask = |line: &str| {
        let line = line.strip_prefix('+').map_or(line, |line| line.split_once(' ').unwrap().1);
        let mut masked = String::new();
        for c in line.chars() {
            let c = if c.is_ascii_digit() { '#' } else { c };
            if !(c == '#' && masked.ends_with('#')) {
                masked.push(c);
            }
        }
        masked
    };
    run.stderr.lines().map(mask).collect()
}

/// Whether there are lines that begin so, one behind the other.
#[track_caller] // a failure points at the row, not at this function
fn has(run: &Run, expect: &[&str]) {
    let lines = shown(run);
    let mut rest = lines.iter();
    for begin in expect {
        assert!(rest.any(|line| line.starts_with(begin)), "{begin:?} in {lines:#?}");
    }
}

/// The layers of the lines on standard error, each once, in their order.
fn layers(run: &Run) -> Vec<String> {
    let mut layers: Vec<String> = Vec::new();
    for line in shown(run) {
        let layer = line.split(' ').next().unwrap().to_owned();
        if !layers.contains(&layer) && !layer.is_empty() {
            layers.push(layer);
        }
    }
    layers
}

#[test]
fn each_v_shows_one_layer_more() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-layers"));
    let emit = |verbose: &str| {
        let way = ["--transport", "websocket", "--auth", r#"{"token":"s3cret"}"#];
        let args = ["emit", &running.at("/imchat"), "echo", "hi", "--ack", verbose];
        let run = sandbox.run(&[&args[..], &way].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(!run.stderr.contains('\u{1b}'), "coloured, but not for a terminal: {run:?}");
        run
    };
    let run = emit("-v");
    assert_eq!(layers(&run), ["TCP", "HTTP", "##:##:##.#"].map(|layer| layer.replace("##", "#")));
    let connecting = [
        "TCP    connected to #.#.#.#:# (#.# ms)",
        "HTTP → GET /socket.io/?EIO=#&transport=websocket",
        "HTTP ← # Switching Protocols (GET, # B)",
    ];
    has(&run, &connecting);

    let run = emit("-vv");
    has(&run, &connecting);
    has(
        &run,
        &[
            "HTTP ← # Switching Protocols",
            r#"EIO  ← # OPEN {"sid":"‹redacted›","upgrades":[],"pingInterval":#"#,
            "SIO  → # CONNECT /imchat auth ‹redacted›",
            r#"SIO  ← # CONNECT /imchat {"sid":"‹redacted›"}"#,
            r#"SIO  ← # EVENT /imchat ["welcome",{"token":"‹redacted›"}]"#,
            r#"SIO  → # EVENT /imchat id=# ["echo","hi"]"#,
            r#"SIO  ← # ACK /imchat id=# ["hi"]"#,
        ],
    );
    assert!(!layers(&run).contains(&"WS".to_owned()), "{run:?}");

    let run = emit("-vvv");
    has(
        &run,
        &[
            "HTTP → GET",
            "              upgrade: websocket",
            "HTTP ← # Switching",
            "              upgrade: websocket",
            "WS   ← text # B",
            "EIO  ← # OPEN",
            "WS   → text # B",
            "EIO  → # MESSAGE # B",
            "SIO  → # CONNECT",
            "WS   → close #",
        ],
    );
}

#[test]
fn polling_shows_its_packets() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-polling"));
    let url = &running.url;
    let bin = r#"{"$bin":"AP8="}"#;
    let emit = |verbose: &str| {
        sandbox.run(&["emit", url, "echo", bin, "--ack", verbose, "--transport", "polling"])
    };
    let run = emit("-v");
    // What goes on later is none of connecting.
    let requests = shown(&run).iter().filter(|line| line.starts_with("HTTP →")).count();
    assert_eq!(requests, 1, "{run:?}");
    has(
        &emit("-vv"),
        &[
            "HTTP → GET /socket.io/?EIO=#&transport=polling",
            "HTTP ← # OK (GET, # B)",
            "EIO  ← # OPEN",
            "HTTP → POST /socket.io/?EIO=#&transport=polling&sid=‹redacted› (# B)",
            "SIO  → # CONNECT /",
            r#"SIO  → # EVENT / id=# attachments=# ["echo",{"_placeholder":true,"num":#}]"#,
            "SIO  → attachment #/# # B",
            "SIO  ← # ACK / id=# attachments=#",
            "SIO  ← attachment #/# # B",
        ],
    );
}

#[test]
fn a_raw_websocket_shows_its_messages() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-ws"));
    let url = running.url.replace("http:", "ws:");
    let url = format!("{url}/socket.io/?EIO=4&transport=websocket&token=s3cret");
    let run = sandbox.run(&["ws", &url, "-vv"]);
    has(
        &run,
        &[
            "TCP",
            "HTTP → GET /socket.io/?EIO=#&transport=websocket&token=‹redacted›",
            "HTTP ← #",
            "WS   ← text # B #{",
        ],
    );
    assert!(run.stderr.contains(r#""sid":"‹redacted›""#) && !run.stderr.contains("s3cret"));
}

#[test]
fn a_file_gets_everything_as_json() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-file"));
    let long = "x".repeat(20_000);
    let args = ["emit", &running.at("/imchat"), "echo", &long, "--ack", "--trace", "out.jsonl"];
    let run = sandbox.run(&[&args[..], &["--transport", "websocket"]].concat());
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "nothing is shown without -v");
    let text = fs::read_to_string(sandbox.path("out.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |layer: &'static str| lines.iter().filter(move |line| line["layer"] == layer);
    for layer in ["tcp", "http", "ws", "eio", "sio"] {
        assert!(of(layer).count() > 0, "{layer} in {text}");
    }
    assert!(text.lines().all(|line| line.starts_with(r#"{"t":"2"#)), "{text}");
    let request = of("http").next().unwrap();
    assert_eq!((&request["dir"], &request["method"]), (&"out".into(), &"GET".into()));
    assert_eq!(request["headers"]["upgrade"], "websocket");
    let ack = of("sio").find(|line| line["kind"] == "ACK").unwrap();
    assert_eq!((&ack["dir"], &ack["nsp"]), (&"in".into(), &"/imchat".into()));
    // What is long is cut, with its length.
    assert_eq!(ack["data_bytes"], 20_004);
    assert!(ack["data"].as_str().is_some_and(|data| data.len() < 20_000), "{ack}");

    let run = sandbox.run(&["emit", &running.url, "echo", "--trace", "/nowhere/at/all"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("--trace"), "{run:?}");
}

#[test]
fn what_is_long_is_cut_with_its_length() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-long"));
    let long = "é".repeat(1_000);
    let run = sandbox.run(&["emit", &running.url, "echo", &long, "--ack", "-vv"]);
    has(&run, &[r#"SIO  → # EVENT / id=# ["echo","éé"#]);
    assert!(run.stderr.contains("é… (2011 B)"), "{run:?}");
    assert!(run.stderr.lines().all(|line| line.chars().count() < 450), "{run:?}");
}

/// Everything that nobody else may know, as the test below gives it, or its server does.
const SECRETS: [&str; 9] = [
    "auth-token-1",
    "longer-than-chance-1",
    "header-token-1",
    "cookie-value-1",
    "api-key-1",
    "query-token-1",
    "engine-sid-1",
    "set-cookie-1",
    "proxy-pass-1",
];

/// A server on polling whose refusal repeats all that it knows, as netty-socketio does.
fn repeat_everything(stream: &mut TcpStream) -> io::Result<()> {
    let mut heard = String::new();
    loop {
        let request = stub::Request::read(stream)?;
        heard += &request.head;
        heard += &request.body;
        let body = if request.has("POST") {
            "ok".to_owned()
        } else if request.has("sid=") {
            let message = serde_json::json!({ "message": heard, "data": { "again": heard } });
            format!("44/imchat,{message}")
        } else {
            r#"0{"sid":"engine-sid-1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#
                .into()
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nset-cookie: io=set-cookie-1; Path=/\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}

/// A proxy in front of it.
fn guard(mut stream: TcpStream) -> io::Result<()> {
    assert!(stub::Request::read(&mut stream)?.line.starts_with("CONNECT "));
    stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n")?;
    repeat_everything(&mut stream)
}

#[test]
fn secrets_are_never_shown_unless_asked_for() {
    let proxy = format!("http://me:proxy-pass-1@{}", stub::listen(guard).unwrap());
    let sandbox = Sandbox::new("trace-secrets");
    let run = |more: &[&str]| {
        let auth = r#"{"token":"auth-token-1","user":{"note":"longer-than-chance-1"}}"#;
        let args = [
            &["emit", "http://im.example.invalid/imchat", "chat", "--transport", "polling"][..],
            &["-x", &proxy, "--auth", auth, "--query", "access_token=query-token-1"],
            &["-H", "Authorization: Bearer header-token-1", "-H", "Cookie: a=cookie-value-1"],
            &["-H", "X-Api-Key: api-key-1"],
        ];
        let run = sandbox.run(&[&args.concat()[..], more].concat());
        assert_eq!(run.code, Some(7), "{run:?}");
        run
    };
    for verbose in [&[][..], &["-v"], &["-vv"], &["-vvv", "--trace", "out.jsonl"]] {
        let run = run(verbose);
        for secret in SECRETS {
            assert!(!run.stderr.contains(secret), "{verbose:?} {secret}: {}", run.stderr);
        }
        assert!(run.stderr.contains("‹redacted›"), "the refusal repeats them: {}", run.stderr);
    }
    has(
        &run(&["-v"]),
        &["TCP    connected", "PROXY  http://#.#.#.#:# connected to im.example.invalid:#"],
    );
    let written = fs::read_to_string(sandbox.path("out.jsonl")).unwrap();
    for secret in SECRETS {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
    let run = run(&["-vvv", "--show-secrets", "--trace", "out.jsonl"]);
    let written = fs::read_to_string(sandbox.path("out.jsonl")).unwrap();
    for secret in &SECRETS[..8] {
        assert!(run.stderr.contains(secret), "{secret}: {}", run.stderr);
        assert!(written.contains(secret), "{secret}: {written}");
    }
    assert!(!run.stderr.contains("‹redacted›") && !written.contains("‹redacted›"));
}

#[test]
fn tokens_of_a_command_are_secret_too() {
    let (running, sandbox) = (Running::start(), Sandbox::new("trace-bearer"));
    let token = ["--bearer-cmd", "echo t0k3n-of-command", "-vvv"];
    let args = ["emit", &running.url, "headers", "authorization", "--ack"];
    let run = sandbox.run(&[&args[..], &token].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.contains("t0k3n-of-command"), "data is shown as it is: {run:?}");
    assert!(!run.stderr.contains("t0k3n-of-command"), "{run:?}");
}

#[test]
fn tls_shows_what_was_agreed_on() {
    let sandbox = Sandbox::new("trace-tls");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "im.example.com");
    sandbox.write("cert.pem", params.self_signed(&key).unwrap().pem());
    sandbox.write("key.pem", key.serialize_pem());
    let files = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = sandbox.serve(&[&["--echo", "--log", "off"], &files[..]].concat());
    let url = &server.ready().replace("127.0.0.1", "localhost");
    let run = sandbox.run(&["emit", url, "echo", "--ack", "-k", "-v"]);
    has(
        &run,
        &[
            "DNS    localhost is ",
            "TCP    connected to ",
            "TLS    #.# with localhost, http/#.#, certificate of CN=im.example.com (#.# ms)",
            "HTTP → GET /socket.io/",
        ],
    );
}
