//! Our client against other people's servers, and our own: the scenes of `table.rs`, on each server, over each transport.
//!
//! Each test runs its row, two scenes at a time, says which it skipped and why, and names all that failed.
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

use futures_util::{StreamExt as _, stream};
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
    oxide = Oxide;
    own = Own;
}

/// Plays all scenes that fit there.
#[track_caller]
fn run(host: Host, manner: Manner) {
    let only = std::env::var("SOCKEYE_SCENE").unwrap_or_default();
    let Some(servers) = Servers::start(host) else { return };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut scenes = Vec::new();
    for scene in table::SCENES.iter().filter(|scene| scene.name.contains(&only)) {
        match scene.unless.iter().find_map(|unless| unless(host, manner)) {
            Some(reason) => println!("skip {}: {reason}", scene.name),
            None => scenes.push(scene),
        }
    }
    // They wait more than they work, so two go on at a time; but one counts what the process has open.
    let (alone, beside): (Vec<_>, Vec<_>) =
        scenes.into_iter().partition(|scene| scene.name.ends_with("nothing_is_kept_of_failures"));
    let failures = runtime.block_on(async {
        let play = |scene| play(scene, Ground::new(host, manner, &servers));
        let mut failures: Vec<_> =
            stream::iter(beside).map(play).buffer_unordered(2).collect().await;
        failures.extend(stream::iter(alone).then(play).collect::<Vec<_>>().await);
        failures
    });
    let failures: Vec<_> = failures.into_iter().flatten().collect();
    let failures: Vec<_> =
        failures.iter().map(|failure| format!("{host:?}, {manner:?}, {failure}")).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Plays one scene; what went wrong, if something did.
async fn play(Scene { name, play, .. }: &Scene, ground: Ground) -> Option<String> {
    let start = Instant::now();
    let playing = tokio::spawn(play(ground));
    let abort = playing.abort_handle();
    let failure = match timeout(LIMIT, playing).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => {
            abort.abort();
            Some(format!("not over after {LIMIT:?}"))
        }
    };
    println!("{} {name} {:?}", if failure.is_none() { "ok  " } else { "FAIL" }, start.elapsed());
    failure.map(|failure| format!("{name}: {failure}"))
}
