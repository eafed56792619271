//! Calls whose answer can't be read, or whose arguments can't be written.

use sockeye::{client, server};

struct Point;

async fn ask(client: client::Client, socket: server::Socket) {
    let _: Result<Point, _> = client.call("where", ()).await;
    let _: Result<Point, _> = socket.call("where", ()).await;
    let _: Result<(), _> = socket.call("go", (Point,)).await;
    let _ = socket.emit("go", Point);
}

fn main() {}
