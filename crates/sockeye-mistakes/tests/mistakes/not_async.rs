//! Functions that are not async.

use sockeye::{client, event::{Ack, Args, on_thread}, server};

fn say(_: Args<(String,)>) {}

fn count(_: Args<(String,)>) -> Ack<u8> {
    Ack(1)
}

async fn is_async() {}

fn main() {
    let _ = server::Namespace::new().on("say", say).on("count", count).on_connect(|| {});
    let _ = client::Namespace::new().on("say", say).on_disconnect(|| {});
    let _ = client::Namespace::new().on("async", on_thread(is_async));
}
