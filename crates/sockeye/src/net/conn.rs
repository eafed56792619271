//! One session as everybody sees it: the machine, the outbox, and the driver to wake.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, atomic::AtomicU64},
    task::Context,
    time::Instant,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use sockeye_proto::{
    session::{Config, Opening, Output, Session},
    wire::{encoding::Encoding, payload::Payload, prepared::Prepared},
};

use super::Keys;
use super::{Bounds, Id, PushError, dirty, outbox::Outbox, requests::Requests};

/// Drivers to wake once a lock is gone.
#[must_use = "the drivers sleep until they are woken"]
#[derive(Default)]
pub(crate) struct Wakes(Vec<Arc<Conn>>);

impl Wakes {
    fn add(&mut self, conn: &Arc<Conn>) {
        // What one caller does is often about one session.
        if !self.0.last().is_some_and(|last| Arc::ptr_eq(last, conn)) {
            self.0.push(Arc::clone(conn));
        }
    }

    pub(crate) fn wake(self) {
        for conn in self.0 {
            conn.wake();
        }
    }
}

/// How far a packet got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// It waits in the outbox.
    Waiting,
    Written,
    /// The session ended before it was written, at least not as a whole.
    Unsent,
    /// The session ended while a request carried it.
    Unknown,
}

/// What became of an ack that this side waited for.
pub(crate) type AckOutcome<'m> = Result<Payload<'m>, AckFailure>;

/// Why an ack will not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AckFailure {
    Expired,
    Lost,
}

/// What to do when the ack arrives, or will not.
pub(crate) type OnAck = Box<dyn FnOnce(AckOutcome<'_>) + Send>;

/// A packet that asks for an ack did not enter the outbox; the ack is not expected.
pub(crate) struct NotAsked {
    pub(crate) why: PushError,
    /// What was given, unless it has been called meanwhile.
    pub(crate) on_ack: Option<OnAck>,
}

/// One session, shared by its driver, its sockets and whoever emits to them.
///
/// Lock order: rooms, a socket's phase, machine, outbox, wheel; what requests left is locked alone. No lock is held in user code, nor while a driver is
/// woken.
#[repr(C)] // the outbox first: beside the reference count, a broadcast touches nothing else
pub(crate) struct Conn {
    outbox: Mutex<Outbox>,
    bounds: Bounds,
    driver: AtomicWaker,
    pub(super) timer: Timer,
    machine: Mutex<Session<OnAck>>,
    /// `None` on WebSocket.
    pub(super) requests: Mutex<Option<Box<Requests>>>,
    /// A server's session by its id; a client's by one of its own, for logs: servers may give any text.
    pub(crate) sid: Id,
    pub(crate) encoding: Encoding,
}

/// Where the wheel keeps this session, in ticks; `u64::MAX` is never.
#[derive(Debug)]
pub(super) struct Timer {
    /// When the driver wants to be woken.
    pub(super) wanted: AtomicU64,
    /// The earliest tick at which the wheel looks at this session.
    pub(super) armed: AtomicU64,
}

impl Conn {
    /// A session whose handshake packet waits in the outbox.
    pub(crate) fn server(
        now: Instant,
        config: Arc<Config>,
        (sid, encoding, on_polling): (Id, Encoding, bool),
        bounds: Bounds,
    ) -> Arc<Self> {
        let opening = Opening { sid: sid.as_str(), encoding, on_polling };
        let mut outbox = Outbox::new(encoding);
        outbox.set_polled(!on_polling);
        let conn = Arc::new(Self {
            sid,
            encoding,
            machine: Mutex::new(Session::server(now, config, opening)),
            requests: Mutex::new(on_polling.then(Box::default)),
            outbox: Mutex::new(outbox),
            bounds,
            driver: AtomicWaker::new(),
            timer: Timer { wanted: AtomicU64::new(u64::MAX), armed: AtomicU64::new(u64::MAX) },
        });
        conn.machine(|_| ());
        conn
    }

    /// A client's session, which waits for the handshake.
    pub(crate) fn client(
        now: Instant,
        config: Arc<Config>,
        (sid, encoding, on_polling): (Id, Encoding, bool),
        bounds: Bounds,
        keys: Keys,
    ) -> Arc<Self> {
        Arc::new(Self {
            sid,
            encoding,
            machine: Mutex::new(Session::client(now, config, encoding, on_polling)),
            requests: Mutex::new(None),
            outbox: Mutex::new(Outbox::client(encoding, keys)),
            bounds,
            driver: AtomicWaker::new(),
            timer: Timer { wanted: AtomicU64::new(u64::MAX), armed: AtomicU64::new(u64::MAX) },
        })
    }

    /// Appends a packet to the outbox and sees to it that it leaves.
    ///
    /// # Errors
    ///
    /// [`PushError`]; when the outbox is full, the driver also cuts the session.
    pub(crate) fn push(
        self: &Arc<Self>,
        packet: Prepared,
        volatile: bool,
    ) -> Result<u64, PushError> {
        let (result, wake) = self.enqueue(|outbox| outbox.push(packet, self.bounds, volatile));
        if wake {
            self.wake();
        }
        result
    }

    /// As [`Self::push`] for callers that hold a lock: the driver, if it has to be woken, is added to `wakes`.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub(crate) fn push_under_lock(
        self: &Arc<Self>,
        packet: Prepared,
        volatile: bool,
        wakes: &mut Wakes,
    ) -> Result<u64, PushError> {
        let (result, wake) = self.enqueue(|outbox| outbox.push(packet, self.bounds, volatile));
        if wake {
            wakes.add(self);
        }
        result
    }

    /// As [`Self::push_under_lock`], for a packet that asks for an ack: it is expected from now on, until `deadline`.
    ///
    /// # Errors
    ///
    /// [`NotAsked`].
    pub(crate) fn ask_under_lock(
        self: &Arc<Self>,
        packet: Prepared,
        (namespace, id): (&str, u64),
        (deadline, on_ack): (Instant, OnAck),
        wakes: &mut Wakes,
    ) -> Result<u64, NotAsked> {
        // Before the packet is on its way, or the ack might be faster.
        let expected = self.machine(|machine| machine.expect_ack(namespace, id, deadline, on_ack));
        expected.map_err(|on_ack| NotAsked { why: PushError::Closed, on_ack: Some(on_ack) })?;
        let pushed = self.push_under_lock(packet, false, wakes);
        // Whoever flushes: the deadline has to be armed.
        pushed.inspect(|_| wakes.add(self)).map_err(|why| {
            let on_ack = self.machine(|machine| machine.forget_ack(namespace, id));
            NotAsked { why, on_ack }
        })
    }

    /// Appends a packet; `true` if the driver must be woken, because nobody else will flush it.
    fn enqueue(
        self: &Arc<Self>,
        push: impl FnOnce(&mut Outbox) -> Result<u64, PushError>,
    ) -> (Result<u64, PushError>, bool) {
        let (result, schedule) = {
            let mut outbox = self.outbox.lock();
            let result = push(&mut outbox);
            let schedule = match result {
                Ok(_) => outbox.schedule(),
                Err(PushError::Full) => true, // the driver cuts the session
                Err(PushError::Closed | PushError::Busy) => false,
            };
            (result, schedule)
        };
        (result, schedule && !(result.is_ok() && dirty::add(self)))
    }

    /// Changes the machine and wakes the driver: its deadline may have changed.
    pub(crate) fn command<R>(&self, change: impl FnOnce(&mut Session<OnAck>) -> R) -> R {
        let result = self.machine(change);
        self.wake();
        result
    }

    /// Looks at the machine.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Session<OnAck>) -> R) -> R {
        look(&self.machine.lock())
    }

    /// Makes the driver be polled, if there is one.
    pub(super) fn wake(&self) {
        self.driver.wake();
    }

    /// Gives up on the transport: the driver ends at its next poll.
    pub(crate) fn cut(&self) {
        self.outbox(Outbox::fail);
        self.wake();
    }

    /// Runs `f` on the machine and carries out what it asks for. The driver has to see what became of it: see
    /// [`Self::command`] and [`Driven`].
    fn machine<R>(&self, f: impl FnOnce(&mut Session<OnAck>) -> R) -> R {
        let mut acks = Vec::new();
        let result = {
            let mut machine = self.machine.lock();
            let result = f(&mut machine);
            while let Some(output) = machine.poll_output() {
                match output {
                    // The driver flushes, and looks for an overflow, at the end of its poll.
                    Output::Send(packet) => {
                        let _ = self.outbox.lock().push_owed(packet, self.bounds);
                    }
                    Output::AckExpired(on_ack) => acks.push((on_ack, AckFailure::Expired)),
                    Output::AckLost(on_ack) => acks.push((on_ack, AckFailure::Lost)),
                    Output::Closed(_) => {} // the driver sees it in `closed`
                }
            }
            result
        };
        for (on_ack, failure) in acks {
            on_ack(Err(failure));
        }
        result
    }

    pub(super) fn outbox<R>(&self, f: impl FnOnce(&mut Outbox) -> R) -> R {
        f(&mut self.outbox.lock())
    }

    /// Appends a client's answer to an event. It is the server who asks for these: one that does not read them is given up.
    pub(crate) fn push_answer(self: &Arc<Self>, answer: Prepared) {
        let (_, wake) = self.enqueue(|outbox| outbox.push_owed(answer, self.bounds));
        if wake {
            self.wake();
        }
    }

    /// How far the packet with this number got, told more exactly.
    pub(crate) fn progress(&self, number: u64) -> Progress {
        let outbox = self.outbox.lock();
        if outbox.written() >= number {
            Progress::Written
        } else if !outbox.is_failed() {
            Progress::Waiting
        } else if outbox.written() + outbox.answering() >= number {
            Progress::Unknown
        } else {
            Progress::Unsent
        }
    }

    /// How far the packet with this number got.
    pub(crate) fn is_written(&self, number: u64) -> Option<bool> {
        let outbox = self.outbox.lock();
        if outbox.written() >= number {
            Some(true)
        } else if outbox.is_failed() {
            None
        } else {
            Some(false)
        }
    }

    /// Waits until the packet with this number is written (`true`), or never will be.
    pub(crate) async fn written(&self, number: u64) -> bool {
        loop {
            let progress = self.outbox(Outbox::progress);
            let notified = progress.notified();
            let mut notified = std::pin::pin!(notified);
            notified.as_mut().enable(); // before the look, or progress in between is missed
            if let Some(written) =
                self.is_written(number).map_or(Some(false), |w| w.then_some(true))
            {
                return written;
            }
            notified.await;
        }
    }
}

/// A session as its driver has it, while that is polled, and lends it to what it runs. Only this changes the machine
/// without waking anybody: before it sleeps, the driver looks at all that may have changed.
#[derive(Clone, Copy)]
pub(super) struct Driven<'d>(&'d Arc<Conn>);

impl<'d> Driven<'d> {
    /// A poll of the driver begins; from now on whoever wakes it makes it be polled again.
    pub(super) fn begin(conn: &'d Arc<Conn>, cx: &Context<'_>) -> Self {
        conn.driver.register(cx.waker());
        Self(conn)
    }

    /// Runs `f` on the machine and carries out what it asks for.
    pub(super) fn machine<R>(self, f: impl FnOnce(&mut Session<OnAck>) -> R) -> R {
        self.0.machine(f)
    }
}

impl Deref for Driven<'_> {
    type Target = Arc<Conn>;

    fn deref(&self) -> &Arc<Conn> {
        self.0
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").finish_non_exhaustive() // the sid is a secret
    }
}

#[cfg(test)]
mod wakes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_small() {
        // What tens of thousands of idle sessions cost; more needs a reason.
        assert!(size_of::<Conn>() <= 456, "{}", size_of::<Conn>());
    }
}
