//! Ctrl-C and SIGTERM: clients are told, then the process ends with its exit code.

#![cfg(unix)]

use std::net::TcpStream;

use rustix::process::{Pid, Signal, kill_process};
use sockeye_testkit::{Peer, PeerError};
use tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    sandbox::{Sandbox, address},
    websocket::{open, tls},
};

fn send(peer: &Peer, signal: Signal) {
    let pid = Pid::from_raw(peer.id().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits for the end; returns the exit code and all that was said.
fn end(mut peer: Peer) -> (Option<i32>, String) {
    let transcript = loop {
        match peer.next_line() {
            Ok(_) => {}
            Err(PeerError::Ended { transcript }) => break transcript,
            Err(error) => panic!("{error}"),
        }
    };
    (peer.finish().unwrap().code(), transcript)
}

#[test]
fn clients_are_told_before_the_end() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(signal: Signal, name: &str, code: i32) {
        let peer = Sandbox::new(&format!("stopping-{name}")).serve(&[]);
        let stream = TcpStream::connect(address(peer.ready())).unwrap();
        // A browser's spare connection, which never sends anything, holds nobody up.
        let _idle = TcpStream::connect(address(peer.ready())).unwrap();
        let (mut websocket, _) = open(peer.ready(), stream);
        send(&peer, signal);
        let Message::Close(Some(close)) = websocket.read().unwrap() else {
            panic!("expected a close frame")
        };
        assert_eq!(close.code, CloseCode::Away);
        // The next read answers the close and waits for the server to end the connection.
        assert!(matches!(websocket.read(), Err(tungstenite::Error::ConnectionClosed)));
        drop(websocket);
        let (found, transcript) = end(peer);
        assert_eq!(found, Some(code), "{transcript}");
        let draining =
            format!("{name}: draining for at most 10s; a second one cuts at once sessions=1\n");
        assert!(transcript.contains(&draining), "{transcript}");
        assert!(transcript.ends_with("drained\n"), "{transcript}");
    }
    check(Signal::INT, "Ctrl-C", 130);
    check(Signal::TERM, "SIGTERM", 0);
}

#[test]
fn clients_on_tls_are_told_too() {
    let sandbox = Sandbox::new("stopping-tls");
    let (peer, stream) = tls(&sandbox);
    let (mut websocket, _) = open(peer.ready(), stream);
    send(&peer, Signal::INT);
    assert!(websocket.read().unwrap().is_close());
    assert!(matches!(websocket.read(), Err(tungstenite::Error::ConnectionClosed)));
    drop(websocket);
    let (code, transcript) = end(peer);
    assert_eq!(code, Some(130), "{transcript}");
    assert!(transcript.ends_with("drained\n"), "{transcript}");
}

#[test]
fn a_client_that_does_not_go_is_cut() {
    let peer = Sandbox::new("stopping-cut").serve(&["--drain", "50ms"]);
    let stream = TcpStream::connect(address(peer.ready())).unwrap();
    let (mut websocket, _) = open(peer.ready(), stream);
    send(&peer, Signal::INT);
    // It gets the close frame and does not answer.
    assert!(websocket.read().unwrap().is_close());
    let (code, transcript) = end(peer);
    assert_eq!(code, Some(130), "{transcript}");
    assert!(transcript.contains("give more time with --drain"), "{transcript}");
}

#[test]
fn a_second_signal_cuts_at_once() {
    let peer = Sandbox::new("stopping-twice").serve(&["--drain", "1h"]);
    let stream = TcpStream::connect(address(peer.ready())).unwrap();
    let (mut websocket, _) = open(peer.ready(), stream);
    send(&peer, Signal::INT);
    assert!(websocket.read().unwrap().is_close());
    send(&peer, Signal::INT);
    let (code, transcript) = end(peer);
    assert_eq!(code, Some(130), "{transcript}");
    assert!(transcript.contains("Ctrl-C: cut sessions=1\n"), "{transcript}");
}

#[test]
fn log_lines_can_be_json() {
    let peer = Sandbox::new("stopping-json").serve(&["--log-format", "json", "--color", "always"]);
    send(&peer, Signal::TERM);
    let (code, transcript) = end(peer);
    assert_eq!(code, Some(0), "{transcript}");
    let lines: Vec<_> = transcript.lines().filter_map(|line| line.strip_prefix("! ")).collect();
    assert!(lines.len() >= 2, "{transcript}");
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
        assert!(line["message"].is_string());
    }
}
