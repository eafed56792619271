//! One Engine.IO session, from the handshake to the reason it ended, with the namespaces on it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    Beat, Config, Heartbeat, Probe, Reason, Received, Refused, Role, Timing, Transport, Violation,
    deadline::after,
    mux::{self, Mux},
    transport::Polling,
};
use crate::wire::{
    encoding::Encoding,
    engine::{self, Handshake, Kind, Version},
    packet,
    prepared::Prepared,
};

/// An Engine.IO session, in whatever version and on whatever transport.
///
/// `A` is the caller's token for an ack it waits for.
///
/// # What to call, and when
///
/// 1. An input, one at a time: what came ([`Self::receive_text`], [`Self::receive_binary`], [`Self::heard`] for what is
///    no whole message); what is wanted ([`Self::connect`], [`Self::accept`], [`Self::refuse`], [`Self::leave`],
///    [`Self::expect_ack`], [`Self::close`]); or that time has passed ([`Self::handle_timeout`]). What they return is for
///    the layer above.
/// 2. [`Self::poll_output`], until it gives nothing: all that is to be sent, in this order, and what came of acks.
/// 3. [`Self::next_deadline`]: each of the above may have moved it. Call [`Self::handle_timeout`] then.
///
/// [`Output::Closed`] is the last output; what comes later is refused or ignored, but for the one GET that is told so.
///
/// A session that was opened on polling has further inputs, one for each thing that can happen to its requests and to a
/// WebSocket that wants to take over:
///
/// | | a server is told | a client asks, then tells |
/// |---|---|---|
/// | a GET | [`Self::get`], then [`Self::get_answered`] or [`Self::get_lost`] | [`Self::may_get`] before |
/// | a POST | [`Self::post`], its packets as on any transport, then [`Self::post_done`] or [`Self::post_lost`] | [`Self::may_post`] before |
/// | a WebSocket | [`Self::probe`], [`Self::receive_probe`] for each message until it has taken over, or [`Self::probe_lost`]; [`Self::releases_get`] between | [`Self::may_probe`], [`Self::offer`], [`Self::probe`], [`Self::receive_probe`], and [`Self::upgrade`] once it says yes |
///
/// # Examples
///
/// ```
/// use std::{sync::Arc, time::Instant};
/// use sockeye_proto::session::{Config, Opening, Output, Received, Session};
///
/// let now = Instant::now();
/// let opening = Opening::websocket("f-XbF4bYAkqsFHB7AAAB");
/// let mut session = Session::<()>::server(now, Arc::new(Config::default()), opening);
/// let Some(Output::Send(open)) = session.poll_output() else { panic!("the handshake comes first") };
/// assert!(open.text().starts_with(r#"0{"sid":"f-XbF4bYAkqsFHB7AAAB""#));
///
/// let asked = session.receive_text(now, "40/chat,")?;
/// assert!(matches!(asked, Some(Received::Connect { namespace, .. }) if namespace == "/chat"));
/// session.accept("/chat", r#"{"sid":"tnA4NqHXrtxgZ7k1AAAC"}"#);
/// let Some(Output::Send(reply)) = session.poll_output() else { panic!("the reply is due") };
/// assert_eq!(reply.text(), r#"40/chat,{"sid":"tnA4NqHXrtxgZ7k1AAAC"}"#);
/// # Ok::<_, sockeye_proto::session::Violation>(())
/// ```
#[derive(Debug)]
pub struct Session<A> {
    config: Arc<Config>,
    role: Role,
    state: State,
    timing: Timing,
    heartbeat: Heartbeat,
    mux: Mux<A>,
    outputs: VecDeque<Output<A>>,
    /// While reading is paused by this side, silence is not the peer's fault.
    paused: bool,
    version: Version,
    /// What is under way on polling; `None` on WebSocket.
    polling: Option<Box<Polling>>,
}

/// How a server's session begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Opening<'a> {
    /// The session's id: a bearer secret.
    pub sid: &'a str,
    /// The client's version, and the parser that the server uses.
    pub encoding: Encoding,
    /// Whether it begins on polling; else on WebSocket.
    pub on_polling: bool,
}

impl<'a> Opening<'a> {
    /// On WebSocket, as most clients speak.
    #[must_use]
    pub fn websocket(sid: &'a str) -> Self {
        Self { sid, encoding: Encoding::default(), on_polling: false }
    }

    /// On polling, as most clients speak.
    #[must_use]
    pub fn polling(sid: &'a str) -> Self {
        Self { on_polling: true, ..Self::websocket(sid) }
    }
}

/// ```text
/// client: Opening ─ handshake ─────────▶ Joined ──▶ Closed
/// server:             Fresh ─ first join ─▶ Joined ──▶ Closed
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The server's handshake has not arrived.
    Opening {
        until: Instant,
    },
    /// No namespace has been joined yet.
    Fresh {
        until: Instant,
    },
    /// A namespace has been joined, once at least, or may be joined at any time.
    Joined,
    Closed(Reason),
}

/// What the owner of a session has to do next.
#[derive(Debug)]
pub enum Output<A> {
    /// Send this packet.
    Send(Prepared),
    /// The ack with this token did not arrive in time.
    AckExpired(A),
    /// The ack with this token can't arrive any more.
    AckLost(A),
    /// The session is over; nothing follows.
    Closed(Reason),
}

impl<A> Session<A> {
    /// The server's side; its first output is the handshake packet.
    ///
    /// A client of version 3 is in `/` without asking: begin with [`Self::join_root`].
    pub fn server(now: Instant, config: Arc<Config>, opening: Opening<'_>) -> Self {
        let upgrades = if opening.on_polling && config.upgrades { &["websocket"][..] } else { &[] };
        let handshake = Handshake {
            sid: opening.sid.into(),
            upgrades: upgrades.iter().map(|&transport| transport.to_owned()).collect(),
            ping_interval: config.timing.ping_interval,
            ping_timeout: config.timing.ping_timeout,
            // Clients of version 3 know of none, and whoever looks can tell the versions apart by it.
            max_payload_bytes: match opening.encoding.version {
                Version::V4 => u64::try_from(config.max_payload_bytes).ok(),
                Version::V3 => None,
            },
        };
        // Strings and numbers always have a JSON form.
        let handshake = serde_json::to_string(&handshake).unwrap_or_default();
        let state = State::Fresh { until: after(now, config.connect_timeout) };
        let mut session = Self::new(now, config, Role::Server, state, opening.encoding);
        session.polling = opening.on_polling.then(|| Box::new(Polling::new()));
        session.send(Prepared::engine(Kind::Open, &handshake));
        session
    }

    /// The client's side; it waits for the server's handshake.
    pub fn client(now: Instant, config: Arc<Config>, encoding: Encoding, on_polling: bool) -> Self {
        let state = State::Opening { until: after(now, config.connect_timeout) };
        let mut session = Self::new(now, config, Role::Client, state, encoding);
        session.polling = on_polling.then(|| Box::new(Polling::new()));
        session
    }

    fn new(
        now: Instant,
        config: Arc<Config>,
        role: Role,
        state: State,
        encoding: Encoding,
    ) -> Self {
        let timing = config.timing;
        Self {
            config,
            role,
            state,
            timing,
            heartbeat: heartbeat(now, role, encoding.version, timing),
            mux: Mux::new(role, encoding),
            outputs: VecDeque::new(),
            paused: false,
            version: encoding.version,
            polling: None,
        }
    }

    /// Feeds one text message of the transport. It may stand for a binary one, in base64.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol; the session is closed with [`Violation::reason`].
    pub fn receive_text<'m>(
        &mut self,
        now: Instant,
        message: &'m str,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        if self.is_closed() {
            return Ok(None);
        }
        let result = match engine::decode_base64(self.version, message.as_bytes()) {
            Ok(None) => self.text(now, message),
            Ok(Some(data)) => self.mux.binary(now, &data, &self.config),
            Err(error) => Err(error.into()),
        };
        self.after(now, result)
    }

    /// Feeds one binary message of the transport.
    ///
    /// # Errors
    ///
    /// As [`Self::receive_text`].
    pub fn receive_binary<'m>(
        &mut self,
        now: Instant,
        message: &'m [u8],
    ) -> Result<Option<Received<'m, A>>, Violation> {
        if self.is_closed() {
            return Ok(None);
        }
        let result = match (self.version, &self.polling) {
            // In a polling body, the digit before it stands for the type.
            (Version::V4, _) | (Version::V3, Some(_)) => Ok(message),
            (Version::V3, None) => engine::decode_binary(message).map_err(Violation::from),
        };
        let result = result.and_then(|data| self.mux.binary(now, data, &self.config));
        self.after(now, result)
    }

    /// Lets a client of version 3 into `/`, which it did not ask for; `None` in version 4.
    pub fn join_root(&mut self) -> Option<Received<'static, A>> {
        let joins = self.version == Version::V3 && !self.is_closed();
        joins.then(|| self.mux.join_root(&self.config)).flatten()
    }

    /// A GET arrives, or is sent; it waits until it is answered ([`Self::get_answered`]) or lost ([`Self::get_lost`]).
    ///
    /// A server's session that this side closed takes one more, whose answer says so.
    ///
    /// # Errors
    ///
    /// [`Refused`]; a second GET while one waits also closes the session.
    pub fn get(&mut self, now: Instant) -> Result<(), Refused> {
        // Whoever comes too late has not answered, even if the timer has still to say so.
        let may_be_late = self.role == Role::Server && !self.paused && !self.is_closed();
        if may_be_late && self.heartbeat.is_overdue(now) {
            self.close(Reason::PingTimeout);
            return Err(Refused::Closed);
        }
        let closed = self.is_closed();
        let Some(polling) = &mut self.polling else {
            return Err(if closed { Refused::Closed } else { Refused::NotPolling });
        };
        if !polling.get() {
            self.close(Reason::TransportError);
            return Err(Refused::Overlap);
        }
        if self.role == Role::Server {
            self.heard(now);
        }
        Ok(())
    }

    /// Whether a client has to send a GET: there is none, and the session stays on polling.
    pub fn may_get(&self) -> bool {
        self.role == Role::Client
            && !self.is_closed()
            && self.polling.as_ref().is_some_and(|polling| polling.may_get())
    }

    /// Whether a client may send a POST with what waits: there is none, and the session stays on polling. Once it is
    /// closed it still may, to tell the server.
    pub fn may_post(&self) -> bool {
        self.role == Role::Client && self.polling.as_ref().is_some_and(|polling| polling.may_post())
    }

    /// The GET that waited was answered, with packets or without.
    pub fn get_answered(&mut self, now: Instant) {
        if let Some(polling) = &mut self.polling {
            polling.get_answered(now);
        }
    }

    /// The GET was given up, or its answer did not arrive: packets may be lost, and the session is over.
    pub fn get_lost(&mut self) {
        self.close(Reason::TransportError);
    }

    /// A POST begins. A server calls [`Self::post_done`] when its body is there, or it is refused, and feeds bodies in the
    /// order in which they came to be there; a client when it is answered.
    ///
    /// # Errors
    ///
    /// [`Refused`]; a second POST while one is under way also closes the session.
    pub fn post(&mut self) -> Result<(), Refused> {
        let closed = self.is_closed();
        if closed && (self.role == Role::Server || self.polling.is_none()) {
            return Err(Refused::Closed);
        }
        let Some(polling) = &mut self.polling else { return Err(Refused::NotPolling) };
        if !polling.post() {
            self.close(Reason::TransportError);
            return Err(Refused::Overlap);
        }
        Ok(())
    }

    /// The POST has done its work; the next may begin.
    pub fn post_done(&mut self) {
        if let Some(polling) = &mut self.polling {
            polling.post_done();
        }
    }

    /// The POST was given up, or not answered: packets are lost, and the session is over.
    pub fn post_lost(&mut self) {
        self.close(Reason::TransportError);
    }

    /// A body that can't be read: the session is over, with the reason that a message of this kind has.
    pub fn receive_garbage(&mut self) {
        self.close(Reason::ParseError);
    }

    /// Whether [`Self::probe`] would say yes.
    pub fn may_probe(&self) -> bool {
        self.config.upgrades && !self.is_closed() && self.transport() == Transport::Polling
    }

    /// A client begins to connect a WebSocket, which shall take over: [`Self::probe`] follows, or [`Self::probe_lost`].
    pub fn offer(&mut self) {
        if let Some(polling) = &mut self.polling {
            polling.offer();
        }
    }

    /// Whether a WebSocket may be about to take over from polling.
    pub fn is_moving(&self) -> bool {
        self.polling.as_ref().is_some_and(|polling| polling.is_moving())
    }

    /// A WebSocket offers to take over, or is offered: then `2probe` is what it says first. `false` if that is not
    /// possible, or another one was first.
    pub fn probe(&mut self, now: Instant) -> bool {
        let until = after(now, self.config.upgrade_timeout);
        self.may_probe() && self.polling.as_mut().is_some_and(|polling| polling.probe(now, until))
    }

    /// Whether a client may go over to the WebSocket whose probe was answered: no request is under way any more. If so,
    /// it has gone over, and `5` is what it says first, before anything else.
    pub fn upgrade(&mut self) -> bool {
        let upgrades = self.role == Role::Client
            && !self.is_closed()
            && self.polling.as_ref().is_some_and(|polling| polling.may_upgrade());
        if upgrades {
            self.polling = None;
        }
        upgrades
    }

    /// Feeds one text message of the WebSocket that is being probed.
    pub fn receive_probe(&mut self, now: Instant, message: &str) -> Probe {
        let role = self.role;
        let Some(polling) = &mut self.polling else { return Probe::Failed };
        let probe = match role {
            Role::Server => polling.receive_probe(now, message),
            Role::Client => polling.receive_probe_answer(message),
        };
        if probe == Probe::Upgraded {
            // Also once this side has closed the session: the client, which has left polling, hears of it there. A GET
            // that waits is answered with a noop by whoever holds it.
            self.polling = None;
        }
        self.heard(now);
        probe
    }

    /// The WebSocket that was probed is gone; the session stays on polling.
    pub fn probe_lost(&mut self) {
        if let Some(polling) = &mut self.polling {
            polling.probe_failed();
        }
    }

    /// The transport that carries the session.
    pub fn transport(&self) -> Transport {
        self.polling.as_ref().map_or(Transport::WebSocket, |polling| polling.transport())
    }

    /// Whether a GET that waits must be answered now, although there is nothing to say.
    pub fn releases_get(&self, now: Instant) -> bool {
        self.polling.as_ref().is_some_and(|polling| polling.releases_get(now))
    }

    /// Notes bytes that arrived without completing a message: the peer lives.
    pub fn heard(&mut self, now: Instant) {
        self.heartbeat.heard(now, self.timing);
    }

    /// Does what is due at `now`.
    ///
    /// # Errors
    ///
    /// The peer owes something that it did not send in time; the session is closed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        if self.is_closed() {
            return Ok(());
        }
        if let Some(polling) = &mut self.polling {
            polling.handle_timeout(now);
        }
        match self.state {
            State::Opening { until } if until <= now => self.close(Reason::TransportError),
            State::Fresh { until } if until <= now => self.close(Reason::ForcedServerClose),
            _ => {}
        }
        if self.is_closed() {
            return Ok(()); // nothing follows, not even a ping that is due as well
        }
        while let Some(token) = self.mux.expired_ack(now) {
            self.outputs.push_back(Output::AckExpired(token));
        }
        if let Err(violation) = self.mux.handle_timeout(now) {
            self.close(violation.reason(self.role));
            return Err(violation);
        }
        if self.paused && self.heartbeat.is_waiting() {
            self.heartbeat.heard(now, self.timing);
        }
        match self.heartbeat.handle_timeout(now, self.timing) {
            Beat::Nothing => {}
            Beat::Ping => self.send(Prepared::engine(Kind::Ping, "")),
            Beat::Lost => self.close(Reason::PingTimeout),
        }
        Ok(())
    }

    /// Asks the server to let us join; `auth` is a JSON object, or empty. `false` if we are in or asking already.
    ///
    /// In version 3 the server lets us into `/` unasked, and for other namespaces the fields of `auth` become a query
    /// behind the name, which is the only place there is for them.
    pub fn connect(&mut self, namespace: &str, auth: &str) -> bool {
        let asked = !self.is_closed() && self.mux.join(namespace);
        if asked && self.version == Version::V3 {
            let namespace = mux::with_query(namespace, auth);
            self.send_packet(packet::Kind::Connect, &namespace, "");
        } else if asked {
            self.send_packet(packet::Kind::Connect, namespace, auth);
        }
        asked
    }

    /// Lets the peer join, with our JSON for its CONNECT (`{"sid":"…"}`), which version 3 does not have. `false` if it
    /// does not wait any more.
    pub fn accept(&mut self, namespace: &str, data: &str) -> bool {
        let accepted = !self.is_closed() && self.mux.accept(namespace);
        if accepted {
            self.state = State::Joined;
            let data = if self.version == Version::V3 { "" } else { data };
            self.send_packet(packet::Kind::Connect, namespace, data);
        }
        accepted
    }

    /// Turns the peer away, with our JSON for its CONNECT_ERROR (`{"message":"…"}`).
    ///
    /// In version 3 the packet is named ERROR, and what it carries is the owner's choice as well.
    pub fn refuse(&mut self, namespace: &str, error: &str) -> bool {
        let refused = !self.is_closed() && self.mux.refuse(namespace);
        if refused {
            self.send_packet(packet::Kind::ConnectError, namespace, error);
        }
        refused
    }

    /// Leaves a namespace (as a server: makes the peer leave it) and tells the peer. `false` if it is not joined.
    pub fn leave(&mut self, now: Instant, namespace: &str) -> bool {
        let left = !self.is_closed() && self.mux.leave(now, namespace, &self.config);
        if left {
            self.send_packet(packet::Kind::Disconnect, namespace, "");
            self.hand_back_acks(false);
        }
        left
    }

    /// Leaves every joined namespace, as [`Self::leave`] does one.
    pub fn leave_all(&mut self, now: Instant) {
        while !self.is_closed()
            && let Some(namespace) = self.mux.any_joined()
        {
            self.leave(now, &namespace);
        }
    }

    /// Waits for the ack `id` of a packet that is about to be sent.
    ///
    /// # Errors
    ///
    /// Gives the token back if the namespace is not joined (any more), too many acks are outstanding, or this one is.
    pub fn expect_ack(
        &mut self,
        namespace: &str,
        id: u64,
        deadline: Instant,
        token: A,
    ) -> Result<(), A> {
        if self.is_closed() {
            return Err(token); // all tokens have been handed back: nobody would hand back this one
        }
        self.mux.expect_ack(namespace, id, deadline, token, self.config.max_acks)
    }

    /// Stops waiting for an ack and gives its token back; when it comes, it is ignored.
    pub fn forget_ack(&mut self, namespace: &str, id: u64) -> Option<A> {
        self.mux.forget_ack(namespace, id)
    }

    /// Ends the session; the first reason counts.
    pub fn close(&mut self, reason: Reason) {
        if self.is_closed() {
            return;
        }
        self.state = State::Closed(reason);
        self.hand_back_acks(true);
        self.outputs.push_back(Output::Closed(reason));
    }

    /// Says that the owner stopped reading (or reads again): meanwhile a missing pong is not held against the peer.
    pub fn set_paused(&mut self, now: Instant, paused: bool) {
        if self.paused && !paused {
            self.heartbeat.heard(now, self.timing);
        }
        self.paused = paused;
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output<A>> {
        let output = self.outputs.pop_front()?;
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new(); // an idle session owns no queue
        }
        Some(output)
    }

    /// When to call [`Self::handle_timeout`]; `None` once closed.
    pub fn next_deadline(&self) -> Option<Instant> {
        let joining = match self.state {
            State::Opening { until } | State::Fresh { until } => Some(until),
            State::Joined => None,
            State::Closed(_) => return None,
        };
        let polling = self.polling.as_ref().and_then(|polling| polling.next_deadline());
        let heartbeat = Some(self.heartbeat.due());
        [joining, self.mux.next_deadline(), polling, heartbeat].into_iter().flatten().min()
    }

    /// When the peer last showed that it lives, as far as the heartbeat had to know.
    pub fn last_sign(&self) -> Option<Instant> {
        self.heartbeat.last_sign(self.timing)
    }

    /// What the server announced, or this side's own before it did.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// Why the session has ended, if it has.
    pub fn closed(&self) -> Option<Reason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether this side waits for acks; if so, the owner must not stop reading.
    pub fn has_acks(&self) -> bool {
        self.mux.has_acks()
    }

    fn text<'m>(
        &mut self,
        now: Instant,
        message: &'m str,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        let (kind, body) = engine::decode(message)?;
        match (kind, self.role, self.state) {
            (Kind::Open, Role::Client, State::Opening { .. }) => self.opened(now, body).map(Some),
            (_, Role::Client, State::Opening { .. }) => Err(Violation::UnexpectedEngine { kind }),
            (Kind::Message, ..) => self.mux.text(now, body, &self.config),
            (Kind::Pong, ..) if self.pings() => {
                self.heartbeat.pong(now, self.timing);
                Ok(None)
            }
            (Kind::Ping, ..) if !self.pings() => {
                self.send(Prepared::engine(Kind::Pong, body));
                Ok(None)
            }
            (Kind::Close, ..) => {
                self.close(Reason::TransportClose);
                Ok(None)
            }
            // Who beats from the wrong side takes us for another version; a second handshake would be another session.
            (Kind::Ping | Kind::Pong, Role::Server, _) | (Kind::Open, Role::Client, _) => {
                Err(Violation::UnexpectedEngine { kind })
            }
            // Out of place, or nothing: as little comes of it as at the reference.
            (Kind::Open | Kind::Ping | Kind::Pong | Kind::Upgrade | Kind::Noop, ..) => Ok(None),
        }
    }

    fn opened<'m>(&mut self, now: Instant, body: &str) -> Result<Received<'m, A>, Violation> {
        let handshake = Handshake::decode(body)?;
        self.timing =
            Timing { ping_interval: handshake.ping_interval, ping_timeout: handshake.ping_timeout };
        self.heartbeat = heartbeat(now, self.role, self.version, self.timing);
        self.state = State::Joined; // how long a client waits to be let in is for its owner to say
        if self.version == Version::V3 {
            self.mux.join("/"); // the server lets us in unasked
        }
        Ok(Received::Opened { handshake: Box::new(handshake) })
    }

    fn after<'m>(
        &mut self,
        now: Instant,
        result: Result<Option<Received<'m, A>>, Violation>,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        match &result {
            Ok(received) => {
                self.heartbeat.heard(now, self.timing);
                if let Some(Received::Disconnect { .. }) = received {
                    self.hand_back_acks(false);
                }
            }
            Err(violation) => self.close(violation.reason(self.role)),
        }
        result
    }

    /// Whether it is this side that asks for signs of life.
    fn pings(&self) -> bool {
        pings(self.role, self.version)
    }

    fn hand_back_acks(&mut self, all: bool) {
        while let Some(token) = self.mux.lost_ack(all) {
            self.outputs.push_back(Output::AckLost(token));
        }
    }

    fn send_packet(&mut self, kind: packet::Kind, namespace: &str, data: &str) {
        self.send(Prepared::packet(kind, namespace, None, data, Vec::new()));
    }

    fn send(&mut self, packet: Prepared) {
        self.outputs.push_back(Output::Send(packet));
    }
}

/// In version 4 the server pings, in version 3 the client does.
fn pings(role: Role, version: Version) -> bool {
    (role == Role::Server) == (version == Version::V4)
}

fn heartbeat(now: Instant, role: Role, version: Version, timing: Timing) -> Heartbeat {
    if pings(role, version) {
        Heartbeat::pinging(now, timing)
    } else {
        Heartbeat::listening(now, timing)
    }
}
