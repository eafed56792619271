//! Every server for our client's tests keeps their contract: npm's client says so, and their records outlive them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};
use sockeye_testkit::{Peer, PeerError, host_peer::Host, matrix, pinned};

/// A test of each, in a module of its name.
macro_rules! hosts {
    ($($host:ident = $Host:ident with $client:literal;)+) => {
        $(mod $host {
            use super::*;

            #[test]
            fn keeps_the_contract() {
                contract(Host::$Host, $client);
            }

            #[test]
            fn honours_flags() {
                flags(Host::$Host);
            }
        })+
    };
}

hosts! {
    npm_4 = Npm4 with "4";
    npm_3 = Npm3 with "3";
    npm_2 = Npm2 with "2";
    python_asyncio = PythonAsyncio with "4";
    python_threads = PythonThreads with "4";
    oxide = Oxide with "4";
    netty = Netty with "2";
    own = Own with "4";
}

/// npm's client does not poll in binary under Node.js; its parser can.
#[test]
fn netty_polls_in_binary() {
    let flags = ["--ping-interval", "1000", "--ping-timeout", "1000"];
    let Some(server) = Host::Netty.launch(&flags) else { return };
    let Some(mut command) = pinned::node("js/stub_netty_client.mjs") else { return };
    command.arg(server.ready());
    let mut client = Peer::launch_for(matrix::PATIENCE, command, "ok ").unwrap();
    assert_eq!(client.remaining_lines().unwrap().len(), 4, "{}", client.transcript());
    assert!(client.finish().unwrap().success());
}

/// Lets npm's client of that version check it, kills it and reads its record.
#[track_caller]
fn contract(host: Host, client: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let record = folder.join(format!("record-{host:?}.jsonl"));
    let _ = fs::remove_file(&record); // there is none the first time
    let Some(server) = host.launch(&["--record", record.to_str().unwrap()]) else { return };
    let Some(mut command) = pinned::node("js/host_client.mjs") else { return };
    // With `b64=1`, which npm's client polls with, this one spoils all but ASCII.
    let transports =
        if host == Host::Netty { "websocket,upgrade" } else { "polling,upgrade,websocket" };
    let without = [
        (host.has_guarded(), "refuses"),
        (host.tells_transport(), "names_transports"),
        (host.closes_sessions(), "closes"),
    ];
    let without: Vec<_> =
        without.into_iter().filter(|(has, _)| !has).map(|(_, check)| check).collect();
    command.args(["--client", client, "--transports", transports, "--refusal", host.refusal()]);
    command.args(["--without", &without.join(","), server.ready()]);
    let mut client = Peer::launch_for(matrix::PATIENCE, command, "").unwrap();
    let mut passed = vec![client.ready().to_owned()];
    while passed.last().unwrap() != "ok records" {
        match client.next_line() {
            Ok(line) => passed.push(line),
            Err(error @ PeerError::Ended { .. }) => panic!("{host:?}: {error}"),
            Err(error) => panic!("{host:?}: {error}\nthe server:\n{}", server.transcript()),
        }
    }
    let url = server.ready().to_owned();
    drop(server);
    assert!(passed.iter().all(|line| line.starts_with("ok ")), "{host:?}: {passed:#?}");
    assert_eq!(passed.len(), 13 - without.len(), "{host:?}: {passed:#?}");
    // Killed, it comes back where it was, and keeps what it had.
    let port = url.rsplit(':').next().unwrap();
    let again = host.launch(&["--port", port, "--record", record.to_str().unwrap()]).unwrap();
    assert_eq!(again.ready(), url);
    let lines = fs::read_to_string(&record).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expect = [
        json!({"event": "message", "args": [7, "é"]}),
        json!({"event": "action", "args": ["b", {"is": null}]}),
        json!({"event": "chat", "args": [9]}),
    ];
    assert_eq!(lines, expect, "{host:?}");
}

/// Reads from its handshake what it was told.
#[track_caller]
fn flags(host: Host) {
    let told = ["--ping-interval", "2000", "--ping-timeout", "3000", "--max-payload", "5000"];
    let mut told = told.to_vec();
    told.extend(["--path", "/x", "--transports", "polling,websocket"]);
    if host.has_cookie() {
        told.extend(["--cookie", "id"]);
    }
    if host.can_forbid_upgrades() {
        told.extend(["--upgrades", "off"]);
    }
    let Some(server) = host.launch(&told) else { return };
    let answer = get(server.ready(), &format!("/x/?EIO={}&transport=polling", host.version()));
    let handshake = &answer[answer.find("0{").expect(&answer) + 1..];
    let mut values = serde_json::Deserializer::from_str(handshake).into_iter::<Value>();
    let handshake = values.next().unwrap().expect(&answer);
    assert_eq!(handshake["pingInterval"], 2000, "{host:?}: {answer}");
    assert_eq!(handshake["pingTimeout"], 3000, "{host:?}: {answer}");
    let upgrades = if host.can_forbid_upgrades() { json!([]) } else { json!(["websocket"]) };
    assert_eq!(handshake["upgrades"], upgrades, "{host:?}: {answer}");
    // Engine.IO 3 and early servers of 4 say nothing of it.
    if let Some(max_payload) = handshake.get("maxPayload") {
        assert_eq!(max_payload, 5000, "{host:?}: {answer}");
    }
    let sid = handshake["sid"].as_str().unwrap();
    let cookie = format!("id={sid}; ");
    assert_eq!(answer.contains(&cookie), host.has_cookie(), "{host:?}: {answer}");
    let elsewhere = get(server.ready(), "/socket.io/?EIO=4&transport=polling");
    assert!(!elsewhere.contains("sid"), "{host:?}: {elsewhere}");
}

/// All of an answer, its head included.
fn get(url: &str, path: &str) -> String {
    let authority = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
