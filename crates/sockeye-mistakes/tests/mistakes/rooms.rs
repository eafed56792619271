//! What names no room.

use sockeye::server::Socket;

struct Game(u64);

async fn enter(socket: Socket) {
    socket.join(Game(1));
    let _ = socket.to(["one", "two"]);
    socket.leave(Some("lobby"));
}

fn main() {}
