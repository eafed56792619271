//! A session on polling, as its driver sees it: a GET that waits, a POST that is being read, a WebSocket that offers.

use std::{
    task::Context,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Reason, Transport, websocket},
    wire::{
        engine::Kind,
        polling::{Body, Item, Packets},
    },
};
use tokio::{net::tcp::OwnedWriteHalf, sync::oneshot};

use super::{
    Driven, OnAck, PostError, Upper,
    framed::Framed,
    outbox::{Flushed, Outbox},
    probe::{Probe, Probed},
    requests::{Batch, Delivery, Posted},
};

/// Packets of a POST that are read in one poll, so that a flood does not starve the others on this thread.
const PACKETS_PER_POLL: usize = 256;
/// Most bytes of one answer, but for a single packet that is larger.
const MAX_ANSWER_BYTES: usize = 1_000_000;
/// How long the answer to a GET that waits may take to go, once the session is over.
const ANSWER: Duration = Duration::from_secs(1);
/// How long after this side closed the session a client may take to ask, and be told.
const FAREWELL: Duration = Duration::from_secs(30);

/// The driver's half of a session on polling; requests leave the other in [`super::requests::Requests`].
pub(super) struct Polling {
    /// For a WebSocket that offers itself.
    websocket: websocket::Config,
    get: Option<oneshot::Sender<Batch>>,
    post: Option<Posted>,
    probe: Option<Box<Probe>>,
    farewell: Farewell,
}

/// Whether the client has to be told that the session is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Farewell {
    NotYet,
    Owed,
    Said,
}

/// How far the requests are served.
pub(super) enum Served {
    /// Nothing is left to do for now.
    All,
    /// A body is read to its end; there may be more behind it.
    Body,
    /// More packets wait to be read.
    More,
    /// The layer above lags too far behind to read on.
    Paused,
}

impl Polling {
    pub(super) const fn new(websocket: websocket::Config) -> Self {
        let farewell = Farewell::NotYet;
        Self { websocket, get: None, post: None, probe: None, farewell }
    }

    /// Takes what requests have left.
    pub(super) fn take(&mut self, conn: Driven<'_>) {
        let mut requests = conn.requests.lock();
        let Some(requests) = requests.as_deref_mut() else { return };
        // The machine allows one of each at a time; one that is replaced here is refused.
        if let Some(get) = requests.get.take() {
            self.get = Some(get);
        }
        if self.post.is_none() {
            self.post = requests.posts.pop_front();
        }
        if let Some(offer) = requests.offer.take() {
            self.probe = Some(Box::new(Probe::new(offer, &self.websocket)));
        }
    }

    /// Reads what a POST has brought, as long as `may_read` says so before each packet.
    pub(super) fn read<U: Upper>(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        upper: &mut U,
        cx: &mut Context<'_>,
        mut may_read: impl FnMut(&mut U) -> bool,
    ) -> Served {
        let Some(mut post) = self.post.take() else { return Served::All };
        if conn.look(|machine| machine.is_closed()) {
            return Served::Body; // its sender is gone, and so it is refused
        }
        let body = post.body.clone();
        let mut packets = Packets::resume(post.format, &body, post.offset);
        for _ in 0..PACKETS_PER_POLL {
            if !may_read(upper) {
                post.offset = packets.consumed();
                self.post = Some(post);
                return Served::Paused;
            }
            let verdict = match packets.next() {
                Ok(Some(item)) => match receive(now, conn, &item) {
                    Ok(received) => {
                        if let Some(received) = received {
                            upper.received(received, cx);
                        }
                        continue;
                    }
                    Err(violation) => Err(violation),
                },
                Ok(None) => Ok(()),
                Err(error) => {
                    conn.machine(|machine| machine.receive_garbage());
                    Err(error.to_string())
                }
            };
            if let Err(why) = &verdict {
                tracing::debug!(target: "sockeye::packet", why, "peer broke the protocol");
            }
            let _ = post.reply.send(verdict.map_err(PostError::Malformed)); // the client may have gone
            return Served::Body;
        }
        post.offset = packets.consumed();
        self.post = Some(post);
        Served::More
    }

    /// Goes on with the WebSocket that wants to take over; if it does, here it is.
    pub(super) fn probe(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        cx: &mut Context<'_>,
    ) -> Option<(Framed, Option<OwnedWriteHalf>)> {
        let mut probe = self.probe.take()?;
        if conn.look(|machine| machine.transport()) == Transport::Polling {
            probe.fail(now, cx); // its time is over
            return None;
        }
        match probe.poll(now, conn, cx) {
            Probed::Waiting => {
                self.probe = Some(probe);
                None
            }
            Probed::Failed => {
                conn.machine(|machine| machine.probe_lost());
                probe.fail(now, cx);
                None
            }
            Probed::Upgraded => Some(probe.into_parts(conn)),
        }
    }

    /// Answers the GET that waits, if there is something to say.
    pub(super) fn flush(&mut self, now: Instant, conn: Driven<'_>) -> Flushed {
        let flushed = self.flush_packets(now, conn);
        // Never together with packets: official clients close before they have looked at those.
        if self.farewell == Farewell::Owed && flushed == Flushed::All && self.get.is_some() {
            self.release(now, conn, Kind::Close);
            self.farewell = Farewell::Said;
        }
        flushed
    }

    /// Whether the client knows that the session is over.
    pub(super) fn has_said_farewell(&self) -> bool {
        self.farewell == Farewell::Said
    }

    fn owe_farewell(&mut self, conn: Driven<'_>, until: Instant) -> Option<Instant> {
        conn.outbox(Outbox::seal);
        self.farewell = Farewell::Owed;
        Some(until)
    }

    fn flush_packets(&mut self, now: Instant, conn: Driven<'_>) -> Flushed {
        let Some(get) = self.get.take_if(|get| !get.is_closed()) else {
            return conn.outbox(|outbox| outbox.flushed());
        };
        let body = conn.outbox(|outbox| outbox.take_answer(MAX_ANSWER_BYTES));
        match body {
            Some(body) => answer(now, conn, get, Batch { body, delivery: Delivery::of(&conn) }),
            None if conn.look(|machine| machine.releases_get(now)) => {
                self.get = Some(get);
                self.release(now, conn, Kind::Noop);
            }
            None => self.get = Some(get),
        }
        conn.outbox(|outbox| outbox.flushed())
    }

    /// Answers the GET that waits, if one does, with a packet that says nothing else.
    pub(super) fn release(&mut self, now: Instant, conn: Driven<'_>, kind: Kind) {
        if let Some(get) = self.get.take() {
            let body = Body::bare(conn.encoding.version, kind);
            answer(now, conn, get, Batch { body, delivery: Delivery::of_nothing() });
        }
    }

    /// The session is over: refuses what is under way. Says until when a GET may still come for the rest.
    pub(super) fn close(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        reason: Reason,
        cx: &mut Context<'_>,
    ) -> Option<Instant> {
        self.post = None;
        let until = match reason {
            Reason::TransportClose => {
                self.release(now, conn, Kind::Noop); // the client has said so itself
                None
            }
            Reason::TransportError
            | Reason::ParseError
            | Reason::PingTimeout
            | Reason::SlowConsumer => self.get.is_some().then(|| now + ANSWER),
            // It may be on its way to a WebSocket: that goes on, and carries what is left.
            _ => return self.owe_farewell(conn, now + FAREWELL),
        };
        if let Some(probe) = self.probe.take() {
            probe.fail(now, cx);
        }
        until.and_then(|until| self.owe_farewell(conn, until))
    }
}

/// Gives the machine one packet of a body.
pub(super) fn receive<'m>(
    now: Instant,
    conn: Driven<'_>,
    item: &'m Item<'_>,
) -> Result<Option<sockeye_proto::session::Received<'m, OnAck>>, String> {
    let received = match item {
        Item::Text(text) => conn.machine(|machine| machine.receive_text(now, text)),
        Item::Binary(bytes) => conn.machine(|machine| machine.receive_binary(now, bytes)),
    };
    received.map_err(|violation| violation.to_string())
}

fn answer(now: Instant, conn: Driven<'_>, get: oneshot::Sender<Batch>, answer: Batch) {
    conn.outbox(|outbox| outbox.set_polled(false));
    conn.machine(|machine| machine.get_answered(now));
    // If the client has gone, the answer is dropped unsent, and its delivery says so.
    let _ = get.send(answer);
}
