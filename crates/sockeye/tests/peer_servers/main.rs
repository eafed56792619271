//! Our client against other people's servers: the scenes of `table.rs`, on each server, over each transport.
//!
//! Each test runs its row one scene after the other, says which it skipped and why, and names all that failed.
//! `SOCKEYE_SCENE=name` runs only scenes with this in their names.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed step is a failed test"
)]
#![allow(clippy::print_stdout, reason = "a test has to say what it skipped")]

mod acks;
mod deliveries;
mod door;
mod ground;
mod joining;
mod lost;
mod secure;
mod story;
mod table;
mod volume;

use ground::{Ground, Manner, Servers};
use sockeye_testkit::host_peer::Host;
use table::Scene;
use tokio::{
    runtime::Builder,
    time::{Duration, Instant, timeout},
};

/// How long a scene may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A test for each server and each manner of travelling.
macro_rules! rows {
    ($($host:ident = $Host:ident;)+) => {
        $(mod $host {
            use super::*;

            #[test]
            fn polling() {
                run(Host::$Host, Manner::Polling);
            }

            #[test]
            fn upgrade() {
                run(Host::$Host, Manner::Upgrade);
            }

            #[test]
            fn websocket() {
                run(Host::$Host, Manner::WebSocket);
            }
        })+
    };
}

rows! {
    npm_4 = Npm4;
    npm_3 = Npm3;
    npm_2 = Npm2;
    python_asyncio = PythonAsyncio;
    python_threads = PythonThreads;
    netty = Netty;
}

/// Plays all scenes that fit there.
#[track_caller]
fn run(host: Host, manner: Manner) {
    let only = std::env::var("SOCKEYE_SCENE").unwrap_or_default();
    let Some(servers) = Servers::start(host) else { return };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut failures = Vec::new();
    for Scene { name, unless, play } in table::SCENES {
        if !name.contains(&only) {
            continue;
        }
        if let Some(reason) = unless.iter().find_map(|unless| unless(host, manner)) {
            println!("skip {name}: {reason}");
            continue;
        }
        let start = Instant::now();
        let playing = runtime.spawn(play(Ground::new(host, manner, &servers)));
        let abort = playing.abort_handle();
        let failure = match runtime.block_on(async { timeout(LIMIT, playing).await }) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => {
                abort.abort();
                Some(format!("not over after {LIMIT:?}"))
            }
        };
        println!(
            "{} {name} {:?}",
            if failure.is_none() { "ok  " } else { "FAIL" },
            start.elapsed()
        );
        failures.extend(failure.map(|failure| format!("{host:?}, {manner:?}, {name}: {failure}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
