//! Arguments that borrow: no later phase of the compiler is reached beside other mistakes.

use sockeye::{client, event::Args, server};

async fn say(_: Args<(&str,)>) {}

fn main() {
    let _ = server::Namespace::new().on("say", say);
    let _ = client::Namespace::new().on("say", say);
}
