//! A socketioxide server with the events of the interop server that the bench drives.

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tokio::net::TcpListener;

/// The same flags as the interop server has.
#[derive(Debug, Parser)]
struct Flags {
    /// Port to listen on, on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// Time between two pings, in milliseconds.
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,
    /// Time a client has to answer a ping, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    ping_timeout: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let (layer, io) = SocketIo::builder()
        .ping_interval(Duration::from_millis(flags.ping_interval))
        .ping_timeout(Duration::from_millis(flags.ping_timeout))
        .build_layer();
    io.ns("/", on_connect);

    // As the other servers of the bench: no waiting for a fuller segment.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, flags.port)).await?.tap_io(|stream| {
        // A stream that refuses the option is closed already; serving it will find out.
        let _ = stream.set_nodelay(true);
    });
    writeln!(std::io::stdout(), "socketioxide listens on 127.0.0.1:{}", flags.port)?;
    axum::serve(listener, Router::new().layer(layer)).await?;
    Ok(())
}

/// The bench sends one argument an event, so one value is all the arguments there are.
async fn on_connect(socket: SocketRef) {
    socket.on("echo", async |Data::<Value>(argument), ack: AckSender| {
        // The client left: nobody waits for this ack.
        let _ = ack.send(&argument);
    });
    socket.on("broadcast", async |io: SocketIo, Data::<Value>(argument)| {
        // It names the sockets that left in between; the bench counts what is missing itself.
        let _ = io.emit("broadcast", &argument).await;
    });
}
