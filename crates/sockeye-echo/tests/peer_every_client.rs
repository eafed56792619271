//! Our server and every client that Socket.IO has had understand each other, over each transport, and behind nginx.

use std::path::Path;

use sockeye_testkit::matrix::{Client, Transport};
use sockeye_testkit::{Peer, PeerError, clients, matrix, pinned};

clients! {
    check;
    npm_2 = Npm2: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_3 = Npm3: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_4 = Npm4: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    npm_4_msgpack = Npm4Msgpack: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    python_asyncio = PythonAsyncio: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    python_asyncio_msgpack = PythonAsyncioMsgpack: polling = Polling, websocket = WebSocket;
    python_blocking = PythonBlocking: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
    rust = Rust: polling = Polling, upgrade = Upgrade, websocket = WebSocket;
}

#[track_caller]
fn check(client: Client, transport: Transport) -> Result<(), PeerError> {
    matrix::run(client, transport, serve, |url| Ok(url.to_owned()))
}

/// With nginx's configuration for WebSockets, and without it, where polling has to go on.
mod behind_nginx {
    use super::*;

    clients! {
        check;
        npm_2 = Npm2: polling = Stuck, upgrade = Upgrade;
        npm_4 = Npm4: polling = Stuck, upgrade = Upgrade;
        python_blocking = PythonBlocking: polling = Stuck, upgrade = Upgrade;
        rust = Rust: polling = Stuck, upgrade = Upgrade;
    }

    #[track_caller]
    fn check(client: Client, transport: Transport) -> Result<(), PeerError> {
        let folder = format!("nginx-ours-{client:?}-{transport:?}");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
        matrix::run_behind_nginx(client, transport, serve, &folder)
    }
}

fn serve(port: &str, flags: &[&str]) -> Result<Peer, PeerError> {
    let mut server = pinned::example("interop_server");
    server.args(["--port", port]).args(flags);
    Peer::launch_for(matrix::PATIENCE, server, "listening on ")
}
