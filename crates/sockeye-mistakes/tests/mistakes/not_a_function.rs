//! What is no function: a handler that was called, one that captures, one of too many parameters.

use sockeye::{client, server::{Namespace, Socket}};

async fn say() {}

#[rustfmt::skip]
async fn many(
    _: Socket, _: Socket, _: Socket, _: Socket, _: Socket, _: Socket, _: Socket, _: Socket, _: Socket,
) {}

fn main() {
    let _ = Namespace::new().on("say", say()).on("many", many);
    let _ = client::Namespace::new().on_connect(say());
    let name = String::from("ada");
    let _ = Namespace::new().on("name", async move || drop(name));
}
