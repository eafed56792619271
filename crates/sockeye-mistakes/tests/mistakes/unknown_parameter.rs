//! A parameter that nothing gives.

use sockeye::{client, event::Args, server};

struct Database;

async fn first(_database: Database, _: Args<(String,)>) {}

async fn last(_database: Database) {}

fn main() {
    let _ = server::Namespace::new()
        .on_connect(last)
        .on("first", first)
        .on_any(last)
        .on_disconnect(last);
    let _ = client::Client::builder("http://localhost")
        .on_connect(last)
        .on("first", first)
        .on_any(last)
        .on_disconnect(last);
}
