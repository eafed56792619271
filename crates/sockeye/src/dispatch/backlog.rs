//! Events of one socket that wait for the handler before them, and how many may.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sockeye_proto::wire::payload::Payload;

use crate::net::LONGEST;
use crate::{event::Reply, net::Pressure};

/// How many events may wait for the handler before them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backlog {
    /// Past either of these, reading pauses.
    pub(crate) max_events: usize,
    pub(crate) max_bytes: usize,
    /// Paused for this long, the session is given up.
    pub(crate) max_pause: Duration,
}

/// While acks are outstanding reading can't pause: so many times the bound is then the end.
const HARD_FACTOR: usize = 16;

impl Backlog {
    /// Whether so much is too much where reading can't pause.
    pub(crate) const fn is_full(&self, events: usize, bytes: usize) -> bool {
        events >= self.max_events.saturating_mul(HARD_FACTOR)
            || bytes >= self.max_bytes.saturating_mul(HARD_FACTOR)
    }
}

/// Events that wait for the handler at work.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Since when the queue is past its bound.
    behind_since: Option<Instant>,
}

/// An event that waits for the handler before it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) name: Box<str>,
    pub(super) payload: Payload<'static>,
    pub(super) reply: Option<Reply>,
}

impl Queue {
    pub(super) fn push(&mut self, event: Waiting, backlog: Backlog) {
        self.bytes += event.bytes();
        self.waiting.push_back(event);
        if self.is_behind(backlog) {
            self.behind_since.get_or_insert_with(|| tokio::time::Instant::now().into_std());
        }
    }

    pub(super) fn pop(&mut self, backlog: Backlog) -> Option<Waiting> {
        let event = self.waiting.pop_front()?;
        self.bytes -= event.bytes();
        if !self.is_behind(backlog) {
            self.behind_since = None; // each pause counts by itself: slow handlers that get on are no overload
        }
        Some(event)
    }

    /// How far the handlers lag behind.
    pub(super) fn pressure(&self, now: Instant, backlog: Backlog) -> Pressure {
        let Some(since) = self.behind_since else { return Pressure::Calm };
        let until = since + backlog.max_pause.min(LONGEST); // a client has no limit
        if now >= until {
            return Pressure::Overload;
        }
        // What one read brings may be more than that: it is only too much if it goes on.
        let full = backlog.is_full(self.waiting.len(), self.bytes);
        Pressure::Pause { until, full }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn is_behind(&self, backlog: Backlog) -> bool {
        self.waiting.len() >= backlog.max_events || self.bytes >= backlog.max_bytes
    }
}

impl Waiting {
    /// What the event costs while it waits.
    fn bytes(&self) -> usize {
        let attachments: usize = self.payload.attachments().iter().map(Bytes::len).sum();
        self.name.len() + self.payload.text().len() + attachments
    }
}
