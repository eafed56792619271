//! A byte stream that splits what it carries anywhere, delays it, and may break.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::Rng;

/// What goes wrong on a link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// Both ends learn that the stream is gone; what was on its way is lost.
    Cut,
    /// From now on nothing arrives, and nobody is told.
    BlackHole,
}

/// How a link behaves.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Bytes that arrive together, at most; 1 splits the stream everywhere.
    pub max_chunk_bytes: usize,
    /// How long bytes may be on their way.
    pub max_delay: Duration,
    /// A fault after this many bytes, both directions counted.
    pub fault: Option<(u64, Fault)>,
}

impl Default for Weather {
    /// Whole writes, at once, for ever.
    fn default() -> Self {
        Self { max_chunk_bytes: usize::MAX, max_delay: Duration::ZERO, fault: None }
    }
}

/// A stream between two ends.
#[derive(Debug)]
pub(crate) struct Link {
    weather: Weather,
    rng: Rng,
    carried: u64,
    broken: Option<Fault>,
    pub(crate) up: Way,
    pub(crate) down: Way,
}

/// One direction.
#[derive(Debug, Default)]
pub(crate) struct Way {
    chunks: VecDeque<(Instant, Chunk)>,
}

/// What arrives at once.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Chunk {
    Bytes(Vec<u8>),
    /// The end of the stream; nothing follows.
    End,
}

impl Way {
    /// When the next chunk arrives.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.chunks.front().map(|(at, _)| *at)
    }

    /// Takes a chunk that has arrived.
    pub(crate) fn arrived(&mut self, now: Instant) -> Option<Chunk> {
        self.chunks.pop_front_if(|(at, _)| *at <= now).map(|(_, chunk)| chunk)
    }

    fn push(&mut self, at: Instant, chunk: Chunk) {
        // A stream keeps the order: this one waits for those before it, however soon it could be there.
        self.chunks.push_back((at, chunk));
    }
}

/// Which direction of a [`Link`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    Up,
    Down,
}

impl Link {
    pub(crate) fn new(weather: Weather, rng: Rng) -> Self {
        Self { weather, rng, carried: 0, broken: None, up: Way::default(), down: Way::default() }
    }

    /// Puts bytes on their way; the fault may strike between any two of them.
    pub(crate) fn send(&mut self, now: Instant, direction: Direction, mut bytes: &[u8]) {
        while self.broken.is_none() && !bytes.is_empty() {
            let most = self.weather.max_chunk_bytes.min(bytes.len());
            let mut count = 1 + self.rng.below(most as u64) as usize;
            if let Some((after, fault)) = self.weather.fault {
                let left = usize::try_from(after - self.carried).unwrap_or(usize::MAX);
                count = count.min(left);
                if count == 0 {
                    return self.fail(now, fault);
                }
            }
            let (chunk, rest) = bytes.split_at(count);
            let at = self.arrival(now);
            self.way(direction).push(at, Chunk::Bytes(chunk.to_vec()));
            self.carried += count as u64;
            bytes = rest;
        }
    }

    /// Ends one direction, after what is on its way.
    pub(crate) fn end(&mut self, now: Instant, direction: Direction) {
        if self.broken.is_none() {
            let at = self.arrival(now);
            self.way(direction).push(at, Chunk::End);
        }
    }

    /// Breaks.
    pub(crate) fn fail(&mut self, now: Instant, fault: Fault) {
        self.broken = Some(fault);
        for direction in [Direction::Up, Direction::Down] {
            let way = self.way(direction);
            way.chunks.clear();
            if fault == Fault::Cut {
                way.push(now, Chunk::End);
            }
        }
    }

    /// What went wrong, if anything has.
    pub(crate) const fn broken(&self) -> Option<Fault> {
        self.broken
    }

    fn arrival(&mut self, now: Instant) -> Instant {
        let nanos = u64::try_from(self.weather.max_delay.as_nanos()).unwrap_or(u64::MAX);
        now + Duration::from_nanos(self.rng.below(nanos))
    }

    const fn way(&mut self, direction: Direction) -> &mut Way {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}
