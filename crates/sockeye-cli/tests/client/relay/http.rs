//! Tasks by HTTP, asked for by hand over a socket.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json as value};

use super::{QUEUE, start, until};
use crate::{sandbox::Sandbox, server::Running};

pub(super) fn ask(address: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "{head}host: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Where it listens.
pub(super) fn address(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned()
}

#[test]
fn what_is_posted_is_emitted_and_its_result_found() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-http"));
    let token = sandbox.write("token", "a-token-that-nobody-guesses\n");
    let args =
        ["--from", QUEUE, "--to", &running.url, "--listen", "127.0.0.1:0", "--token-file", &token];
    let mut peer = start(&sandbox, &args);
    let address = address(&until(&mut peer, "\"listening\""));
    until(&mut peer, "\"joined\"");
    assert_eq!(ask(&address, "GET /readyz HTTP/1.1\r\n", "").0, 200);
    assert_eq!(ask(&address, "GET /healthz HTTP/1.1\r\n", "").0, 200);
    assert_eq!(ask(&address, "POST /tasks HTTP/1.1\r\n", "{}").0, 401);
    let bearer = "authorization: Bearer a-token-that-nobody-guesses\r\n";
    let post = format!("POST /tasks HTTP/1.1\r\n{bearer}");
    let (status, body) = ask(&address, &post, r#"{"event":"keep","args":[7],"id":"7"}"#);
    assert_eq!((status, &*body), (201, r#"{"id":"7","state":"queued"}"#));
    let find = format!("GET /tasks/7 HTTP/1.1\r\n{bearer}");
    let found = loop {
        let (status, body) = ask(&address, &find, "");
        assert_eq!(status, 200, "{body}");
        let found: Value = serde_json::from_str(&body).unwrap();
        if found["state"] == "done" {
            break found;
        }
    };
    assert_eq!((&found["result"], running.kept()), (&value!([7]), vec![value!(7)]));
    // Standard input has ended long ago, and that means nothing here.
    assert!(!peer.transcript().contains("drain"));
}

#[test]
fn probes_may_have_an_address_of_their_own() {
    let (running, sandbox) = (Running::start(), Sandbox::new("relay-health"));
    sandbox.write(
        "relay.toml",
        format!("from = \"{QUEUE}\"\nto = \"{}\"\nhealth = \"127.0.0.1:0\"\n", running.url),
    );
    let mut peer = start(&sandbox, &[]);
    let address = address(&until(&mut peer, "\"listening\""));
    until(&mut peer, "\"joined\"");
    assert_eq!(ask(&address, "GET /readyz HTTP/1.1\r\n", "").0, 200);
    let (status, metrics) = ask(&address, "GET /metrics HTTP/1.1\r\n", "");
    assert_eq!(status, 200);
    assert!(metrics.contains("sockeye_relay_claimed_total"), "{metrics}");
    assert_eq!(ask(&address, "POST /tasks HTTP/1.1\r\n", r#"{"event":"e"}"#).0, 404);
}
