//! What a session still has to send: bounded, in order, and gone only once written.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use sockeye_proto::wire::prepared::Prepared;
use thiserror::Error;
use tokio::{net::tcp::OwnedWriteHalf, sync::Notify};

/// Slices of one vectored write.
const SLICES: usize = 64;

/// How much may wait for a peer that reads slowly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_packets: usize,
    pub(crate) max_bytes: usize,
}

/// Why a packet did not enter the outbox.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum PushError {
    /// The session is closing or closed.
    #[error("the session is closed")]
    Closed,
    /// The bound is reached; the session has to be cut.
    #[error("the outbox is full")]
    Full,
    /// The packet was volatile, and others wait already.
    #[error("the transport is busy, and the packet is volatile")]
    Busy,
}

/// The queue of one session. Frames leave it only once the transport has taken them.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Prepared>,
    /// Bytes of the front packet that are written already.
    front_written: usize,
    /// Bytes that wait, those of the front packet in full.
    bytes: usize,
    pushed: u64,
    written: u64,
    /// Plain TCP: the half to write to, from wherever something is pushed.
    tcp: Option<OwnedWriteHalf>,
    /// Whether somebody will flush it: the driver was woken, or the session is on a dirty list.
    scheduled: bool,
    sealed: bool,
    /// A push came up against the bound: the peer is a slow consumer.
    overflowed: bool,
    failed: bool,
    stalled_since: Option<Instant>,
    /// Told whenever something was written, if anybody listens.
    progress: Option<Arc<Notify>>,
}

/// How far a flush came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flushed {
    /// Nothing waits any more.
    All,
    /// The transport takes no more for now.
    Blocked,
    /// The transport is broken; nothing more will leave.
    Failed,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            front_written: 0,
            bytes: 0,
            pushed: 0,
            written: 0,
            tcp: None,
            scheduled: false,
            sealed: false,
            overflowed: false,
            failed: false,
            stalled_since: None,
            progress: None,
        }
    }

    pub(super) fn attach(&mut self, tcp: Option<OwnedWriteHalf>) {
        self.tcp = tcp;
    }

    /// Appends a packet and says its number; numbers begin with 1.
    pub(super) fn push(
        &mut self,
        packet: Prepared,
        bounds: Bounds,
        volatile: bool,
    ) -> Result<u64, PushError> {
        if self.sealed {
            return Err(PushError::Closed);
        }
        if volatile && !self.queue.is_empty() {
            return Err(PushError::Busy);
        }
        let bytes = self.bytes + packet.wire_bytes();
        // A single packet may be larger than the bound on bytes: it was allowed to be made.
        if self.queue.len() >= bounds.max_packets
            || (bytes > bounds.max_bytes && !self.queue.is_empty())
        {
            self.sealed = true;
            self.overflowed = true;
            return Err(PushError::Full);
        }
        self.bytes = bytes;
        self.queue.push_back(packet);
        self.pushed += 1;
        Ok(self.pushed)
    }

    /// Appends a WebSocket control frame; those are few, and not the application's to lose.
    pub(super) fn push_control(&mut self, frame: Prepared) {
        if !self.failed {
            self.bytes += frame.wire_bytes();
            self.queue.push_back(frame);
            self.pushed += 1;
        }
    }

    /// Accepts nothing more; what waits will still be written.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Ends the stream towards the peer: TCP sends what it has, then its end.
    pub(super) fn shut_down(&mut self) {
        self.sealed = true;
        self.tcp = None;
    }

    /// Gives up on everything that waits.
    pub(super) fn fail(&mut self) {
        self.sealed = true;
        self.failed = true;
        self.queue = VecDeque::new();
        self.bytes = 0;
        self.tcp = None;
        self.notify();
    }

    /// Claims the task of flushing; `false` if somebody has it already.
    pub(super) fn schedule(&mut self) -> bool {
        !std::mem::replace(&mut self.scheduled, true)
    }

    /// Whether it can be written to from outside the driver.
    pub(super) fn is_direct(&self) -> bool {
        self.tcp.is_some()
    }

    /// Writes to plain TCP whatever it takes, without waiting.
    pub(super) fn flush_direct(&mut self, now: Instant) -> Flushed {
        self.scheduled = false;
        if self.failed {
            return Flushed::Failed;
        }
        if self.queue.is_empty() {
            return Flushed::All;
        }
        let Some(tcp) = self.tcp.take() else { return Flushed::Blocked };
        let flushed = self.flush(now, |slices| match try_write(&tcp, slices) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        });
        self.tcp = (flushed != Flushed::Failed).then_some(tcp);
        flushed
    }

    /// As [`Self::flush_direct`], and if it blocks `cx` is woken when the socket takes more.
    pub(super) fn poll_flush_direct(&mut self, cx: &mut Context<'_>, now: Instant) -> Flushed {
        loop {
            match (self.flush_direct(now), &self.tcp) {
                (Flushed::Blocked, Some(tcp)) => match tcp.as_ref().poll_write_ready(cx) {
                    Poll::Pending => return Flushed::Blocked,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(target: "sockeye::ws", %error, "write failed");
                        self.fail();
                        return Flushed::Failed;
                    }
                },
                (flushed, _) => return flushed,
            }
        }
    }

    /// Writes through `write`, which takes some bytes, or is not ready.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Flushed {
        self.scheduled = false;
        if self.failed {
            return Flushed::Failed;
        }
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = gather(&self.queue, self.front_written, &mut slices);
            match write(&slices[..count]) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.stalled_since = None;
                    self.advance(written);
                }
                Poll::Ready(result) => {
                    tracing::debug!(target: "sockeye::ws", ?result, "write failed");
                    self.fail();
                    return Flushed::Failed;
                }
                Poll::Pending => {
                    self.stalled_since.get_or_insert(now);
                    return Flushed::Blocked;
                }
            }
        }
        self.queue = VecDeque::new(); // an idle session owns no queue
        Flushed::All
    }

    /// Since when the transport has taken nothing although something waits.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }

    pub(super) fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    pub(super) fn is_failed(&self) -> bool {
        self.failed
    }

    /// The number of the last packet that was written in full.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// What to wait on for progress.
    pub(super) fn progress(&mut self) -> Arc<Notify> {
        Arc::clone(self.progress.get_or_insert_default())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.queue.front() {
            let rest = front.wire_bytes() - self.front_written;
            if written < rest {
                self.front_written += written;
                break;
            }
            written -= rest;
            self.bytes -= front.wire_bytes();
            self.front_written = 0;
            self.written += 1;
            self.queue.pop_front();
        }
        self.notify();
    }

    fn notify(&self) {
        if let Some(progress) = &self.progress {
            progress.notify_waiters();
        }
    }
}

/// Writes as much as fits. One slice is worth a call of its own: the kernel does less for it.
fn try_write(tcp: &OwnedWriteHalf, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    match slices {
        [slice] => tcp.try_write(slice),
        slices => tcp.try_write_vectored(slices),
    }
}

/// Collects what is next to write, beginning `skip` bytes into the front packet.
fn gather<'q>(
    queue: &'q VecDeque<Prepared>,
    mut skip: usize,
    slices: &mut [IoSlice<'q>; SLICES],
) -> usize {
    let mut count = 0;
    for slice in queue.iter().flat_map(Prepared::slices) {
        if skip >= slice.len() {
            skip -= slice.len();
            continue;
        }
        slices[count] = IoSlice::new(&slice[skip..]);
        skip = 0;
        count += 1;
        if count == SLICES {
            break;
        }
    }
    count
}
