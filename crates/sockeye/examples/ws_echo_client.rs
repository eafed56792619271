//! A raw WebSocket client that sends back what it gets: `cargo run --example ws_echo_client -- ws://127.0.0.1:9001/path`.

use std::error::Error;

use clap::Parser;
use sockeye::ws::{Connect, Deflate, Message, Options};

#[derive(Parser)]
struct Cli {
    /// Where to connect to.
    url: String,
    /// Offer compression.
    #[arg(long)]
    deflate: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let mut options = Options::default().max_message_bytes(16 * 1024 * 1024);
    if cli.deflate {
        // Some servers ask a client to keep no context only if it says that it can.
        options = options.deflate(Deflate::default().client_no_context_takeover(true));
    }
    let mut socket = Connect::new(cli.url).options(options).connect().await?;
    while let Some(message) = socket.recv().await? {
        if let Message::Text(_) | Message::Binary(_) = message {
            socket.send(message).await?;
        }
    }
    Ok(())
}
