//! A Socket.IO server on axum with a login, a room and an ack: `cargo run --example axum_server`.

#![allow(clippy::print_stdout)] // this is how an example talks

use std::time::Duration;

use serde::Deserialize;
use sockeye::{
    event::{Ack, Args, Refusal},
    server::{self, Auth, Data, Namespace, Server, Socket},
};

#[derive(Deserialize)]
struct Login {
    name: String,
}

/// The name stays with the socket, as its data.
async fn joined(socket: Socket, Auth(login): Auth<Login>) -> Result<String, Refusal> {
    if login.name.is_empty() {
        return Err(Refusal::new("please give a name"));
    }
    socket.join("lobby");
    Ok(login.name)
}

/// Says it to the others, and tells the speaker how many they are.
async fn say(
    socket: Socket,
    Data(name): Data<String>,
    Args((text,)): Args<(String,)>,
) -> Result<Ack<usize>, Refusal> {
    let sent = socket.to("lobby").emit("said", (&*name, text))?;
    Ok(Ack(sent.queued))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lobby = Namespace::new().on_connect(joined).on("say", say);
    let server = Server::builder().namespace("/lobby", lobby).build()?;
    let app = axum::Router::new()
        .route_service("/socket.io", server.service())
        .route_service("/socket.io/", server.service());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // As `axum::serve`, but with a limit for all that a client may hold; and Ctrl-C lets everybody go in peace.
    server::serve(listener, app)
        .drain(&server, Duration::from_secs(10))
        .until(async { drop(tokio::signal::ctrl_c().await) })
        .await?;
    Ok(())
}
