//! Tasks that come as lines of JSON: what is there is put in one commit, and a line counts once its id is told.

use std::{collections::VecDeque, io, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use thiserror::Error;
use tokio::{io::AsyncBufRead, time::sleep};

use super::{
    Reading,
    lines::{Line, Lines},
    new_id,
};
use crate::queue::{Accepted, NewTask, Queue, QueueError};

/// How much is put at once, and how long a line may be.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Bounds {
    max_line_bytes: usize,
    max_batch_lines: usize,
    max_batch_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_line_bytes: 1 << 20, max_batch_lines: 512, max_batch_bytes: 1 << 20 }
    }
}

impl Bounds {
    /// Longest line, in bytes; a longer one is told, and passed over. Default: 1 MiB.
    pub const fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Lines that share a commit, at most. Default: 512.
    pub const fn max_batch_lines(mut self, lines: usize) -> Self {
        self.max_batch_lines = if lines == 0 { 1 } else { lines };
        self
    }

    /// Bytes that share a commit: once there are so many, no line is added. Default: 1 MiB.
    pub const fn max_batch_bytes(mut self, bytes: usize) -> Self {
        self.max_batch_bytes = bytes;
        self
    }
}

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// Its number, from 1; blank ones count, but are not told of.
    pub line: u64,
    /// What became of it.
    pub fate: Fate,
    /// Whether its id stands in its text, so that every store finds it by that. One that was made here and stands beside the
    /// text is found only where a store keeps that: not in Redis.
    pub is_id_inside: bool,
}

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is in the store, under this id.
    Queued(Arc<str>),
    /// One of this id waits, or was done not long ago.
    Known(Arc<str>),
    /// It is no task. It is in the store as it came, under this id, and lies among the dead as soon as somebody claims it.
    Invalid {
        /// By this it is found among the dead.
        id: Arc<str>,
        /// What was found, what was expected.
        reason: String,
    },
    /// It has more bytes than a line may have, and is nowhere.
    TooLong {
        /// So many.
        bytes: usize,
        /// Of at most so many.
        bound: usize,
    },
}

/// How many lines there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Put.
    pub queued: u64,
    /// Known before.
    pub known: u64,
    /// No tasks.
    pub invalid: u64,
}

/// Why no more lines are put.
#[derive(Debug, Error)]
pub enum PumpError<E> {
    /// They can't be read.
    #[error("the lines can't be read: {0}")]
    Input(io::Error),
    /// Whoever is told of them has failed.
    #[error(transparent)]
    Told(E),
    /// The store can't be used.
    #[error(transparent)]
    Queue(QueueError),
}

/// How long a store that is full, or can't be reached, is left alone: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// Puts lines until they end, or `stop` is ready. What is there at once shares a commit; `tell` is called after it, with the
/// lines in their order. While the queue is full or can't be reached nothing is read.
///
/// Lines without an id are given one, so that putting them again after a failure makes no copies.
///
/// # Errors
///
/// [`PumpError`]. A queue that is full, or [passing](QueueError::is_passing) trouble, is waited for instead.
///
/// # Cancel safety
///
/// None: what is put may not have been told. Let `stop` be ready; it is heard between two commits, and lines that were read and
/// not put are not told.
pub async fn pump<R, E>(
    input: R,
    (queue, reading): (&dyn Queue, &Reading),
    bounds: Bounds,
    mut tell: impl AsyncFnMut(Vec<Told>) -> Result<(), E>,
    stop: impl Future<Output = ()>,
) -> Result<Summary, PumpError<E>>
where
    R: AsyncBufRead + Unpin,
{
    let mut lines = Lines::new(input, bounds.max_line_bytes);
    let mut summary = Summary::default();
    let mut stop = pin!(stop.fuse());
    let mut size = bounds.max_batch_lines;
    loop {
        let first = tokio::select! {
            biased;
            () = &mut stop => return Ok(summary),
            line = lines.next() => line.map_err(PumpError::Input)?,
        };
        let Some(first) = first else { return Ok(summary) };
        let (mut batch, failed) = gather(&mut lines, first, reading, bounds);
        let mut pause = PAUSES.0;
        while !batch.is_empty() {
            let count = batch.len().min(size);
            let tasks = batch.iter().take(count).filter_map(|entry| entry.task.clone()).collect();
            let fault = match queue.put(tasks).await {
                Ok(accepted) => {
                    let told = told(batch.drain(..count), accepted);
                    summary.count(&told);
                    tell(told).await.map_err(PumpError::Told)?;
                    (size, pause) = ((size * 2).min(bounds.max_batch_lines), PAUSES.0);
                    continue;
                }
                Err(fault) if fault.is_passing() => fault,
                Err(fault) => return Err(PumpError::Queue(fault)),
            };
            if matches!(fault, QueueError::Full { .. }) && count > 1 {
                // There may be room for some of them.
                size = count / 2;
                continue;
            }
            if pause == PAUSES.0 {
                tracing::warn!(target: "sockeye::relay", "lines wait: {fault}");
            }
            tokio::select! {
                biased;
                () = &mut stop => return Ok(summary),
                () = sleep(pause) => pause = (pause * 2).min(PAUSES.1),
            }
        }
        failed.map_err(PumpError::Input)?;
    }
}

impl Summary {
    fn count(&mut self, told: &[Told]) {
        for Told { fate, .. } in told {
            *match fate {
                Fate::Queued(_) => &mut self.queued,
                Fate::Known(_) => &mut self.known,
                Fate::Invalid { .. } | Fate::TooLong { .. } => &mut self.invalid,
            } += 1;
        }
    }
}

/// A line that was read.
struct Entry {
    line: u64,
    task: Option<NewTask>,
    /// Whether the id is ours.
    is_named_here: bool,
    is_id_inside: bool,
    trouble: Option<Fate>,
}

impl Entry {
    fn new(line: u64, text: Line, reading: &Reading, bounds: Bounds) -> Self {
        let body = match text {
            Line::Whole(body) => body,
            Line::TooLong(bytes) => {
                let trouble = Some(Fate::TooLong { bytes, bound: bounds.max_line_bytes });
                return Self {
                    line,
                    task: None,
                    is_named_here: false,
                    is_id_inside: false,
                    trouble,
                };
            }
        };
        match reading.read(&body) {
            Ok(mut task) => {
                let is_named_here = task.id.is_none();
                if is_named_here {
                    reading.name(&mut task, new_id());
                }
                let is_id_inside = !is_named_here || reading.has_ids_inside();
                Self { line, task: Some(task), is_named_here, is_id_inside, trouble: None }
            }
            Err(reason) => {
                let id = new_id();
                let task = NewTask { id: Some(Arc::clone(&id)), body, ..NewTask::default() };
                let trouble = Some(Fate::Invalid { id, reason });
                Self { line, task: Some(task), is_named_here: true, is_id_inside: false, trouble }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.task.as_ref().map_or(0, |task| task.body.len())
    }
}

/// The lines that are there now, behind the first, and whether the next can't be read.
fn gather<R: AsyncBufRead + Unpin>(
    lines: &mut Lines<R>,
    (number, first): (u64, Line),
    reading: &Reading,
    bounds: Bounds,
) -> (VecDeque<Entry>, io::Result<()>) {
    let first = Entry::new(number, first, reading, bounds);
    let mut bytes = first.bytes();
    let mut batch = VecDeque::from([first]);
    while batch.len() < bounds.max_batch_lines && bytes < bounds.max_batch_bytes {
        match lines.next().now_or_never() {
            Some(Ok(Some((number, line)))) => {
                let entry = Entry::new(number, line, reading, bounds);
                bytes += entry.bytes();
                batch.push_back(entry);
            }
            Some(Err(error)) => return (batch, Err(error)),
            // The end comes again.
            Some(Ok(None)) | None => break,
        }
    }
    (batch, Ok(()))
}

fn told(entries: impl Iterator<Item = Entry>, accepted: Vec<Accepted>) -> Vec<Told> {
    let mut accepted = accepted.into_iter();
    entries
        .filter_map(|Entry { line, task, is_named_here, is_id_inside, trouble }| {
            // One answer for each task that was put.
            let answer = task.and_then(|_| accepted.next());
            let fate = trouble.or_else(|| {
                Some(match answer? {
                    Accepted::Queued(id) => Fate::Queued(id),
                    // Put before a failure that said otherwise.
                    Accepted::Known(id) if is_named_here => Fate::Queued(id),
                    Accepted::Known(id) => Fate::Known(id),
                })
            })?;
            Some(Told { line, fate, is_id_inside })
        })
        .collect()
}

impl Fate {
    /// By what it is found in the store, if it is there.
    #[must_use]
    pub const fn id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Queued(id) | Self::Known(id) | Self::Invalid { id, .. } => Some(id),
            Self::TooLong { .. } => None,
        }
    }
}
