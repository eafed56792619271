//! One Engine.IO session, from the handshake to the reason it ended, with the namespaces on it.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{Beat, Config, Heartbeat, Reason, Received, Role, Timing, Violation, mux::Mux};
use crate::wire::{
    engine::{self, Handshake, Kind},
    packet,
    prepared::Prepared,
};

/// An Engine.IO v4 session over a transport that carries whole messages.
///
/// `A` is the caller's token for an ack it waits for.
///
/// # Examples
///
/// ```
/// use std::{sync::Arc, time::Instant};
/// use sockeye_proto::session::{Config, Output, Received, Session};
///
/// let now = Instant::now();
/// let mut session = Session::<()>::server(now, Arc::new(Config::default()), "f-XbF4bYAkqsFHB7AAAB");
/// let Some(Output::Send(open)) = session.poll_output() else { panic!("the handshake comes first") };
/// assert!(open.text().starts_with(r#"0{"sid":"f-XbF4bYAkqsFHB7AAAB""#));
///
/// let asked = session.receive_text(now, "40/chat,")?;
/// assert!(matches!(asked, Some(Received::Connect { namespace: "/chat", .. })));
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
}

/// ```text
/// client: Opening ─ handshake ─▶ Fresh ─ first join ─▶ Joined ──▶ Closed
/// server:                        Fresh ─ first join ─▶ Joined ──▶ Closed
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
    /// A namespace has been joined, once at least.
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
    /// The server's side; its first output is the handshake packet with this session id.
    pub fn server(now: Instant, config: Arc<Config>, sid: &str) -> Self {
        let handshake = Handshake {
            sid: sid.into(),
            upgrades: Vec::new(),
            ping_interval: config.timing.ping_interval,
            ping_timeout: config.timing.ping_timeout,
            max_payload_bytes: u64::try_from(config.max_payload_bytes).ok(),
        };
        // Strings and numbers always have a JSON form.
        let handshake = serde_json::to_string(&handshake).unwrap_or_default();
        let until = now + config.connect_timeout;
        let heartbeat = Heartbeat::server(now, config.timing);
        let mut session = Self::new(config, Role::Server, State::Fresh { until }, heartbeat);
        session.send(Prepared::engine(Kind::Open, &handshake));
        session
    }

    /// The client's side; it waits for the server's handshake.
    pub fn client(now: Instant, config: Arc<Config>) -> Self {
        let until = now + config.connect_timeout;
        let heartbeat = Heartbeat::client(now, config.timing);
        Self::new(config, Role::Client, State::Opening { until }, heartbeat)
    }

    fn new(config: Arc<Config>, role: Role, state: State, heartbeat: Heartbeat) -> Self {
        let timing = config.timing;
        Self {
            config,
            role,
            state,
            timing,
            heartbeat,
            mux: Mux::new(role),
            outputs: VecDeque::new(),
            paused: false,
        }
    }

    /// Feeds one text message of the transport.
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
        let result = self.text(now, message);
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
        let result = self.mux.binary(message);
        self.after(now, result)
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
            self.close(violation.reason());
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
    pub fn connect(&mut self, namespace: &str, auth: &str) -> bool {
        let asked = !self.is_closed() && self.mux.join(namespace);
        if asked {
            self.send_packet(packet::Kind::Connect, namespace, auth);
        }
        asked
    }

    /// Lets the peer join, with our JSON for its CONNECT (`{"sid":"…"}`). `false` if it does not wait any more.
    pub fn accept(&mut self, namespace: &str, data: &str) -> bool {
        let accepted = !self.is_closed() && self.mux.accept(namespace);
        if accepted {
            self.state = State::Joined;
            self.send_packet(packet::Kind::Connect, namespace, data);
        }
        accepted
    }

    /// Turns the peer away, with our JSON for its CONNECT_ERROR (`{"message":"…"}`).
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
        [joining, self.mux.next_deadline(), Some(self.heartbeat.due())].into_iter().flatten().min()
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
            (Kind::Open, Role::Client, State::Opening { .. }) => {
                self.opened(now, body)?;
                Ok(Some(Received::Opened))
            }
            (_, Role::Client, State::Opening { .. }) => Err(Violation::UnexpectedEngine { kind }),
            (Kind::Message, ..) => self.mux.text(now, body, &self.config),
            (Kind::Pong, Role::Server, _) => {
                self.heartbeat.pong(now, self.timing);
                Ok(None)
            }
            (Kind::Ping, Role::Client, _) => {
                self.send(Prepared::engine(Kind::Pong, body));
                Ok(None)
            }
            (Kind::Close, ..) => {
                self.close(Reason::TransportClose);
                Ok(None)
            }
            (Kind::Noop, ..) => Ok(None),
            (Kind::Open | Kind::Ping | Kind::Pong | Kind::Upgrade, ..) => {
                Err(Violation::UnexpectedEngine { kind })
            }
        }
    }

    fn opened(&mut self, now: Instant, body: &str) -> Result<(), Violation> {
        let handshake: Handshake =
            serde_json::from_str(body).map_err(|error| Violation::Handshake(error.to_string()))?;
        self.timing =
            Timing { ping_interval: handshake.ping_interval, ping_timeout: handshake.ping_timeout };
        self.heartbeat = Heartbeat::client(now, self.timing);
        self.state = State::Fresh { until: now + self.config.connect_timeout };
        Ok(())
    }

    fn after<'m>(
        &mut self,
        now: Instant,
        result: Result<Option<Received<'m, A>>, Violation>,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        match &result {
            Ok(received) => {
                self.heartbeat.heard(now, self.timing);
                match received {
                    Some(Received::Connected { .. }) => self.state = State::Joined,
                    Some(Received::Disconnect { .. }) => self.hand_back_acks(false),
                    _ => {}
                }
            }
            Err(violation) => self.close(violation.reason()),
        }
        result
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
