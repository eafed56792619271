//! A queue in a directory of its own, gone with this.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sockeye_relay::queue::{
    Queue,
    sqlite::{Options, Sqlite},
};

/// Whatever takes longer will not happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Place {
    path: PathBuf,
    pub(crate) queue: Arc<dyn Queue>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);

        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sockeye-inlet-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let queue = Arc::new(Sqlite::open(path.join("queue.db"), options).unwrap());
        Self { path, queue }
    }

    /// The bodies that wait, in their order.
    pub(crate) async fn waiting(&self) -> Vec<String> {
        let seen = self.queue.peek(0, 10_000).await.unwrap();
        seen.iter().map(|task| String::from_utf8_lossy(&task.body).into_owned()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
