//! npm's clients with options that few people set: attachments in base64 on either transport, and subprotocols.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sockeye_testkit::{Peer, matrix, pinned};

#[test]
fn base64_and_subprotocols() {
    let mut server = pinned::example("interop_server");
    server.args(["--port", "0", "--v3"]);
    let server = Peer::launch_for(matrix::PATIENCE, server, "listening on ").unwrap();
    let Some(mut client) = pinned::node("js/client_options.mjs") else { return };
    client.arg(server.ready());
    let mut client = Peer::launch_for(matrix::PATIENCE, client, "ok ").unwrap();
    // The first is the one that it was ready with.
    assert_eq!(client.remaining_lines().unwrap().len(), 6, "{}", client.transcript());
    assert!(client.finish().unwrap().success());
}
