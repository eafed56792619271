//! A WebSocket that wants to take over a session on polling: the client says `2probe`, hears `3probe`, and says `5`.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use sockeye_proto::{
    session::{
        self, Role,
        websocket::{self, WebSocket},
    },
    wire::{
        encoding::Encoding,
        engine::Kind,
        prepared::Prepared,
        ws::{CloseCode, Input, Message},
    },
};
use tokio::net::tcp::OwnedWriteHalf;

#[cfg(feature = "client")]
use super::Offered;
use super::{
    Candidate, Driven,
    framed::Framed,
    outbox::{Flushed, Outbox},
    scratch,
};

/// Reads of one poll; a probe is two messages.
const READS_PER_POLL: usize = 4;

/// A WebSocket until it carries the session, or is of no use.
pub(super) struct Probe {
    framed: Framed,
    /// What it sends itself: the probe or the answer to it, pongs, a close frame.
    outbox: Outbox,
    /// A client's that takes over as soon as this is written.
    is_done: bool,
    /// Whether bytes are sent on it as text.
    base64: bool,
}

/// What became of a probe.
pub(super) enum Probed {
    /// Nothing yet.
    Waiting,
    /// It carries the session from now on.
    Upgraded,
    /// It is closed; the session stays on polling.
    Failed,
}

impl Probe {
    pub(super) fn new(Candidate { stream, base64 }: Candidate, config: &websocket::Config) -> Self {
        let (framed, tcp) = Framed::new(Role::Server, stream, config);
        let mut outbox = Outbox::new(Encoding::default());
        outbox.attach(tcp);
        Self { framed, outbox, is_done: false, base64 }
    }

    /// A client's, which asks whether the server is there.
    #[cfg(feature = "client")]
    pub(super) fn client(
        Offered { stream, keys, deflate }: Offered,
        config: &websocket::Config,
    ) -> Self {
        let (framed, tcp) = Framed::client(stream, config, deflate);
        let mut outbox = Outbox::client(Encoding::default(), keys);
        outbox.attach(tcp);
        outbox.push_control(Prepared::engine(Kind::Ping, "probe"));
        Self { framed, outbox, is_done: false, base64: false }
    }

    /// As a client, takes over: nothing is under way on polling any more.
    #[cfg(feature = "client")]
    pub(super) fn take_over(&mut self) {
        self.outbox.push_control(Prepared::engine(Kind::Upgrade, ""));
        self.is_done = true;
    }

    /// Goes on with it.
    pub(super) fn poll(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> Probed {
        if !self.framed.early.is_empty() {
            let mut early = std::mem::take(&mut self.framed.early);
            match self.feed(now, &mut early, conn, cx) {
                Probed::Waiting => {}
                done => return done,
            }
        }
        for _ in 0..READS_PER_POLL {
            // First what it owes, so that nobody can make it grow.
            match self.framed.io.flush(&mut self.outbox, cx, now) {
                Flushed::All if self.is_done => return Probed::Upgraded,
                Flushed::All => {}
                Flushed::Blocked => return Probed::Waiting,
                Flushed::Failed => return Probed::Failed,
            }
            let step = scratch::with(|buffer| match self.framed.io.poll_read(cx, buffer) {
                Poll::Pending => None,
                Poll::Ready(Ok(read)) if read > 0 => {
                    Some(self.feed(now, &mut buffer[..read], conn, cx))
                }
                Poll::Ready(_) => Some(Probed::Failed),
            });
            match step {
                None => return Probed::Waiting,
                Some(Probed::Waiting) => {}
                Some(done) => return done,
            }
        }
        cx.waker().wake_by_ref(); // it is the others' turn
        Probed::Waiting
    }

    fn feed(
        &mut self,
        now: Instant,
        bytes: &mut [u8],
        conn: Driven<'_>,
        cx: &mut Context<'_>,
    ) -> Probed {
        let Self { framed, outbox, .. } = self;
        let Framed { io, websocket, early } = framed;
        let mut input = Input::new(bytes);
        loop {
            let said = match websocket.read(now, &mut input) {
                Ok(Some(Message::Text(text))) => Some(Box::<str>::from(text)),
                Ok(Some(Message::Ping(_) | Message::Pong(_))) => None,
                Ok(Some(Message::Binary(_) | Message::Close(_))) => return Probed::Failed,
                Ok(None) => return Probed::Waiting,
                Err(error) => {
                    tracing::debug!(target: "sockeye::ws", %error, "peer broke the protocol");
                    return Probed::Failed;
                }
            };
            drain(websocket, outbox);
            // What it owes goes first, so that nothing of it is left when it takes over.
            if io.flush(outbox, cx, now) != Flushed::All {
                return Probed::Failed;
            }
            let Some(said) = said else { continue };
            match conn.machine(|machine| machine.receive_probe(now, &said)) {
                session::Probe::Answer => {
                    outbox.push_control(Prepared::engine(Kind::Pong, "probe"));
                }
                session::Probe::Upgraded => {
                    *early = Box::from(input.remaining());
                    return Probed::Upgraded;
                }
                session::Probe::Pause => {} // the owner sees to what is under way
                session::Probe::Failed => return Probed::Failed,
            }
        }
    }

    /// The WebSocket that carries the session now; what is pushed from now on is encoded for it.
    pub(super) fn into_parts(mut self, conn: Driven<'_>) -> (Framed, Option<OwnedWriteHalf>) {
        conn.outbox(|outbox| outbox.set_base64(self.base64));
        (self.framed, self.outbox.detach())
    }

    /// Closes it, as well as that goes without waiting.
    pub(super) fn fail(mut self, now: Instant, cx: &mut Context<'_>) {
        let Self { framed, outbox, .. } = &mut self;
        framed.websocket.close(now, CloseCode::NORMAL, "the probe failed");
        drain(&mut framed.websocket, outbox);
        framed.io.flush(outbox, cx, now);
    }
}

/// Queues what the WebSocket itself has to send.
fn drain(websocket: &mut WebSocket, outbox: &mut Outbox) {
    while let Some(output) = websocket.poll_output() {
        if let Some(message) = output.message() {
            outbox.push_control(Prepared::websocket(message));
        }
    }
}
