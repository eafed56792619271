//! One task per session, from open to close: it reads, runs the machine and the handlers, writes, and ends.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

#[cfg(feature = "client")]
use sockeye_proto::wire::ws::deflate::Agreement;
use sockeye_proto::{
    session::{Pace, Reason, Received, Role, websocket},
    wire::{
        engine::Kind,
        prepared::Prepared,
        ws::{CloseCode, CloseFrame, Input, Message},
    },
};
use tokio::time;

#[cfg(feature = "client")]
use super::client::{Requested, Requesting};
use super::{
    Conn, Driven, OnAck, Stream, Wheel,
    carrier::{Carrier, Ending},
    dirty,
    framed::Framed,
    outbox::{Flushed, Outbox},
    polling::{Polling, Served},
    scratch,
};

/// Reads of one poll, so that a flood on one session does not starve the others on this thread.
const READS_PER_POLL: usize = 8;
/// Other sessions flushed in one poll; the rest follows in the next.
const FLUSHES_PER_POLL: usize = 1_024;
/// A poll that takes longer has run into a handler that blocks, and held up pings and everything else meanwhile.
const BLOCKED: Duration = Duration::from_secs(1);
/// How long after the close handshake the peer may take to end its side of the stream.
const LINGER: Duration = Duration::from_secs(1);

/// The layer above: what server and client do with what a session receives. Owned by the driver, so it needs no lock.
pub(crate) trait Upper: Send + Unpin {
    /// Takes what was received; a handler that it starts is polled with `cx`.
    fn received(&mut self, received: Received<'_, OnAck>, cx: &mut Context<'_>);

    /// Advances the handlers that wait for something.
    fn poll(&mut self, cx: &mut Context<'_>);

    /// How far the handlers lag behind.
    fn pressure(&self, now: Instant) -> Pressure;

    /// The session has moved from polling to a WebSocket.
    fn moved(&mut self) {}

    /// The peer closes the WebSocket, with this if it says why; [`Self::closed`] follows.
    fn closing(&mut self, _frame: Option<CloseFrame<'_>>) {}

    /// What is wrong with the transport, for people; [`Self::closed`] follows.
    fn failing(&mut self, _cause: &dyn fmt::Display) {}

    /// What the peer sent that it must not, for people; this side ends the session for it, and [`Self::closed`] follows.
    fn violated(&mut self, _violation: &dyn fmt::Display) {}

    /// The session is over; nothing follows. Running handlers are detached, not dropped.
    fn closed(&mut self, reason: Reason);
}

/// A client's owner lends what outlives its sessions.
#[cfg(feature = "client")]
impl<U: Upper> Upper for &mut U {
    fn received(&mut self, received: Received<'_, OnAck>, cx: &mut Context<'_>) {
        (**self).received(received, cx);
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        (**self).poll(cx);
    }

    fn pressure(&self, now: Instant) -> Pressure {
        (**self).pressure(now)
    }

    fn moved(&mut self) {
        (**self).moved();
    }

    fn closing(&mut self, frame: Option<CloseFrame<'_>>) {
        (**self).closing(frame);
    }

    fn failing(&mut self, cause: &dyn fmt::Display) {
        (**self).failing(cause);
    }

    fn violated(&mut self, violation: &dyn fmt::Display) {
        (**self).violated(violation);
    }

    fn closed(&mut self, reason: Reason) {
        (**self).closed(reason);
    }
}

/// How far the handlers of a session lag behind what it receives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pressure {
    /// Within the bound.
    Calm,
    /// Past the first bound: stop reading, at most until then.
    Pause {
        /// When it becomes [`Pressure::Overload`].
        until: Instant,
        /// Past the second bound: if reading can't pause, it is [`Pressure::Overload`] already.
        full: bool,
    },
    /// Past the second bound: give up on the peer.
    Overload,
}

impl Pressure {
    /// The worse of two.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Overload, _) | (_, Self::Overload) => Self::Overload,
            (Self::Pause { until: a, full: f }, Self::Pause { until: b, full: g }) => {
                Self::Pause { until: a.min(b), full: f || g }
            }
            (pause @ Self::Pause { .. }, Self::Calm) | (Self::Calm, pause) => pause,
        }
    }
}

/// The task of one session.
pub(crate) struct Driver<U> {
    // Apart from the rest, which borrows it in each poll.
    conn: Arc<Conn>,
    work: Work<U>,
}

/// What the driver of a session has beside it.
struct Work<U> {
    /// Wakes it at its deadline; a client's owner does.
    wheel: Option<Arc<Wheel>>,
    carrier: Carrier,
    upper: U,
    phase: Phase,
    /// When the wheel will wake this driver.
    deadline: Option<Instant>,
    /// Sessions that this driver's handlers pushed to and that are not flushed yet.
    unflushed: Vec<Arc<Conn>>,
    /// Whether the machine was told that reading is paused.
    paused: bool,
}

/// What a client's session begins with.
#[cfg(feature = "client")]
pub(crate) enum Start {
    /// A WebSocket whose handshake is done, and the compression that was agreed on.
    WebSocket { stream: (Stream, bytes::Bytes), deflate: Option<Agreement> },
    /// The answer to a first GET.
    Polling(Box<Requesting>),
}

/// ```text
/// on WebSocket:
/// Running ── session closed ──▶ Closing ── close handshake over, outbox empty ──▶ Lingering ──▶ done
///    └── transport lost: done         └── transport lost or stalled: done             (end of stream or time)
/// on polling:
/// Running ── session closed ──▶ Farewell ── a GET took what was left, or nobody came in time ──▶ done
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Running,
    /// The session is over, the WebSocket is being closed; `ended` once its handshake is.
    Closing {
        ended: bool,
    },
    Lingering {
        until: Instant,
    },
    /// The session is over; the next GET will be told.
    Farewell {
        until: Instant,
    },
    Done,
}

impl<U: Upper> Driver<U> {
    /// The driver of a session on a WebSocket whose handshake is done.
    pub(crate) fn websocket(
        conn: Arc<Conn>,
        wheel: Arc<Wheel>,
        stream: (Stream, bytes::Bytes),
        config: &websocket::Config,
        pace: Pace,
        upper: U,
    ) -> Self {
        let (framed, tcp) = Framed::new(Role::Server, stream, config);
        conn.outbox(|outbox| outbox.attach(tcp));
        Self::new(conn, Some(wheel), Carrier::WebSocket(framed), pace, upper)
    }

    /// The driver of a client's session. There is no wheel: its owner polls it again at [`Self::deadline`].
    #[cfg(feature = "client")]
    pub(crate) fn client(
        conn: Arc<Conn>,
        start: Start,
        config: &websocket::Config,
        pace: Pace,
        upper: U,
    ) -> Self {
        let carrier = match start {
            Start::WebSocket { stream, deflate } => {
                let (framed, tcp) = Framed::client(stream, config, deflate);
                conn.outbox(|outbox| outbox.attach(tcp));
                Carrier::WebSocket(framed)
            }
            Start::Polling(requesting) => Carrier::Requesting(requesting),
        };
        Self::new(conn, None, carrier, pace, upper)
    }

    /// The layer above.
    #[cfg(feature = "client")]
    pub(crate) const fn upper_mut(&mut self) -> &mut U {
        &mut self.work.upper
    }

    /// When it has to be polled, whatever else happens.
    #[cfg(feature = "client")]
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.work.deadline
    }

    /// The driver of a session on polling, whose first GET is under way.
    pub(crate) fn polling(
        conn: Arc<Conn>,
        wheel: Arc<Wheel>,
        config: &websocket::Config,
        pace: Pace,
        upper: U,
    ) -> Self {
        let polling = Box::new(Polling::new(config.clone()));
        Self::new(conn, Some(wheel), Carrier::Polling(polling), pace, upper)
    }

    fn new(
        conn: Arc<Conn>,
        wheel: Option<Arc<Wheel>>,
        carrier: Carrier,
        pace: Pace,
        upper: U,
    ) -> Self {
        conn.outbox(|outbox| outbox.set_pace(pace));
        let work = Work {
            wheel,
            carrier,
            upper,
            phase: Phase::Running,
            deadline: None,
            unflushed: Vec::new(),
            paused: false,
        };
        Self { conn, work }
    }
}

impl<U: Upper> Work<U> {
    /// What is due by the clock.
    fn handle_timeout(&mut self, now: Instant, conn: Driven<'_>) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Err(violation) = conn.machine(|machine| machine.handle_timeout(now)) {
            tracing::debug!(target: "sockeye::engine", %violation, "session closed");
            self.upper.violated(&violation);
        }
        if let Some(framed) = self.carrier.websocket() {
            framed.websocket.handle_timeout(now);
        }
        if conn.outbox(|outbox| outbox.stalls_at()).is_some_and(|at| now >= at) {
            tracing::warn!(target: "sockeye::engine", "slow consumer is cut: it reads too slowly, or not at all");
            self.lose(conn, Reason::SlowConsumer);
        }
        match self.phase {
            Phase::Lingering { until } | Phase::Farewell { until } if now >= until => {
                self.phase = Phase::Done;
            }
            _ => {}
        }
    }

    /// Takes in what has come, until nothing is left, or it is the others' turn; `true` in the latter case.
    fn receive(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> bool {
        match self.carrier {
            Carrier::Polling(_) => self.serve(now, conn, cx),
            #[cfg(feature = "client")]
            Carrier::Requesting(_) => self.request(now, conn, cx),
            Carrier::WebSocket(_) => self.read(now, conn, cx),
        }
    }

    /// As [`Self::receive`], on polling. Once the session is over, what still comes is refused by its machine.
    fn serve(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> bool {
        let Self { carrier, upper, phase, paused, .. } = self;
        let Carrier::Polling(polling) = carrier else { return false };
        let is_over = match *phase {
            Phase::Running => false,
            Phase::Farewell { .. } => true,
            _ => return false,
        };
        let mut may_read = |upper: &mut U| !is_paused(now, conn, upper, paused);
        let mut bodies = 0;
        // A WebSocket that takes over has to wait for what is not read yet.
        loop {
            polling.take(conn);
            match polling.read(now, conn, upper, cx, &mut may_read) {
                Served::All => break,
                Served::Body if bodies < READS_PER_POLL => bodies += 1,
                Served::Body | Served::More => return true,
                Served::Paused => return false,
            }
        }
        let Some((framed, tcp)) = polling.probe(now, conn, cx) else { return false };
        polling.release(now, conn, Kind::Noop);
        let late = conn.requests.lock().take();
        drop(late); // after the lock: they are refused
        if conn.outbox(|outbox| outbox.is_answering()) {
            tracing::debug!(target: "sockeye::engine", "moved to WebSocket with an answer on its way");
            self.lose(conn, Reason::TransportError);
            return false;
        }
        conn.outbox(|outbox| outbox.attach(tcp));
        *carrier = Carrier::WebSocket(framed);
        if is_over {
            self.phase = Phase::Closing { ended: false };
            self.close_websocket(now, conn);
        }
        self.read(now, conn, cx)
    }

    /// As [`Self::receive`], for a client on polling.
    #[cfg(feature = "client")]
    fn request(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> bool {
        let Self { carrier, upper, phase, .. } = self;
        let Carrier::Requesting(requesting) = carrier else { return false };
        let is_running = *phase == Phase::Running;
        match requesting.poll(now, conn, is_running.then_some(upper), cx) {
            Requested::All => false,
            Requested::More => true,
            Requested::Lost => {
                self.lose(conn, Reason::TransportError);
                false
            }
            Requested::Upgraded(framed, tcp) => {
                conn.outbox(|outbox| outbox.attach(tcp));
                *carrier = Carrier::WebSocket(*framed);
                if is_running {
                    upper.moved();
                } else {
                    self.phase = Phase::Closing { ended: false };
                    self.close_websocket(now, conn);
                }
                self.read(now, conn, cx)
            }
        }
    }

    /// As [`Self::receive`], on WebSocket.
    fn read(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> bool {
        let Some(framed) = self.carrier.websocket() else { return false };
        if !framed.early.is_empty() {
            let mut early = std::mem::take(&mut framed.early);
            self.feed(now, &mut early, conn, cx);
        }
        let more = scratch::with(|buffer| {
            for _ in 0..READS_PER_POLL {
                let Self { carrier, upper, phase, paused, .. } = self;
                let Some(framed) = carrier.websocket() else { return false };
                let reads = match phase {
                    Phase::Running => !is_paused(now, conn, upper, paused),
                    phase => *phase != Phase::Done,
                };
                if !reads {
                    return false;
                }
                match framed.io.poll_read(cx, buffer) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok(0)) => {
                        framed.websocket.handle_eof();
                        self.lose(conn, Reason::TransportClose);
                    }
                    Poll::Ready(Ok(read)) => self.feed(now, &mut buffer[..read], conn, cx),
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(target: "sockeye::ws", %error, "read failed");
                        self.upper.failing(&error);
                        self.lose(conn, Reason::TransportError);
                    }
                }
            }
            true
        });
        if let Some(framed) = self.carrier.websocket()
            && !self.paused
            && let Err(error) = framed.websocket.handle_silence(now)
        {
            tracing::debug!(target: "sockeye::ws", %error, "peer is too slow");
            self.upper.violated(&error);
            conn.machine(|machine| machine.close(Reason::TransportError));
        }
        more
    }

    /// Takes bytes through the WebSocket and the machine to the layer above.
    fn feed(&mut self, now: Instant, bytes: &mut [u8], conn: Driven<'_>, cx: &mut Context<'_>) {
        let Self { carrier, upper, phase, .. } = self;
        let Some(Framed { websocket, .. }) = carrier.websocket() else { return };
        let mut input = Input::new(bytes);
        let mut heard = false;
        loop {
            let message = match websocket.read(now, &mut input) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(target: "sockeye::ws", %error, "peer broke the protocol");
                    upper.violated(&error);
                    conn.machine(|machine| machine.close(Reason::TransportError));
                    break;
                }
            };
            let received = match message {
                Message::Text(text) => conn.machine(|machine| machine.receive_text(now, text)),
                Message::Binary(bytes) => {
                    conn.machine(|machine| machine.receive_binary(now, bytes))
                }
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(frame) => {
                    if *phase == Phase::Running {
                        upper.closing(frame);
                    }
                    conn.machine(|machine| machine.close(Reason::TransportClose));
                    continue;
                }
            };
            heard = true;
            match received {
                Ok(Some(received)) if *phase == Phase::Running => upper.received(received, cx),
                Ok(_) => {}
                Err(violation) => {
                    tracing::debug!(target: "sockeye::packet", %violation, "peer broke the protocol");
                    upper.violated(&violation);
                }
            }
        }
        if !heard {
            conn.machine(|machine| machine.heard(now)); // part of a large message, or a ping
        }
    }

    /// The transport is gone: whatever waits can't be sent.
    fn lose(&mut self, conn: Driven<'_>, reason: Reason) {
        conn.machine(|machine| machine.close(reason));
        conn.outbox(Outbox::fail);
        if self.phase == Phase::Running {
            self.upper.closed(closed(conn).unwrap_or(reason));
        }
        self.phase = Phase::Done;
    }

    /// Passes on that the session is over, once, and begins to close the transport.
    fn settle(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) {
        if conn.outbox(|outbox| outbox.is_overflowed()) && self.phase == Phase::Running {
            tracing::warn!(target: "sockeye::engine", "slow consumer is cut: it asks for more, or is sent more, than it reads");
            self.lose(conn, Reason::SlowConsumer);
        }
        if self.phase == Phase::Running
            && let Some(reason) = closed(conn)
        {
            self.upper.closed(reason);
            let is_client = self.wheel.is_none();
            self.phase = match self.carrier.close(now, conn, reason, cx) {
                // A server that is silent won't say goodbye either, and the next session waits for the end of this one.
                Ending::Handshake if is_client && reason == Reason::PingTimeout => Phase::Done,
                Ending::Handshake => Phase::Closing { ended: false },
                Ending::Farewell { until } => Phase::Farewell { until },
                Ending::Nothing => Phase::Done,
            };
            self.close_websocket(now, conn);
        }
        let Some(framed) = self.carrier.websocket() else { return };
        while let Some(output) = framed.websocket.poll_output() {
            match output.message() {
                Some(message) => {
                    let frame = Prepared::websocket(message);
                    let is_close = matches!(output, websocket::Output::Close(_));
                    conn.outbox(|outbox| {
                        if is_close { outbox.push_close(frame) } else { outbox.push_pong(frame) }
                    });
                }
                None if matches!(self.phase, Phase::Closing { .. }) => {
                    self.phase = Phase::Closing { ended: true };
                }
                // While it runs, the session hears of it first; a stream that is lost has no end to wait for.
                None => {}
            }
        }
    }

    /// Begins to close the WebSocket that carries the session, if one does.
    fn close_websocket(&mut self, now: Instant, conn: Driven<'_>) {
        let reason = closed(conn).unwrap_or(Reason::TransportError);
        if let Some(framed) = self.carrier.websocket() {
            framed.websocket.close(now, close_code(reason), reason.as_str());
        }
    }

    /// Writes what waits here, and at the sessions that handlers of this one pushed to; `true` if some are left.
    fn flush(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        cx: &mut Context<'_>,
        mut dirty: Vec<Arc<Conn>>,
    ) -> bool {
        let rest = dirty.split_off(dirty.len().min(FLUSHES_PER_POLL));
        for other in dirty {
            if Arc::ptr_eq(&other, &conn) {
                continue; // its turn comes below
            }
            match other.outbox(|outbox| outbox.flush_direct(now)) {
                Flushed::All => {}
                Flushed::Blocked | Flushed::Failed => other.wake(),
            }
        }
        self.unflushed = rest;
        let flushed = self.carrier.flush(now, conn, cx);
        if flushed == Flushed::Failed && self.phase != Phase::Done {
            self.lose(conn, Reason::TransportError);
        }
        if flushed == Flushed::All && self.phase == (Phase::Closing { ended: true }) {
            conn.outbox(Outbox::shut_down);
            self.carrier.shut_down(cx);
            self.phase = Phase::Lingering { until: now + LINGER };
        }
        if self.carrier.has_said_farewell() {
            self.phase = Phase::Done;
        }
        !self.unflushed.is_empty()
    }

    /// Tells the wheel when to wake this driver.
    fn schedule(&mut self, now: Instant, conn: Driven<'_>) {
        let machine = conn.look(|machine| machine.next_deadline());
        let stalled = conn.outbox(|outbox| outbox.stalls_at());
        let pause = match (self.phase, self.upper.pressure(now)) {
            (Phase::Running, Pressure::Pause { until, .. }) => Some(until),
            _ => None,
        };
        let linger = match self.phase {
            Phase::Lingering { until } | Phase::Farewell { until } => Some(until),
            _ => None,
        };
        // While nothing is read, nothing can be late.
        let carrier = if self.paused { None } else { self.carrier.next_deadline() };
        self.deadline = [machine, carrier, stalled, pause, linger].into_iter().flatten().min();
        if let Some(wheel) = &self.wheel {
            wheel.arm(&conn, self.deadline);
        }
    }
}

impl<U: Upper> Future for Driver<U> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { conn, work: this } = self.get_mut();
        // Entered for each poll: held while idle, a span would cost more than half a kilobyte.
        let _span = tracing::debug_span!(
            target: "sockeye::engine", "session", id = conn.sid.hint(), transport = this.carrier.name()
        )
        .entered();
        let conn = Driven::begin(conn, cx);
        let now = time::Instant::now().into_std();
        let dirty = dirty::begin(std::mem::take(&mut this.unflushed));
        this.handle_timeout(now, conn);
        if this.phase == Phase::Running {
            this.upper.poll(cx);
        }
        let more_to_read = this.phase != Phase::Done && this.receive(now, conn, cx);
        let taken = time::Instant::now().into_std().saturating_duration_since(now);
        if taken > BLOCKED {
            tracing::warn!(
                target: "sockeye::engine",
                "a handler blocked its connection for {:.1} s, which answered no ping meanwhile; let it await, or wrap it in \
                 `on_thread(…)`", taken.as_secs_f64()
            );
        }
        this.settle(now, conn, cx);
        // Reading goes on while the WebSocket is closed: the peer's close frame has to be heard.
        let resumed = this.phase != Phase::Running && std::mem::take(&mut this.paused);
        let more_to_flush = this.flush(now, conn, cx, dirty.end());
        if this.phase == Phase::Done && !more_to_flush {
            return Poll::Ready(());
        }
        this.schedule(now, conn);
        if more_to_read || more_to_flush || resumed {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<U> Drop for Driver<U> {
    fn drop(&mut self) {
        // Also when the runtime drops the task half-way: whoever waits must hear of it.
        self.conn.outbox(Outbox::fail);
        let requests = self.conn.requests.lock().take();
        drop(requests); // after the lock: they are refused
        for conn in &self.work.unflushed {
            conn.wake();
        }
    }
}

/// Why the session is over, if it is.
fn closed(conn: Driven<'_>) -> Option<Reason> {
    conn.look(|machine| machine.closed())
}

/// Whether reading has to wait for the handlers; the machine hears when that changes.
fn is_paused<U: Upper>(now: Instant, conn: Driven<'_>, upper: &mut U, paused: &mut bool) -> bool {
    let (pauses, overload) = match upper.pressure(now) {
        Pressure::Calm => (false, false),
        Pressure::Pause { full, .. } => {
            // A handler may be waiting for an ack that is still unread: then reading must go on.
            let must_read = conn.look(|machine| machine.has_acks());
            (!must_read, must_read && full)
        }
        Pressure::Overload => (true, true),
    };
    if overload {
        tracing::warn!(target: "sockeye::engine", "session is cut: its handlers lag too far behind");
        conn.machine(|machine| machine.close(Reason::Overload));
    }
    let pauses = pauses || overload;
    if *paused != pauses {
        *paused = pauses;
        conn.machine(|machine| machine.set_paused(now, pauses));
    }
    pauses
}

/// What the WebSocket is closed with (RFC 6455 §7.4.1).
const fn close_code(reason: Reason) -> CloseCode {
    match reason {
        Reason::ServerShuttingDown => CloseCode::GOING_AWAY,
        Reason::ParseError | Reason::ForcedClose | Reason::TransportError => {
            CloseCode::PROTOCOL_ERROR
        }
        Reason::Overload | Reason::SlowConsumer => CloseCode::POLICY_VIOLATION,
        _ => CloseCode::NORMAL,
    }
}
