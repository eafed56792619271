//! Parameters that borrow.

use sockeye::{client, server};

async fn text(_: &str) {}

async fn socket(_: &server::Socket) {}

fn main() {
    let _ = server::Namespace::new().on("text", text).on("socket", socket);
    let _ = client::Namespace::new().on("text", text);
}
