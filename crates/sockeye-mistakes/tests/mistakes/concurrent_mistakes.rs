//! Mistakes inside `concurrent` and `on_thread`.

use sockeye::{event::{Args, concurrent, on_thread}, server};

struct Database;

async fn find(_: Database) {}

fn find_slowly(_: Database, _: Args<(String,)>) {}

fn main() {
    let _ = server::Namespace::new().on("find", concurrent(find));
    let _ = server::Namespace::new().on("find", on_thread(find_slowly));
    let _ = server::Namespace::new().on_connect(concurrent(async || {}));
}
