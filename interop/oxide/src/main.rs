//! A socketioxide server: with the events of the interop server that the bench drives, or for the tests of our client.

mod args;
mod host;

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use serde_json::Value;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::{SocketIo, SocketIoBuilder, TransportType};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// What the contract allows to be sent at once: its usual bound of 128 packets fails a larger burst.
const HOST_BUFFER: usize = 65_536;

/// The same flags as the interop server has, as far as socketioxide can honour them.
#[derive(Debug, Parser)]
struct Flags {
    /// Port to listen on, on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Time between two pings, in milliseconds.
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,
    /// Time a client has to answer a ping, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    ping_timeout: u64,
    /// Serve the namespaces and events that our client's tests ask for, until standard input closes.
    #[arg(long)]
    host: bool,
    /// Transports, separated by commas.
    #[arg(long, value_delimiter = ',', requires = "host")]
    transports: Vec<TransportType>,
    /// Path of the server.
    #[arg(long, requires = "host")]
    path: Option<String>,
    /// Largest message accepted from a client, in bytes.
    #[arg(long, requires = "host")]
    max_payload: Option<u64>,
    /// Append the events to be recorded to this file.
    #[arg(long, requires = "host")]
    record: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    // It handles each event in a task of its own; only on one thread do these begin in order.
    let mut runtime = if flags.host {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build()?.block_on(serve(&flags))
}

async fn serve(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let mut builder = SocketIo::builder()
        .ping_interval(Duration::from_millis(flags.ping_interval))
        .ping_timeout(Duration::from_millis(flags.ping_timeout));
    if flags.host {
        builder = for_host(builder.max_buffer_size(HOST_BUFFER), flags);
    }
    let (layer, io) = builder.build_layer();
    if flags.host {
        host::serve(&io, flags.record.as_deref())?;
    } else {
        io.ns("/", on_connect);
    }

    // As the other servers of the bench: no waiting for a fuller segment.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, flags.port)).await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        // A stream that refuses the option is closed already; serving it will find out.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, Router::new().layer(layer));
    if !flags.host {
        writeln!(io::stdout(), "socketioxide listens on {address}")?;
        return Ok(serving.await?);
    }
    writeln!(io::stdout(), "listening on http://{address}")?;
    tokio::select! {
        served = serving => Ok(served?),
        () = end_of_input() => Ok(()),
    }
}

fn for_host(mut builder: SocketIoBuilder, flags: &Flags) -> SocketIoBuilder {
    if let Some(path) = &flags.path {
        builder = builder.req_path(path.clone());
    }
    if let Some(bytes) = flags.max_payload {
        builder = builder.max_payload(bytes);
    }
    match flags.transports[..] {
        [transport] => builder.transports([transport]),
        _ => builder,
    }
}

/// Whoever launched us holds our standard input open; when it closes, nobody needs us.
async fn end_of_input() {
    let (ended, end) = oneshot::channel::<()>();
    // A thread of its own: a runtime would wait for one of its blocking threads when it ends.
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        drop(ended);
    });
    let _ = end.await;
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
