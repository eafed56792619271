//! Answers that can't be sent.

use sockeye::{client, event::Ack, server};

struct Point;

async fn number() -> u8 {
    1
}

async fn failed() -> Result<(), std::io::Error> {
    Ok(())
}

async fn point() -> Ack<Point> {
    Ack(Point)
}

fn main() {
    let _ = server::Namespace::new().on("number", number).on("failed", failed).on("point", point);
    let _ = server::Namespace::new().on_connect(number).on_disconnect(number);
    let _ = client::Namespace::new().on("number", number).on_connect(number).on_disconnect(number);
}
