//! What the suite asks of a store: a place of its own, instances on it, and what it promises beyond the trait.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sockeye_relay::queue::Queue;

/// How an instance is to be opened. What is `None` is the store's default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How long claims last without being renewed.
    pub(crate) lease: Duration,
    /// How many tasks may be queued.
    pub(crate) max_tasks: Option<u64>,
    /// How many that are done are remembered.
    pub(crate) max_done: Option<u64>,
    /// How many dead are kept.
    pub(crate) max_dead: Option<u64>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), max_tasks: None, max_done: None, max_dead: None }
    }
}

/// What a store promises, where stores differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promises {
    /// Refuses a copy when it is put; otherwise `finished` knows it once it is claimed.
    pub(crate) refuses_copies: bool,
    /// Knows when a task was put.
    pub(crate) knows_queued_at: bool,
    /// Finds a task by its id while it waits, and can take it out.
    pub(crate) finds_queued: bool,
    /// Counts what is done (`Stats::done`).
    pub(crate) counts_done: bool,
    /// Keeps no more than `Wanted::max_done`, rather than by age alone.
    pub(crate) bounds_done: bool,
    /// Keeps the tasks of one key in order between instances.
    pub(crate) keeps_order: bool,
}

/// A place for tasks that is this test's alone, and is gone with it.
pub(crate) trait Bench: Send + Sync + Sized + 'static {
    /// Whether what the store needs is installed; says so if it is not.
    fn is_there() -> bool {
        true
    }

    /// Makes a place.
    fn new() -> BoxFuture<'static, Self>;

    /// What the store promises.
    fn promises(&self) -> Promises;

    /// Opens another instance on this place.
    fn open_as(&self, wanted: Wanted) -> BoxFuture<'_, Arc<dyn Queue>>;

    /// Opens another instance on this place, with a lease that no test outlasts.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Queue>> {
        self.open_as(Wanted::default())
    }

    /// Ends an instance as a crash does: nothing is given back, nothing renewed.
    fn crash(&self, queue: Arc<dyn Queue>) -> BoxFuture<'_, ()> {
        drop(queue);
        Box::pin(std::future::ready(()))
    }
}

/// Runs a part of the suite, in a place of its own, with a limit on its time.
pub(crate) async fn run<B: Bench, F: AsyncFnOnce(&B)>(part: F) {
    if !B::is_there() {
        return;
    }
    let bench = B::new().await;
    tokio::time::timeout(Duration::from_secs(40), part(&bench))
        .await
        .expect("a store answers in time");
}
