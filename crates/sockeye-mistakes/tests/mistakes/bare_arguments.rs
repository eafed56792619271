//! The arguments without `Args`, and of types that can't be read.

use sockeye::{client, event::Args, server};

struct Point;

async fn bare(_text: String) {}

async fn unreadable(_: Args<(Point,)>) {}

fn main() {
    let _ = server::Namespace::new().on("bare", bare).on("unreadable", unreadable);
    let _ = client::Namespace::new().on("bare", bare).on("unreadable", unreadable);
}
