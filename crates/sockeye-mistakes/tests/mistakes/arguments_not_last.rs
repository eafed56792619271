//! The arguments before another parameter.

use sockeye::{client, event::{Args, RawArgs}, server};

fn main() {
    let _ = server::Namespace::new()
        .on("args", async |_: Args<(String,)>, _: server::Socket| {})
        .on("raw", async |_: RawArgs, _: server::Socket| {});
    let _ = client::Namespace::new()
        .on("args", async |_: Args<(String,)>, _: client::Socket| {});
}
