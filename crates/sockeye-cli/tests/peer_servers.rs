//! `sockeye emit` at other people's servers: what they answer, and how they say no.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "serve/sandbox.rs"]
mod sandbox;

use sandbox::{Run, Sandbox};
use sockeye_testkit::host_peer::Host;

/// Those of others.
const HOSTS: [Host; 7] = [
    Host::Npm4,
    Host::Npm3,
    Host::Npm2,
    Host::PythonAsyncio,
    Host::PythonThreads,
    Host::Oxide,
    Host::Netty,
];

#[test]
fn they_answer() {
    let sandbox = Sandbox::new("peer-servers-answer");
    for host in HOSTS {
        let Some(peer) = host.launch(&[]) else { continue };
        for transport in ["auto", "polling", "websocket"] {
            let url = &format!("{}/imchat", peer.ready());
            let args = ["emit", url, "echo", "1", "e", "--transport", transport];
            let run = sandbox.run(&[&args[..], &["--expect", r#"[1,"e"]"#]].concat());
            assert_eq!(run.code, Some(0), "{host:?} {transport}: {run:?}");
            assert!(run.stdout.contains(r#""args":[1,"e"],"rtt_ms":"#), "{host:?}: {run:?}");
        }
    }
}

#[test]
fn they_say_no() {
    #[track_caller] // a failure points at the row, not at this function
    fn check(host: Host, run: &Run, code: i32, text: &str) {
        assert_eq!((run.code, &*run.stdout), (Some(code), ""), "{host:?}: {run:?}");
        assert!(run.stderr.contains(text), "{host:?}: {run:?}");
    }
    let sandbox = Sandbox::new("peer-servers-no");
    for host in HOSTS {
        let Some(peer) = host.launch(&[]) else { continue };
        let url = peer.ready();
        if host.has_guarded() {
            let run = sandbox.run(&["emit", &format!("{url}/guarded"), "echo"]);
            check(host, &run, 7, "--auth");
        }
        let imchat = &format!("{url}/imchat");
        let run = sandbox.run(&["emit", imchat, "ignore", "--ack", "--timeout", "2s"]);
        check(host, &run, 8, "--timeout");
        let other = if host.version() == 4 { "3" } else { "4" };
        for transport in ["auto", "polling", "websocket"] {
            let args = ["emit", imchat, "echo", "--ack", "--eio", other, "--transport", transport];
            // npm's version 3 serves both.
            if host != Host::Npm3 {
                check(host, &sandbox.run(&args), 6, "--eio");
                // It knows no such namespace; but that is not why.
                let elsewhere = &format!("{url}/nowhere");
                let args = ["emit", elsewhere, "echo", "--eio", other, "--transport", transport];
                check(host, &sandbox.run(&args), 6, "--eio");
            }
        }
        let run = sandbox.run(&["emit", url, "echo", "--path", "/elsewhere/", "--timeout", "2s"]);
        check(host, &run, 5, "--path");
    }
}

/// What they say in the same breath as yes and no.
#[test]
fn their_last_words_are_shown() {
    let sandbox = Sandbox::new("peer-servers-last-words");
    for host in [Host::Npm4, Host::Npm3, Host::Npm2] {
        let Some(peer) = host.launch(&[]) else { continue };
        let all = [("", "left"), ("", "closed"), ("/imchat", "left"), ("/imchat", "closed")];
        for ((nsp, end), transport) in all.iter().flat_map(|one| {
            ["auto", "polling", "websocket"].into_iter().map(move |transport| (one, transport))
        }) {
            // Everybody is in its `/`, and put out there first.
            if host == Host::Npm2 && !nsp.is_empty() {
                continue;
            }
            let url = &format!("{}{nsp}?put-out={end}", peer.ready());
            let what = format!("{host:?} {nsp} {end} {transport}");
            let run = |args: &[&str]| sandbox.run(&[args, &["--transport", transport]].concat());
            let listened = run(&["listen", url, "--states"]);
            let lines: Vec<_> = listened.stdout.lines().collect();
            let [connected, welcome, closed] = lines[..] else { panic!("{what}: {listened:?}") };
            assert!(connected.contains(r#""state":"connected""#), "{what}: {listened:?}");
            assert!(welcome.contains(r#""event":"welcome""#), "{what}: {listened:?}");
            assert!(closed.contains(r#""state":"closed""#), "{what}: {listened:?}");
            assert_eq!(listened.code, Some(9), "{what}: {listened:?}");
            let emitted = run(&["emit", url, "x", "--wait-event", "welcome"]);
            assert!(emitted.stdout.contains(r#""event":"welcome""#), "{what}: {emitted:?}");
            assert_eq!(emitted.code, Some(0), "{what}: {emitted:?}");
        }
    }
}

#[test]
fn their_refusals_are_shown_without_our_secrets() {
    let sandbox = Sandbox::new("peer-servers-secrets");
    for host in HOSTS {
        let Some(peer) = host.launch(&[]) else { continue };
        // What a query holds some servers repeat as a part of the namespace's name, and all that is sent to them.
        let nowhere = &format!("{}/nowhere?token=t0ken-of-query", peer.ready());
        for transport in ["polling", "websocket"] {
            let auth = ["--auth", r#"{"token":"t0ken-of-auth"}"#, "--timeout", "2s", "-vvv"];
            let run = sandbox
                .run(&[&["emit", nowhere, "echo", "--transport", transport], &auth[..]].concat());
            assert!(run.code != Some(0) && run.stderr.contains(" CONNECT /nowhere"), "{run:?}");
            for secret in ["t0ken-of-query", "t0ken-of-auth"] {
                assert!(!run.stderr.contains(secret), "{host:?} {transport}: {}", run.stderr);
            }
        }
    }
}
