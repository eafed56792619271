//! A directory of a test's own, events, and sinks to look at.

use std::{path::PathBuf, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use sockeye::event::RawArgs;
use sockeye_relay::ingress::{
    Backoff, DeadRecords, Ingress, Received, Record, SinkPlan, Spool, SpoolOptions,
    sink::{Sink, SinkError},
};
use tokio::sync::{Semaphore, mpsc};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("sockeye-ingress-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn spool(&self, options: SpoolOptions) -> Spool {
        Spool::open(self.0.join("spool.db"), options).unwrap()
    }

    /// The records that sinks refused, from beside.
    pub(crate) fn dead(&self) -> DeadRecords {
        DeadRecords::open(self.0.join("spool.db")).unwrap()
    }

    pub(crate) async fn ingress(&self, options: SpoolOptions, plans: Vec<SinkPlan>) -> Ingress {
        Ingress::start(self.spool(options), plans).await.unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn event(name: &str, number: u64) -> Received {
    Received {
        target: "main".into(),
        namespace: "/".into(),
        event: name.into(),
        args: RawArgs::from_list(&[number]).unwrap(),
        wants_ack: true,
        ack_id: None,
    }
}

/// The first argument of a record.
pub(crate) fn number(line: &[u8]) -> u64 {
    let line: serde_json::Value = serde_json::from_slice(line).unwrap();
    line["args"][0].as_u64().unwrap()
}

/// Waits until something holds; panics past the limit.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        while !holds() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("it never came: {what}"));
}

/// Tells each record, once it is let through.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) seen: mpsc::UnboundedSender<Record>,
    pub(crate) permits: Arc<Semaphore>,
}

impl Sink for Gate {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        async move {
            self.permits.acquire().await.unwrap().forget();
            self.seen.send(batch[0].clone()).unwrap();
            Ok(1)
        }
        .boxed()
    }
}

/// A sink that lets so many through, and what it tells.
pub(crate) fn gate(
    name: &str,
    open: usize,
) -> (SinkPlan, mpsc::UnboundedReceiver<Record>, Arc<Semaphore>) {
    let (seen, records) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(open));
    let mut plan = SinkPlan::new(name, Gate { seen, permits: permits.clone() });
    plan.backoff = quick();
    (plan, records, permits)
}

pub(crate) const fn quick() -> Backoff {
    Backoff { base: Duration::from_millis(1), max: Duration::from_millis(5) }
}

pub(crate) async fn next(records: &mut mpsc::UnboundedReceiver<Record>) -> Record {
    tokio::time::timeout(LIMIT, records.recv()).await.unwrap().unwrap()
}
