//! `sockeye serve --echo`: what one tries the other commands at.

use sockeye_testkit::Peer;

use crate::{lines, sandbox::Sandbox};

#[test]
fn a_server_to_try_things_at() {
    let sandbox = Sandbox::new("echo");
    let server: Peer = sandbox.serve(&["--echo", "--log", "off"]);
    let url = server.ready();
    for eio in ["3", "4"] {
        let echo = ["emit", url, "echo", "1", "--expect", "1", "--eio", eio];
        assert_eq!(lines(&sandbox.run(&echo), 0).len(), 1);
    }
    let message = ["emit", url, "message", "hi", "--wait-event", "message-back"];
    let expect = r#"{"dir":"in","nsp":"/","event":"message-back","args":["hi"]}"#;
    assert_eq!(lines(&sandbox.run(&message), 0), [expect]);
    let auth = &format!("{url}/auth");
    assert!(lines(&sandbox.run(&["emit", auth, "x"]), 7).is_empty());
    let token = ["emit", auth, "x", "--auth", r#"{"token":"secret"}"#];
    assert!(lines(&sandbox.run(&token), 0).is_empty());
}
