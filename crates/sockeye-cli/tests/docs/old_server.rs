//! A server of Socket.IO 2 that asks nobody for a version, as netty-socketio 1.7 does.

use std::time::Duration;

use axum::{Router, extract::Request, middleware::map_request};
use sockeye::{
    event::{Ack, NoAnswer, RawArgs},
    server::{Namespace, Server},
};

/// On `/imchat` it answers `echo` with its arguments; to all else it is silent.
pub(crate) fn old_server(ping_interval: Duration, ping_timeout: Duration) -> Router {
    let silent = || Namespace::new().on_any(async || NoAnswer);
    let imchat = silent().on("echo", async |args: RawArgs| Ack(args));
    let server = Server::builder()
        .engine_v3(true)
        .ping_interval(ping_interval)
        .ping_timeout(ping_timeout)
        .namespace("/", silent())
        .namespace("/imchat", imchat)
        .build()
        .unwrap();
    Router::new().route_service("/socket.io/", server.service()).layer(map_request(as_version_3))
}

async fn as_version_3(mut request: Request) -> Request {
    let uri = request.uri().to_string().replace("EIO=4", "EIO=3");
    *request.uri_mut() = uri.parse().unwrap();
    request
}
