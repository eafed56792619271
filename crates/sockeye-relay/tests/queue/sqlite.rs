//! The embedded queue keeps the promises of a queue, and its own.

mod kept;
mod killed;
mod lanes;
mod model;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::BoxFuture;
use sockeye_relay::queue::{
    Queue,
    sqlite::{Options, Retention, Sqlite},
};

use crate::{
    bench::{Bench, Promises, Wanted},
    conformance::conformance,
};

conformance!(Place);

/// A directory for a file, gone with this.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    fn make() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sockeye-queue-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("queue.db")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Bench for Place {
    fn new() -> BoxFuture<'static, Self> {
        Box::pin(async { Self::make() })
    }

    fn promises(&self) -> Promises {
        Promises {
            refuses_copies: true,
            knows_queued_at: true,
            finds_queued: true,
            counts_done: true,
            bounds_done: true,
            keeps_order: true,
        }
    }

    fn open_as(&self, wanted: Wanted) -> BoxFuture<'_, Arc<dyn Queue>> {
        Box::pin(async move {
            let usual = Options::default();
            let options = Options {
                lease: wanted.lease,
                max_tasks: wanted.max_tasks.unwrap_or(usual.max_tasks),
                done: Retention {
                    count: wanted.max_done.unwrap_or(usual.done.count),
                    ..usual.done
                },
                dead: Retention {
                    count: wanted.max_dead.unwrap_or(usual.dead.count),
                    ..usual.dead
                },
                ..usual
            };
            let queue = Sqlite::open(self.file(), options).expect("the queue opens");
            Arc::new(queue) as Arc<dyn Queue>
        })
    }
}
