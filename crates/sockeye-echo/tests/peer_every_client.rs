//! Our server and every client that Socket.IO has had understand each other, over each transport.

use sockeye_testkit::matrix::{self, Client, Transport};
use sockeye_testkit::{Peer, PeerError, clients, pinned};

clients! {
    check;
    npm_3 = Npm3: websocket = WebSocket;
    npm_4 = Npm4: websocket = WebSocket;
    python_asyncio = PythonAsyncio: websocket = WebSocket;
    python_blocking = PythonBlocking: websocket = WebSocket;
    rust = Rust: websocket = WebSocket;
}

#[track_caller]
fn check(client: Client, transport: Transport) -> Result<(), PeerError> {
    matrix::run(client, transport, serve, |url| Ok(url.to_owned()))
}

fn serve(port: &str, flags: &[&str]) -> Result<Peer, PeerError> {
    let mut server = pinned::example("interop_server");
    server.args(["--port", port]).args(flags);
    Peer::launch_for(matrix::PATIENCE, server, "listening on ")
}
