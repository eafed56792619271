//! The floor of relays: a list in Redis, our client, and nothing that a relay is for.

use std::error::Error;

use futures_util::stream::{FuturesUnordered, StreamExt};
use redis::Direction;
use serde::Deserialize;
use serde_json::value::RawValue;
use sockeye::client::Client;
use sockeye::event::RawArgs;

/// How many are under way at a time.
const IN_FLIGHT: usize = 64;

#[derive(Deserialize)]
struct Task {
    event: String,
    args: Vec<Box<RawValue>>,
}

/// Takes tasks off the list `tasks`, emits each with an ack, and removes those that have one; until it is killed.
///
/// # Errors
///
/// Whatever fails: nothing is tried again.
pub fn run(queue: &str, server: &str) -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut redis = redis::Client::open(queue)?.get_multiplexed_async_connection().await?;
        let client = Client::builder(server).websocket_only().connect().await?;
        let mut under_way = FuturesUnordered::new();
        loop {
            let room = IN_FLIGHT - under_way.len();
            let mut claim = redis::pipe();
            for _ in 0..room {
                claim.lmove("tasks", "tasks:bare", Direction::Right, Direction::Left);
            }
            let claimed: Vec<Option<String>> = claim.query_async(&mut redis).await?;
            for text in claimed.into_iter().flatten() {
                under_way.push(emit(&client, text));
            }
            let mut done = Vec::new();
            match under_way.next().await {
                Some(text) => done.push(text?),
                // Nothing is there: a blocking command would do, and is not what is measured.
                None => tokio::time::sleep(std::time::Duration::from_millis(1)).await,
            }
            while let Some(Some(text)) = futures_util::FutureExt::now_or_never(under_way.next()) {
                done.push(text?);
            }
            let mut remove = redis::pipe();
            for text in &done {
                remove.lrem("tasks:bare", -1, text).ignore();
            }
            if !done.is_empty() {
                remove.query_async::<()>(&mut redis).await?;
            }
        }
    })
}

async fn emit(client: &Client, text: String) -> Result<String, Box<dyn Error>> {
    let task: Task = serde_json::from_str(&text)?;
    client.call::<RawArgs>(&task.event, RawArgs::from_list(&task.args)?).await?;
    Ok(text)
}
