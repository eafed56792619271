//! One task per session, from open to close: it reads, runs the machine and the handlers, writes, and ends.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{
        Reason, Received,
        websocket::{self, WebSocket},
    },
    wire::{
        prepared::Prepared,
        ws::{CloseCode, Input, Message, Role},
    },
};
use tokio::{io::AsyncWrite, time};

use super::{
    Conn, OnAck, Stream, Wheel, dirty,
    outbox::{Flushed, Outbox, copy_together},
    scratch,
    stream::Io,
};

/// Reads of one poll, so that a flood on one session does not starve the others on this thread.
const READS_PER_POLL: usize = 8;
/// Other sessions flushed in one poll; the rest follows in the next.
const FLUSHES_PER_POLL: usize = 1_024;
/// How long after the close handshake the peer may take to end its side of the stream.
const LINGER: Duration = Duration::from_secs(1);

/// The layer above: what server and client do with what a session receives. Owned by the driver, so it needs no lock.
pub(crate) trait Upper: Send + Unpin + 'static {
    /// Takes what was received; a handler that it starts is polled with `cx`.
    fn received(&mut self, received: Received<'_, OnAck>, cx: &mut Context<'_>);

    /// Advances the handlers that wait for something.
    fn poll(&mut self, cx: &mut Context<'_>);

    /// How far the handlers lag behind.
    fn pressure(&self, now: Instant) -> Pressure;

    /// The session is over; nothing follows. Running handlers are detached, not dropped.
    fn closed(&mut self, reason: Reason);
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
    conn: Arc<Conn>,
    wheel: Arc<Wheel>,
    io: Io,
    websocket: WebSocket,
    upper: U,
    phase: Phase,
    /// When the wheel will wake this driver.
    deadline: Option<Instant>,
    /// How long a write may make no progress.
    write_timeout: Duration,
    /// What the HTTP server had read beyond the handshake.
    early: Vec<u8>,
    /// Sessions that this driver's handlers pushed to and that are not flushed yet.
    unflushed: Vec<Arc<Conn>>,
    /// Whether the machine was told that reading is paused.
    paused: bool,
}

/// ```text
/// Running ── session closed ──▶ Closing ── close handshake over, outbox empty ──▶ Lingering ──▶ done
///    └── transport lost: done         └── transport lost or stalled: done             (end of stream or time)
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
    Done,
}

impl<U: Upper> Driver<U> {
    /// The driver of a session on a WebSocket whose handshake is done.
    pub(crate) fn new(
        conn: Arc<Conn>,
        wheel: Arc<Wheel>,
        (stream, early): (Stream, bytes::Bytes),
        config: &websocket::Config,
        write_timeout: Duration,
        upper: U,
    ) -> Self {
        let (io, tcp) = stream.split();
        conn.outbox(|outbox| outbox.attach(tcp));
        Self {
            conn,
            wheel,
            io,
            websocket: WebSocket::new(Role::Server, config),
            upper,
            phase: Phase::Running,
            deadline: None,
            write_timeout,
            early: early.to_vec(), // a copy: even empty, it would keep hyper's read buffer alive
            unflushed: Vec::new(),
            paused: false,
        }
    }

    /// What is due by the clock.
    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Err(violation) = self.conn.machine(|machine| machine.handle_timeout(now)) {
            tracing::debug!(target: "sockeye::engine", %violation, "session closed");
        }
        self.websocket.handle_timeout(now);
        let stalled = self.conn.outbox(|outbox| outbox.stalled_since());
        if stalled.is_some_and(|since| now >= since + self.write_timeout) {
            tracing::warn!(target: "sockeye::engine", "slow consumer is cut: a write stalled");
            self.lose(Reason::SlowConsumer);
        }
        if matches!(self.phase, Phase::Lingering { until } if now >= until) {
            self.phase = Phase::Done;
        }
    }

    /// Reads until nothing is there, or it is the others' turn; `true` in the latter case.
    fn read(&mut self, now: Instant, cx: &mut Context<'_>) -> bool {
        if !self.early.is_empty() {
            let mut early = std::mem::take(&mut self.early);
            self.feed(now, &mut early, cx);
        }
        scratch::with(|buffer| {
            for _ in 0..READS_PER_POLL {
                if self.phase == Phase::Done || self.is_paused(now) {
                    return false;
                }
                match self.io.poll_read(cx, buffer) {
                    Poll::Pending => return false,
                    Poll::Ready(Ok(0)) => {
                        self.websocket.handle_eof();
                        self.lose(Reason::TransportClose);
                    }
                    Poll::Ready(Ok(read)) => self.feed(now, &mut buffer[..read], cx),
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(target: "sockeye::ws", %error, "read failed");
                        self.lose(Reason::TransportError);
                    }
                }
            }
            true
        })
    }

    /// Whether reading has to wait for the handlers.
    fn is_paused(&mut self, now: Instant) -> bool {
        if self.phase != Phase::Running {
            return false;
        }
        let (paused, overload) = match self.upper.pressure(now) {
            Pressure::Calm => (false, false),
            Pressure::Pause { full, .. } => {
                // A handler may be waiting for an ack that is still unread: then reading must go on.
                let must_read = self.conn.machine(|machine| machine.has_acks());
                (!must_read, must_read && full)
            }
            Pressure::Overload => (true, true),
        };
        if overload {
            tracing::warn!(target: "sockeye::engine", "session is cut: its handlers lag too far behind");
            self.conn.machine(|machine| machine.close(Reason::Overload));
        }
        let paused = paused || overload;
        if self.paused != paused {
            self.paused = paused;
            self.conn.machine(|machine| machine.set_paused(now, paused));
        }
        paused
    }

    /// Takes bytes through the WebSocket and the machine to the layer above.
    fn feed(&mut self, now: Instant, bytes: &mut [u8], cx: &mut Context<'_>) {
        let Self { conn, websocket, upper, phase, .. } = self;
        let mut input = Input::new(bytes);
        let mut heard = false;
        loop {
            let message = match websocket.read(now, &mut input) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(target: "sockeye::ws", %error, "peer broke the protocol");
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
                Message::Close(_) => {
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
                }
            }
        }
        if !heard {
            conn.machine(|machine| machine.heard(now)); // part of a large message, or a ping
        }
    }

    /// The transport is gone: whatever waits can't be sent.
    fn lose(&mut self, reason: Reason) {
        self.conn.machine(|machine| machine.close(reason));
        self.conn.outbox(Outbox::fail);
        if self.phase == Phase::Running {
            self.upper.closed(self.reason().unwrap_or(reason));
        }
        self.phase = Phase::Done;
    }

    fn reason(&self) -> Option<Reason> {
        self.conn.machine(|machine| machine.closed())
    }

    /// Passes on that the session is over, once, and begins to close the WebSocket.
    fn settle(&mut self, now: Instant) {
        if self.conn.outbox(|outbox| outbox.is_overflowed()) && self.phase == Phase::Running {
            tracing::warn!(target: "sockeye::engine", "slow consumer is cut: its outbox is full");
            self.lose(Reason::SlowConsumer);
        }
        if self.phase == Phase::Running
            && let Some(reason) = self.reason()
        {
            self.upper.closed(reason);
            self.phase = Phase::Closing { ended: false };
            self.websocket.close(now, close_code(reason), reason.as_str());
        }
        while let Some(output) = self.websocket.poll_output() {
            match output.message() {
                Some(message) => {
                    let frame = Prepared::websocket(message);
                    let is_close = matches!(output, websocket::Output::Close(_));
                    self.conn.outbox(|outbox| {
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

    /// Writes what waits here, and at the sessions that handlers of this one pushed to; `true` if some are left.
    fn flush(&mut self, now: Instant, cx: &mut Context<'_>, mut dirty: Vec<Arc<Conn>>) -> bool {
        let rest = dirty.split_off(dirty.len().min(FLUSHES_PER_POLL));
        for conn in dirty {
            if Arc::ptr_eq(&conn, &self.conn) {
                continue; // its turn comes below
            }
            match conn.outbox(|outbox| outbox.flush_direct(now)) {
                Flushed::All => {}
                Flushed::Blocked | Flushed::Failed => conn.driver.wake(),
            }
        }
        self.unflushed = rest;
        let Self { conn, io, .. } = self;
        let flushed = conn.outbox(|outbox| match io {
            Io::Tcp(_) => outbox.poll_flush_direct(cx, now),
            Io::Other(stream) => flush_stream(outbox, stream.as_mut(), cx, now),
        });
        if flushed == Flushed::Failed && self.phase != Phase::Done {
            self.lose(Reason::TransportError);
        }
        if flushed == Flushed::All && self.phase == (Phase::Closing { ended: true }) {
            self.conn.outbox(Outbox::shut_down);
            if let Io::Other(stream) = &mut self.io {
                // At best: the peer has our close frame already.
                let _ = Pin::new(stream).poll_shutdown(cx);
            }
            self.phase = Phase::Lingering { until: now + LINGER };
        }
        !self.unflushed.is_empty()
    }

    /// Tells the wheel when to wake this driver.
    fn schedule(&mut self, now: Instant) {
        let machine = self.conn.machine(|machine| machine.next_deadline());
        let stalled = self.conn.outbox(|outbox| outbox.stalled_since());
        let pause = match (self.phase, self.upper.pressure(now)) {
            (Phase::Running, Pressure::Pause { until, .. }) => Some(until),
            _ => None,
        };
        let linger = match self.phase {
            Phase::Lingering { until } => Some(until),
            _ => None,
        };
        let stalled = stalled.map(|since| since + self.write_timeout);
        let websocket = self.websocket.next_deadline();
        self.deadline = [machine, websocket, stalled, pause, linger].into_iter().flatten().min();
        self.wheel.arm(&self.conn, self.deadline);
    }
}

impl<U: Upper> Future for Driver<U> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        // Entered for each poll: held while idle, a span would cost more than half a kilobyte.
        let _span = tracing::debug_span!(
            target: "sockeye::engine", "session", id = this.conn.sid.hint(), transport = "websocket"
        )
        .entered();
        this.conn.driver.register(cx.waker());
        let now = time::Instant::now().into_std();
        let dirty = dirty::begin(std::mem::take(&mut this.unflushed));
        this.handle_timeout(now);
        if this.phase == Phase::Running {
            this.upper.poll(cx);
        }
        let more_to_read = this.phase != Phase::Done && this.read(now, cx);
        this.settle(now);
        // Reading goes on while the WebSocket is closed: the peer's close frame has to be heard.
        let resumed = this.phase != Phase::Running && std::mem::take(&mut this.paused);
        let more_to_flush = this.flush(now, cx, dirty.end());
        if this.phase == Phase::Done && !more_to_flush {
            return Poll::Ready(());
        }
        this.schedule(now);
        if more_to_read || more_to_flush || resumed {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<U> Drop for Driver<U> {
    fn drop(&mut self) {
        // Also when the runtime drops the task half-way: whoever waits for a packet to be written must hear of it.
        self.conn.outbox(Outbox::fail);
        for conn in &self.unflushed {
            conn.driver.wake();
        }
    }
}

/// Writes to a stream that may not know vectored writes: then small frames are copied together first.
fn flush_stream(
    outbox: &mut Outbox,
    stream: &mut dyn super::stream::Duplex,
    cx: &mut Context<'_>,
    now: Instant,
) -> Flushed {
    let flushed = outbox.flush(now, |slices| {
        if slices.len() == 1 || stream.is_write_vectored() {
            return Pin::new(&mut *stream).poll_write_vectored(cx, slices);
        }
        scratch::with(|buffer| {
            let copied = copy_together(slices, buffer);
            Pin::new(&mut *stream).poll_write(cx, &buffer[..copied])
        })
    });
    match Pin::new(stream).poll_flush(cx) {
        Poll::Ready(Err(error)) if flushed != Flushed::Failed => {
            tracing::debug!(target: "sockeye::ws", %error, "flush failed");
            outbox.fail();
            Flushed::Failed
        }
        _ => flushed,
    }
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
