//! The server of all clients: it gives back what it gets, and sends bursts of events as fast as they are read.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use sockeye::event::{Ack, Args, RawArgs, Refusal};
use sockeye::server::{BuildError, Namespace, Server, Socket};
use thiserror::Error;
use tokio::net::TcpListener;

/// Why there is no server.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ServeError {
    /// A time is 0.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The port can't be listened on.
    #[error(transparent)]
    Listen(#[from] io::Error),
}

/// Serves until the process ends; `ready` is called once it listens.
///
/// # Errors
///
/// [`ServeError`].
pub fn serve(
    port: u16,
    ping_interval: Duration,
    ping_timeout: Duration,
    ready: impl FnOnce() -> io::Result<()>,
) -> Result<(), ServeError> {
    let namespace = Namespace::new().on("echo", echo).on("burst", burst);
    let server = Server::builder()
        .ping_interval(ping_interval)
        .ping_timeout(ping_timeout)
        .namespace("/", namespace)
        .build()?;
    let app = Router::new().route_service("/socket.io/", server.service());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        ready()?;
        sockeye::server::serve(listener, app).await?;
        Ok(())
    })
}

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

/// So many events wait at a time, which is less than the outbox takes.
const WINDOW: u64 = 256;

async fn burst(socket: Socket, Args((bytes, count)): Args<(usize, u64)>) -> Result<(), Refusal> {
    let text = "x".repeat(bytes);
    for number in 1..=count {
        let sent = socket.emit("event", (&text,))?;
        if number % WINDOW == 0 && !sent.written().await {
            break; // the client has gone
        }
    }
    Ok(())
}
