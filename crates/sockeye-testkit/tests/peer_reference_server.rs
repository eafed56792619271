//! The scenarios that judge our server pass on npm's own, so what they ask for is what Socket.IO does.

#![allow(clippy::expect_used, reason = "a failed step is a failed test")]

use std::path::Path;

use sockeye_testkit::matrix::{self, Client, Transport};
use sockeye_testkit::{Peer, PeerError, clients, pinned};

clients! {
    check;
    npm_2 = Npm2: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_3 = Npm3: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_4 = Npm4: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_4_msgpack = Npm4Msgpack: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    python_asyncio = PythonAsyncio: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    python_asyncio_msgpack = PythonAsyncioMsgpack: websocket = WebSocket;
    python_blocking = PythonBlocking: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    rust = Rust: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
}

mod behind_nginx {
    use super::*;

    clients! {
        check;
        npm_4 = Npm4: polling = Stuck, upgrade = Upgrade;
        rust = Rust: polling = Stuck;
    }

    #[track_caller]
    fn check(client: Client, transport: Transport) -> Result<(), PeerError> {
        if pinned::node("js/server.mjs").is_none() {
            return Ok(());
        }
        let folder = format!("nginx-reference-{client:?}-{transport:?}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        matrix::run_behind_nginx(client, transport, serve, &folder)
    }
}

#[track_caller]
fn check(client: Client, transport: Transport) -> Result<(), PeerError> {
    if pinned::node("js/server.mjs").is_none() {
        return Ok(());
    }
    matrix::run(client, transport, serve, |url| Ok(url.to_owned()))
}

fn serve(port: &str, flags: &[&str]) -> Result<Peer, PeerError> {
    let mut server = pinned::node("js/server.mjs").expect("`check` found it");
    server.args(["--port", port]).args(flags);
    Peer::launch_for(matrix::PATIENCE, server, "listening on ")
}
