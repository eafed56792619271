//! A Socket.IO server on plain hyper, without a framework: `cargo run --example hyper_server`.
//!
//! For who has such a loop already. It bears clients that read no answers for as long as they like;
//! `server::serve(listener, server.service())` does not.

#![allow(clippy::print_stdout, clippy::print_stderr)] // this is how an example talks

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use sockeye::{
    event::{Ack, RawArgs},
    server::{Namespace, Server},
};
use tower::Service as _;

async fn echo(args: RawArgs) -> Ack<RawArgs> {
    Ack(args)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().namespace("/", Namespace::new().on("echo", echo)).build()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, client) = listener.accept().await?;
        let service = server.service();
        // hyper takes the service shared, tower's trait wants it for itself: a clone costs one count.
        let service = service_fn(move |request| service.clone().call(request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new()) // or a client may send its request for ever
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("{client}: {error}");
            }
        });
    }
}
