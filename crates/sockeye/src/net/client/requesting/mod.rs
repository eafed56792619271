//! A client's session on polling, as its driver sees it: the GET, the POST and the WebSocket that are under way.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sockeye_proto::{
    session::{Reason, Received, Transport, websocket},
    wire::{
        engine::{Handshake, Kind, Version},
        polling::{Body, Format, Packets},
    },
};
use tokio::{
    net::tcp::OwnedWriteHalf,
    time::{self, Sleep},
};

use super::{
    Deadline, Driven, HttpError, Response, Upper,
    remote::{Offered, Remote, WebSocketError},
};
use crate::net::{
    framed::Framed,
    outbox::{Flushed, Outbox},
    polling,
    probe::{Probe, Probed},
};

/// Packets of an answer that are read in one poll, so that a flood does not starve the others on this thread.
const PACKETS_PER_POLL: usize = 256;
/// How long the server may take to be told that the session is over.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the GET that waits may still be answered, once a POST has failed. Who ends a session answers that, with what
/// came before the end, and no POST any more; the two answers overtake each other.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Something that is under way.
type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// Bounds on the requests of a client's session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// Most bytes of an answer.
    pub(crate) max_answer_bytes: usize,
    /// How long a POST may take; how long a GET may, the heartbeat says.
    pub(crate) post_timeout: Duration,
    /// How long a WebSocket may take to come about.
    pub(crate) upgrade_timeout: Duration,
}

/// The driver's half of a client's session on polling; nothing of it runs anywhere else.
pub(crate) struct Requesting {
    remote: Remote,
    version: Version,
    limits: RequestLimits,
    websocket: websocket::Config,
    /// What the server announced; `None` until the first answer is read.
    handshake: Option<Box<Handshake>>,
    get: Option<Future<Result<Response, HttpError>>>,
    post: Option<Future<Result<Response, HttpError>>>,
    /// Why the last POST failed, if it did.
    failed: Option<Box<Failed>>,
    /// An answer that is being read.
    reading: Option<Reading>,
    offer: Option<Future<Result<Offered, WebSocketError>>>,
    probe: Option<Box<Probe>>,
    farewell: Farewell,
}

/// The body of a GET's answer, read as far as `offset`.
struct Reading {
    body: Bytes,
    format: Format,
    offset: usize,
}

/// A POST that failed: the session is over once the GET has been answered, or that takes too long.
struct Failed {
    why: String,
    last_words: Pin<Box<Sleep>>,
}

/// Whether the server has to be told that the session is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Farewell {
    NotYet,
    Owed,
    UnderWay,
    Said,
}

/// How far the requests are served.
pub(in crate::net) enum Requested {
    /// Nothing is left to do for now.
    All,
    /// There is more to do at once.
    More,
    /// A request failed, and with it the session.
    Lost,
    /// The session goes on here.
    Upgraded(Box<Framed>, Option<OwnedWriteHalf>),
}

impl Requesting {
    /// Begins with the answer to a GET that asked for a session.
    pub(crate) fn new(
        remote: Remote,
        version: Version,
        limits: RequestLimits,
        websocket: websocket::Config,
        (body, format): (Bytes, Format),
    ) -> Self {
        Self {
            remote,
            version,
            limits,
            websocket,
            handshake: None,
            get: None,
            post: None,
            failed: None,
            reading: Some(Reading { body, format, offset: 0 }),
            offer: None,
            probe: None,
            farewell: Farewell::NotYet,
        }
    }

    /// Goes on with everything that is under way; what is received goes to `upper`, as long as the session is open.
    pub(in crate::net) fn poll<U: Upper>(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        mut upper: Option<&mut U>,
        cx: &mut Context<'_>,
    ) -> Requested {
        if let Some(post) = &mut self.post
            && let Poll::Ready(answer) = post.as_mut().poll(cx)
        {
            self.post = None;
            if let Err(why) = self.posted(conn, answer) {
                let last_words = Box::pin(time::sleep(LAST_WORDS));
                self.failed = Some(Box::new(Failed { why, last_words }));
            }
        }
        loop {
            match self.read(now, conn, upper.as_deref_mut(), cx) {
                Requested::All => {}
                requested => return requested,
            }
            if self.get.is_none()
                && self.failed.is_none()
                && let Some(handshake) = &self.handshake
                && conn.machine(|machine| machine.may_get() && machine.get(now).is_ok())
            {
                let (max_bytes, never) =
                    (self.limits.max_answer_bytes, Deadline::new(Duration::MAX));
                let get = self.remote.get(self.version, Some(&handshake.sid), max_bytes, never);
                self.get = Some(Box::pin(get));
            }
            let Some(get) = &mut self.get else { break };
            let Poll::Ready(answer) = get.as_mut().poll(cx) else { break };
            self.get = None;
            conn.machine(|machine| machine.get_answered(now));
            match answer.map_err(|error| error.to_string()).and_then(accept) {
                Ok(answer) => {
                    let format = Format::of_answer(self.version, &answer.body);
                    self.reading = Some(Reading { body: answer.body, format, offset: 0 });
                }
                Err(_) if self.failed.is_some() => break,
                Err(why) => {
                    fail("GET", &why, upper);
                    conn.machine(|machine| machine.get_lost());
                    return Requested::Lost;
                }
            }
        }
        if let Some(Failed { why, last_words }) = self.failed.as_deref_mut() {
            let may_hear = upper.is_some() && self.get.is_some();
            if may_hear && last_words.as_mut().poll(cx).is_pending() {
                return Requested::All;
            }
            // A server that has ended the session in good order has said so.
            if conn.look(|machine| machine.closed()).is_none() {
                fail("POST", why, upper);
                conn.machine(|machine| machine.post_lost());
            }
            return Requested::Lost;
        }
        self.move_on(now, conn, cx)
    }

    /// Reads an answer.
    fn read<U: Upper>(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        mut upper: Option<&mut U>,
        cx: &mut Context<'_>,
    ) -> Requested {
        let Some(Reading { body, format, offset }) = self.reading.take() else {
            return Requested::All;
        };
        let mut packets = Packets::resume(format, &body, offset);
        for _ in 0..PACKETS_PER_POLL {
            let item = match packets.next() {
                Ok(Some(item)) => item,
                Ok(None) => return Requested::All,
                Err(error) => {
                    tracing::debug!(target: "sockeye::packet", %error, "peer broke the protocol");
                    if let Some(upper) = upper {
                        upper.violated(&error);
                    }
                    conn.machine(|machine| machine.receive_garbage());
                    return Requested::All;
                }
            };
            match polling::receive(now, conn, &item) {
                Ok(Some(received)) => {
                    if let Received::Opened { handshake } = &received {
                        self.opened(conn, handshake);
                    }
                    if let Some(upper) = upper.as_deref_mut() {
                        upper.received(received, cx);
                    }
                }
                Ok(None) => {}
                Err(why) => {
                    tracing::debug!(target: "sockeye::packet", why, "peer broke the protocol");
                    if let Some(upper) = upper {
                        upper.violated(&why);
                    }
                    return Requested::All; // the machine has closed the session
                }
            }
        }
        let offset = packets.consumed();
        self.reading = Some(Reading { body, format, offset });
        Requested::More
    }

    fn opened(&mut self, conn: Driven<'_>, handshake: &Handshake) {
        let upgrades = handshake.upgrades.iter().any(|transport| transport == "websocket");
        if upgrades && conn.look(|machine| machine.may_probe()) {
            let deadline = Deadline::new(self.limits.upgrade_timeout);
            let sid = Some(handshake.sid.clone());
            let offer = self.remote.clone().websocket(self.version, sid, deadline);
            self.offer = Some(Box::pin(offer));
            conn.machine(|machine| machine.offer());
        }
        self.handshake = Some(Box::new(handshake.clone()));
    }

    /// Takes the answer to a POST; if it says why not, the session is to be lost.
    fn posted(
        &mut self,
        conn: Driven<'_>,
        answer: Result<Response, HttpError>,
    ) -> Result<(), String> {
        let accepted = answer.map_err(|error| error.to_string()).and_then(accept);
        accepted?;
        conn.outbox(Outbox::answered);
        conn.machine(|machine| machine.post_done());
        if self.farewell == Farewell::UnderWay {
            self.farewell = Farewell::Said;
        }
        Ok(())
    }

    /// Goes on with the WebSocket that shall take over.
    fn move_on(&mut self, now: Instant, conn: Driven<'_>, cx: &mut Context<'_>) -> Requested {
        if let Some(offer) = &mut self.offer
            && let Poll::Ready(offered) = offer.as_mut().poll(cx)
        {
            self.offer = None;
            match offered {
                Ok(offered) => {
                    if conn.machine(|machine| machine.probe(now)) {
                        let probe = Probe::client(offered, &self.websocket);
                        self.probe = Some(Box::new(probe));
                    }
                }
                Err(error) => {
                    tracing::debug!(target: "sockeye::engine", %error, "stays on polling");
                    conn.machine(|machine| machine.probe_lost());
                }
            }
        }
        let Some(mut probe) = self.probe.take() else { return Requested::All };
        if conn.look(|machine| machine.transport()) == Transport::Polling {
            probe.fail(now, cx); // its time is over
            return Requested::More; // polling goes on
        }
        loop {
            match probe.poll(now, conn, cx) {
                Probed::Waiting if conn.machine(|machine| machine.upgrade()) => probe.take_over(),
                Probed::Waiting => {
                    self.probe = Some(probe);
                    return Requested::All;
                }
                Probed::Upgraded => {
                    let (framed, tcp) = probe.into_parts(conn);
                    return Requested::Upgraded(Box::new(framed), tcp);
                }
                Probed::Failed
                    if conn.look(|machine| machine.transport()) == Transport::WebSocket =>
                {
                    return Requested::Lost; // it has left polling already
                }
                Probed::Failed => {
                    conn.machine(|machine| machine.probe_lost());
                    probe.fail(now, cx);
                    return Requested::More; // polling goes on
                }
            }
        }
    }

    /// Sends what waits, if no POST is under way.
    pub(in crate::net) fn flush(&mut self, conn: Driven<'_>, cx: &mut Context<'_>) -> Flushed {
        if let Some(handshake) = &self.handshake
            && conn.look(|machine| machine.may_post())
        {
            let max_bytes = handshake.max_payload_bytes.map(usize::try_from);
            let max_bytes = max_bytes.and_then(Result::ok).unwrap_or(usize::MAX);
            let mut body = conn.outbox(|outbox| outbox.take_answer(max_bytes));
            if body.is_none() && self.farewell == Farewell::Owed {
                self.farewell = Farewell::UnderWay;
                body = Some(Body::bare(self.version, Kind::Close));
            }
            if let Some(body) = body
                && conn.machine(|machine| machine.post()).is_ok()
            {
                let deadline = Deadline::new(self.limits.post_timeout);
                let post = self.remote.post(self.version, &handshake.sid, body, deadline);
                self.post = Some(Box::pin(post));
                cx.waker().wake_by_ref(); // it has to be polled
            }
        }
        conn.outbox(Outbox::flushed)
    }

    /// The session is over. Says until when the server is told.
    pub(in crate::net) fn close(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        reason: Reason,
        cx: &mut Context<'_>,
    ) -> Option<Instant> {
        self.offer = None;
        // Once the session has gone over, the WebSocket tells; before that it would keep polling from it.
        if conn.look(|machine| machine.transport()) != Transport::WebSocket
            && let Some(probe) = self.probe.take()
        {
            conn.machine(|machine| machine.probe_lost());
            probe.fail(now, cx);
        }
        match reason {
            Reason::TransportClose | Reason::TransportError | Reason::PingTimeout => None,
            _ if self.handshake.is_none() => None, // it has given no session that could be closed
            _ => {
                // The GET stays until then: a server takes one that is given up for a client that is lost.
                conn.outbox(Outbox::seal);
                self.farewell = Farewell::Owed;
                Some(now + FAREWELL)
            }
        }
    }

    /// Whether the server knows that the session is over.
    pub(in crate::net) fn has_said_farewell(&self) -> bool {
        self.farewell == Farewell::Said
    }
}

/// Tells that a request failed, and with it the session.
fn fail<U: Upper>(method: &str, why: &str, upper: Option<&mut U>) {
    tracing::debug!(target: "sockeye::engine", method, why, "a request failed");
    if let Some(upper) = upper {
        upper.failing(&format_args!("a {method} failed: {why}"));
    }
}

/// An answer that is one of Engine.IO; else what to tell people.
fn accept(answer: Response) -> Result<Response, String> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(format!("the server answered {}: {}", answer.status, answer.excerpt()))
}

#[cfg(test)]
mod tests;
