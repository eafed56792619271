//! An ingress at work: takes what targets receive, and serves the sinks.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::{
    FutureExt as _,
    future::{self, BoxFuture},
};
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{
    Backoff, Filter, Gap, IngressStats, Receipt, ReceiveError, Received, Receiver, SinkStats,
    Spool, SpoolError,
    delivering::Delivering,
    record::{Draft, shown},
    sink::Sink,
    spool::{add, now_ms},
    stats::Marks,
};

/// How many names of unwanted events are remembered, each warned of once.
const MAX_NAMES: usize = 256;

/// A sink, and what it is given.
#[derive(Debug)]
pub struct SinkPlan {
    /// What it is known by; the spool remembers by this name how far it is.
    pub name: Arc<str>,
    /// Where records go.
    pub sink: Box<dyn Sink>,
    /// Which events it wants.
    pub filter: Filter,
    /// How many records it is given at once. Default: 256.
    pub max_batch: usize,
    /// When it is tried again.
    pub backoff: Backoff,
    /// How many times it may answer badly to one record before that is laid among the dead. Not being reached does not count.
    /// Default: 16.
    pub max_attempts: u32,
}

impl SinkPlan {
    /// A sink that is given every event.
    pub fn new(name: impl Into<Arc<str>>, sink: impl Sink + 'static) -> Self {
        Self {
            name: name.into(),
            sink: Box::new(sink),
            filter: Filter::default(),
            max_batch: 256,
            backoff: Backoff::default(),
            max_attempts: 16,
        }
    }
}

/// Takes what targets receive, and delivers it.
///
/// Dropping it stops the sinks where they are; what they have not had is in the spool, for the next time.
pub struct Ingress {
    spool: Spool,
    filters: Vec<Filter>,
    lines: Vec<Line>,
    received: AtomicU64,
    unwanted: AtomicU64,
    unwanted_names: Mutex<HashSet<Arc<str>>>,
    /// Told to stop.
    stop: watch::Sender<bool>,
}

/// A sink's task.
struct Line {
    name: Arc<str>,
    marks: Arc<Marks>,
    ended: watch::Receiver<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Ingress {
    /// Starts the sinks; each goes on where it was.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]: the spool can't be written, or two sinks have one name.
    ///
    /// # Cancel safety
    ///
    /// Nothing runs if it is dropped half-way.
    pub async fn start(spool: Spool, plans: Vec<SinkPlan>) -> Result<Self, SpoolError> {
        let names: Vec<_> = plans.iter().map(|plan| plan.name.clone()).collect();
        if names.iter().collect::<HashSet<_>>().len() < names.len() {
            return Err(SpoolError::Unusable {
                path: "spool".into(),
                reason: "two sinks have one name; the spool remembers by it how far each is"
                    .to_owned(),
            });
        }
        let cursors = spool.register(names).await?;
        let (stop, stopped) = watch::channel(false);
        let filters = plans.iter().map(|plan| plan.filter.clone()).collect();
        let lines = plans
            .into_iter()
            .zip(cursors)
            .map(|(plan, cursor)| {
                let marks = Arc::new(Marks::default());
                marks.cursor.store(cursor, Ordering::Relaxed);
                let (ending, ended) = watch::channel(false);
                let name = plan.name.clone();
                let delivering =
                    Delivering::new(spool.clone(), plan, cursor, marks.clone(), stopped.clone());
                let task = tokio::spawn(async move {
                    // The sender goes with the task: a sink that stops is no sink that has ended.
                    if delivering.run().await {
                        ending.send_replace(true);
                    }
                });
                Line { name, marks, ended, task: Mutex::new(Some(task)) }
            })
            .collect();
        Ok(Self {
            spool,
            filters,
            lines,
            received: AtomicU64::new(0),
            unwanted: AtomicU64::new(0),
            unwanted_names: Mutex::default(),
            stop,
        })
    }

    /// Waits until a sink has ended by itself, such as standard output that nobody reads any more; says its name.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
    pub async fn ended(&self) -> Arc<str> {
        let ends = self.lines.iter().map(|line| {
            let (mut ended, name) = (line.ended.clone(), line.name.clone());
            async move {
                if ended.wait_for(|ended| *ended).await.is_err() {
                    future::pending::<()>().await;
                }
                name
            }
            .boxed()
        });
        let ends: Vec<_> = ends.collect();
        if ends.is_empty() {
            return future::pending().await;
        }
        future::select_all(ends).await.0
    }

    /// Takes nothing more, gives the sinks this time to take what there is, and stops them. What is left is in the spool. Says
    /// whether nothing is.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, sinks may still be at work; call it again.
    pub async fn close(&self, grace: Duration) -> bool {
        let end = Instant::now() + grace;
        self.spool.close();
        let last = timeout_at(end, self.spool.flush()).await.ok().and_then(Result::ok);
        let mut is_drained = last.is_some();
        if let Some(last) = last {
            for line in &self.lines {
                let mut ended = line.ended.clone();
                let drained = async {
                    let mut tick = tokio::time::interval(Duration::from_millis(10));
                    while line.marks.cursor.load(Ordering::Relaxed) < last
                        && !*ended.borrow_and_update()
                    {
                        tick.tick().await;
                    }
                };
                is_drained &= timeout_at(end, drained).await.is_ok();
            }
        }
        self.stop.send_replace(true);
        for line in &self.lines {
            let task = line.task.lock().take();
            if let Some(mut task) = task {
                // What is being written is given a moment, for its cursor to be stored.
                let moment = end.max(Instant::now() + Duration::from_millis(500));
                if timeout_at(moment, &mut task).await.is_err() {
                    task.abort();
                    let _ = task.await; // it was told to end
                }
            }
        }
        is_drained
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> IngressStats {
        let tally = self.spool.tally();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last = *self.spool.tail().borrow();
        let (lost, dead) = (tally.lost.lock().clone(), tally.dead.lock().clone());
        let sinks = self.lines.iter().map(|line| {
            let at_ms = of(&line.marks.at_ms);
            let waited = if at_ms == 0 { 0 } else { now_ms().saturating_sub(at_ms) };
            SinkStats {
                name: line.name.clone(),
                delivered: of(&line.marks.delivered),
                failed: of(&line.marks.failed),
                dead: dead.get(&*line.name).copied().unwrap_or_default(),
                lost: lost.get(&line.name).copied().unwrap_or_default(),
                lag_records: last.saturating_sub(of(&line.marks.cursor)),
                lag: Duration::from_millis(waited),
                has_ended: *line.ended.borrow(),
                error: line.marks.error.lock().clone(),
            }
        });
        IngressStats {
            received: of(&self.received),
            stored: of(&tally.stored),
            known: of(&tally.known),
            unwanted: of(&self.unwanted),
            dropped_oldest: of(&tally.dropped_oldest),
            dropped_newest: of(&tally.dropped_newest),
            dropped_aged: of(&tally.dropped_aged),
            disconnects: of(&tally.disconnects),
            failed: of(&tally.failed),
            gaps: of(&tally.gaps),
            spool_records: of(&tally.records),
            spool_bytes: of(&tally.bytes),
            sinks: sinks.collect(),
        }
    }

    fn count_unwanted(&self, event: &Arc<str>) {
        add(&self.unwanted, 1);
        let mut names = self.unwanted_names.lock();
        if names.len() < MAX_NAMES && names.insert(event.clone()) {
            let is_last = names.len() == MAX_NAMES;
            drop(names);
            tracing::warn!(
                target: "sockeye::relay",
                event = %event.escape_debug(),
                is_last,
                "no sink wants this event; it is not stored"
            );
        }
    }

    fn event_id(&self, received: &Received) -> Option<String> {
        let path = self.spool.options().event_id.as_ref()?;
        let args: serde_json::Value = serde_json::from_str(&shown(received)).ok()?;
        match path.query(&args).first()? {
            serde_json::Value::String(id) => Some(id.clone()),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        }
    }
}

impl Receiver for Ingress {
    fn receive(&self, received: Received) -> BoxFuture<'static, Result<Receipt, ReceiveError>> {
        add(&self.received, 1);
        if !self.filters.iter().any(|filter| filter.wants(&received.event)) {
            self.count_unwanted(&received.event);
            return future::ready(Ok(Receipt::Unwanted)).boxed();
        }
        let id = self.event_id(&received);
        self.spool.store(Draft::of(&received, SystemTime::now()), id)
    }

    fn gap(&self, gap: Gap) -> BoxFuture<'static, Result<Receipt, ReceiveError>> {
        if self.filters.is_empty() {
            return future::ready(Ok(Receipt::Unwanted)).boxed();
        }
        self.spool.store(Draft::of_gap(&gap, SystemTime::now()), None)
    }

    fn joined(&self, target: &Arc<str>) {
        self.spool.joined(target.clone());
    }

    fn parted(&self, target: &Arc<str>, at: SystemTime) {
        self.spool.parted(target.clone(), at);
    }

    fn lost_at(&self, target: &str) -> Option<SystemTime> {
        self.spool.lost_at(target)
    }
}

impl fmt::Debug for Ingress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.lines.iter().map(|line| &line.name).collect();
        f.debug_struct("Ingress").field("spool", &self.spool).field("sinks", &names).finish()
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        for line in &self.lines {
            if let Some(task) = line.task.lock().take() {
                task.abort();
            }
        }
    }
}
