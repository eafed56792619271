//! A raw WebSocket server that sends back what it gets: `cargo run --example ws_echo -- --port 9001`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is how an example talks

use std::{error::Error, net::Ipv4Addr};

use clap::Parser;
use sockeye::ws::{self, Deflate, Message, Options};
use tokio::net::{TcpListener, TcpStream};

#[derive(Parser)]
struct Cli {
    /// Port to listen on, on the loopback interface; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Compress, if the client can.
    #[arg(long)]
    deflate: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let mut options = Options::default().max_message_bytes(16 * 1024 * 1024);
    if cli.deflate {
        options = options.deflate(Deflate::default());
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, cli.port)).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        let (stream, client) = listener.accept().await?;
        let options = options.clone();
        tokio::spawn(async move {
            if let Err(error) = echo(stream, &options).await {
                eprintln!("{client}: {error}");
            }
        });
    }
}

async fn echo(stream: TcpStream, options: &Options) -> Result<(), Box<dyn Error>> {
    let mut socket = ws::accept_with(stream, options).await?;
    while let Some(message) = socket.recv().await? {
        if let Message::Text(_) | Message::Binary(_) = message {
            socket.send(message).await?;
        }
    }
    Ok(())
}
