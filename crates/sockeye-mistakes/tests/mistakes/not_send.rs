//! A future that holds what can't change threads.

use std::rc::Rc;

use sockeye::{client, event::concurrent, server};

async fn count() {
    let counted = Rc::new(1);
    std::future::ready(()).await;
    drop(counted);
}

fn main() {
    let _ = server::Namespace::new().on("count", count).on_connect(count);
    let _ = client::Namespace::new().on("count", count);
    let _ = client::Namespace::new().on("count", concurrent(count));
}
