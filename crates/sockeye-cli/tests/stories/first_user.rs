//! Somebody has to reach an old Java server on `/imchat`: each thing that went wrong, what the doctor says, what works.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{
    old_server::old_server,
    sandbox::{Run, Sandbox},
    shell::shell,
};

/// The server, which asks nobody for a version, and does not talk on `/`.
struct JavaServer {
    url: String,
    _runtime: Runtime,
}

impl JavaServer {
    fn start(patience: Duration) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = old_server(patience, patience);
        runtime.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, _runtime: runtime }
    }
}

/// What the doctor says in the end, and with which exit code.
fn doctor(sandbox: &Sandbox, args: &[&str]) -> Value {
    let run = sandbox.run(&[&["doctor", "--json"], args].concat());
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(run.code.map(i64::from), last["exit"].as_i64(), "{run:?}");
    last
}

/// Pastes what the doctor said into a shell, with less patience.
fn paste(sandbox: &Sandbox, diagnosis: &Value) -> Run {
    let command = diagnosis["command"].as_str().unwrap().replace("--for 10s", "--for 500ms");
    let output = shell(sandbox, &command, "").output().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn unexpected_response_from_server() {
    let (server, sandbox) =
        (JavaServer::start(Duration::from_secs(25)), Sandbox::new("story-version"));
    let url = &format!("{}/imchat", server.url);
    // A client of version 4 can't read the answer; others say no more than that it was unexpected.
    let run = sandbox.run(&["emit", url, "echo", "hi", "--ack", "--eio", "4"]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(run.stderr.ends_with(&format!("sockeye doctor {url}\n")), "{run:?}");
    let diagnosis = doctor(&sandbox, &[url, "--eio", "4"]);
    assert_eq!(diagnosis["verdict"], "eio3-server", "{diagnosis}");
    let run = paste(&sandbox, &diagnosis);
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = sandbox.run(&["emit", url, "echo", "hi", "--ack", "--eio", "3"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn silence_because_no_namespace_was_given() {
    let (server, sandbox) =
        (JavaServer::start(Duration::from_secs(25)), Sandbox::new("story-namespace"));
    let url = &server.url;
    // He is connected, to `/`, where nobody answers.
    let run = sandbox.run(&["emit", url, "echo", "hi", "--ack", "--timeout", "1s"]);
    assert_eq!(run.code, Some(8), "{run:?}");
    let report = sandbox.run(&["doctor", url, "--try-nsp", "/imchat", "--try-nsp", "/im"]);
    assert!(report.stdout.contains("/imchat"), "{report:?}");
    let run = sandbox.run(&["emit", &format!("{url}/imchat"), "echo", "hi", "--ack"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn a_certificate_that_nobody_believes() {
    let sandbox = Sandbox::new("story-tls");
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    sandbox.write("cert.pem", certificate.self_signed(&key).unwrap().pem());
    sandbox.write("key.pem", key.serialize_pem());
    let tls = ["--echo", "--log", "off", "--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = sandbox.serve(&tls);
    let url = &server.ready().replace("127.0.0.1", "localhost");
    let run = sandbox.run(&["emit", url, "echo", "hi", "--ack"]);
    assert_eq!(run.code, Some(4), "{run:?}");
    assert!(run.stderr.ends_with(&format!("sockeye doctor {url}\n")), "{run:?}");
    let diagnosis = doctor(&sandbox, &[url, "--save-cert", "server.pem"]);
    assert_eq!(diagnosis["verdict"], "tls-self-signed", "{diagnosis}");
    // What it offers is safe: it says whom to believe, not to believe everybody.
    let command = diagnosis["command"].as_str().unwrap();
    assert!(!command.contains(" -k"), "{command}");
    let run = paste(&sandbox, &diagnosis);
    assert_eq!(run.code, Some(0), "{run:?}");
    let run = sandbox.run(&["emit", url, "echo", "hi", "--ack", "--cacert", "server.pem"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn cut_every_minute() {
    let sandbox = Sandbox::new("story-cut");
    let server = JavaServer::start(Duration::from_secs(1));
    // A WebSocket of a client of version 4: it opens, and a while later the server ends it.
    let socket = server.url.replace("http:", "ws:") + "/socket.io/?EIO=4&transport=websocket";
    let run = sandbox.run(&["ws", &socket, "--linger", "30s"]);
    assert_eq!(run.stdout.lines().nth(1), Some("40"), "{run:?}");
    let url = &format!("{}/imchat", server.url);
    let diagnosis = doctor(&sandbox, &[url, "--eio", "4", "--watch", "30s"]);
    assert_eq!(diagnosis["verdict"], "version-drop", "{diagnosis}");
    let run = paste(&sandbox, &diagnosis);
    assert_eq!(run.code, Some(0), "{run:?}");
    // Twice the time after which it was cut.
    let run = sandbox.run(&["listen", url, "--eio", "3", "--for", "4s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
}
