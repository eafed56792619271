//! A client at a hostile server, over all of its life: whatever the server says, everything that was asked of the client
//! has an end, nothing panics, and memory stays within a bound.
//!
//! Input: lines. The first has words for the client: `polling`, `websocket`, `msgpack`, `three` or `four` (the version),
//! `again` (it joins again where it was refused). The others are what the server does, connection by connection:
//!
//! ```text
//! <          reads a request's head         tTEXT   sends a text message     *N before an operation
//! >BYTES     sends bytes                    bBYTES  sends a binary message   repeats it, 10^N times
//! aBODY      answers 200                    ~       waits
//! oLENGTH X  answers 200 with a handshake   =       the next connection begins
//!            whose id has that length       u       answers 101
//! ```
#![no_main]

use std::net::Ipv4Addr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use sockeye::client::{Builder, Client, Delays, Parser, Retries, Transport, Version};
use sockeye::event::{Ack, RawArgs};
use sockeye_fuzz::play;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::time::timeout;

/// Longer than all times below together; what has not ended by then never will.
const PATIENCE: Duration = Duration::from_secs(5);

const SOON: Duration = Duration::from_millis(100);

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (words, script) = text.split_once('\n').unwrap_or((&text, ""));
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime for one thread needs a few descriptors alone");
    runtime.block_on(live(words, script));
});

async fn live(words: &str, script: &str) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a port");
    let address = listener.local_addr().expect("it is bound");
    let script = script.to_owned();
    let server = tokio::spawn(async move { play(listener, &script).await });

    let builder = builder(words, &format!("http://{address}"));
    let client = builder.start().expect("nothing is wrong with what was asked for");
    let call = client.call::<RawArgs>("echo", ("text", 1)).timeout(SOON).into_future();
    let delivery = client.deliver("task", ("text", 2));
    let emitted = client.emit("tick", ("text", 3));
    drop(ends("a call", call).await);
    _ = timeout(SOON, client.closed()).await;
    ends("closing", client.close()).await;
    if let Ok(delivery) = delivery {
        drop(ends("a delivery", delivery.acked::<RawArgs>()).await);
    }
    if let Ok(emitted) = emitted {
        drop(ends("an emit", emitted.written()).await);
    }
    server.abort();
}

async fn ends<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} has no end"))
}

fn builder(words: &str, url: &str) -> Builder {
    let delays =
        Delays { first: SOON / 50, max: SOON / 10, attempts: Some(5), ..Delays::default() };
    let mut builder = Client::builder(url)
        .connect_timeout(SOON)
        .reconnect(delays)
        .retries(Retries { ack_timeout: SOON / 4, ..Retries::default() })
        .on("echo", async |args: RawArgs| Ack(args))
        .on("event", async |args: RawArgs| drop(args))
        .retry_first(true);
    for word in words.split(' ') {
        builder = match word {
            "polling" => builder.transports([Transport::Polling]),
            "websocket" => builder.websocket_only(),
            "msgpack" => builder.parser(Parser::MsgPack),
            "three" => builder.version(Version::V3),
            "four" => builder.version(Version::V4),
            "again" => builder.rejoin_if(|_| true),
            _ => builder,
        };
    }
    builder
}
