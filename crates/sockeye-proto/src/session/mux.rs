//! Many namespaces on one session: who has joined, which acks and attachments are outstanding.

use std::{borrow::Cow, collections::BTreeMap, time::Instant};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Config, Received, Role, Violation, acks::Acks, deadline::after};
use crate::wire::{
    encoding::{Encoding, Parser},
    engine::Version,
    msgpack,
    packet::{self, Kind, Packet},
    payload::Payload,
    reassembly::{Assembled, Progress, Reassembly},
};

/// The key of no member: no ack is waited for by it.
const NOBODY: u32 = u32::MAX;

/// The Socket.IO layer of one session.
#[derive(Debug)]
pub(super) struct Mux<A> {
    role: Role,
    encoding: Encoding,
    members: Vec<Member>,
    next_key: u32,
    acks: Acks<A>,
    assembling: Option<Box<Assembling>>,
}

/// A packet whose attachments are still arriving, and how long they may take.
#[derive(Debug)]
struct Assembling {
    reassembly: Reassembly,
    deadline: Instant,
}

/// This session's membership of one namespace: the machine's half of a socket.
#[derive(Debug)]
struct Member {
    namespace: Box<str>,
    /// Tells apart two memberships of the same namespace, one after the other.
    key: u32,
    state: State,
}

/// ```text
///            accept / CONNECT reply              leave
/// Joining ───────────────────────────▶ Joined ─────────▶ Left ──▶ forgotten
///    └── refuse / CONNECT_ERROR ──▶ forgotten ◀── DISCONNECT by the peer
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Joining {
        /// Whether the peer may still send what was for the membership before this one.
        again: bool,
    },
    Joined,
    /// This side left; what the peer sent before it knew is ignored until then. `None` if the peer ended it.
    Left {
        until: Option<Instant>,
    },
}

impl<A> Mux<A> {
    pub(super) const fn new(role: Role, encoding: Encoding) -> Self {
        let acks = Acks::new();
        Self { role, encoding, members: Vec::new(), next_key: 0, acks, assembling: None }
    }

    /// Lets a client of version 3 into `/` unasked; `None` if it is in.
    pub(super) fn join_root(&mut self, config: &Config) -> Option<Received<'static, A>> {
        let auth = auth_payload(None, config).ok()?;
        let free = self.position("/").is_none();
        free.then(|| {
            self.add("/");
            Received::Connect { namespace: "/".into(), auth }
        })
    }

    /// Reads one text packet (the body of an Engine.IO message).
    pub(super) fn text<'m>(
        &mut self,
        now: Instant,
        text: &'m str,
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        if self.encoding.parser == Parser::MsgPack {
            return Err(Violation::TextPacket);
        }
        if let Some(Assembling { reassembly, .. }) = self.assembling.as_deref() {
            return Err(Violation::AttachmentsInterrupted { missing: reassembly.missing() });
        }
        let packet = packet::decode(text, &config.packets)?;
        if matches!(packet.kind, Kind::Event | Kind::Ack) {
            return self.event_or_ack(now, packet, config);
        }
        let (namespace, data) = (Cow::Borrowed(packet.namespace), packet.data.map(Cow::Borrowed));
        self.membership(now, packet.kind, namespace, data, config)
    }

    /// Acts on a packet that is about being in a namespace.
    fn membership<'m>(
        &mut self,
        now: Instant,
        kind: Kind,
        namespace: Cow<'m, str>,
        data: Option<Cow<'m, str>>,
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        // Some servers of version 3 say the name back as they got it, with the query that the auth payload has become.
        let namespace = match self.role {
            Role::Client if self.is_v3() => split_query(namespace).0,
            _ => namespace,
        };
        match (kind, self.role) {
            (Kind::Connect, Role::Server) => {
                self.asked_to_join(now, namespace, data.as_deref(), config)
            }
            (Kind::Connect, Role::Client) => {
                let joined = self.accept(&namespace);
                let data = data.unwrap_or_default();
                Ok(joined.then_some(Received::Connected { namespace, data }))
            }
            (Kind::ConnectError, Role::Client) => {
                let refused = self.refuse(&namespace);
                let error = data.unwrap_or_default();
                Ok(refused.then_some(Received::Refused { namespace, error }))
            }
            (Kind::Disconnect, _) => Ok(self.left_by_peer(namespace)),
            (Kind::ConnectError, Role::Server) | (Kind::Event | Kind::Ack, _) => {
                Err(Violation::WrongDirection { kind })
            }
        }
    }

    /// Reads one packet in msgpack.
    fn msgpack<'m>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        let msgpack::Decoded { kind, namespace, id, data } =
            msgpack::decode(bytes, &config.packets)?;
        let (name, payload) = match data {
            msgpack::Data::Nothing => {
                return self.membership(now, kind, namespace.into(), None, config);
            }
            msgpack::Data::Value { text, attachments } if attachments.is_empty() => {
                return self.membership(now, kind, namespace.into(), Some(text.into()), config);
            }
            msgpack::Data::Value { .. } => return Err(Violation::BinaryAuth),
            msgpack::Data::Event { name, payload } => (Some(name), payload),
            msgpack::Data::Ack { payload } => (None, payload),
        };
        let (key, is_ignored) = self.member(now, kind, &namespace)?;
        match name {
            Some(name) if !is_ignored => {
                let (namespace, name) = (namespace.into(), name.into());
                Ok(Some(Received::Event { namespace, name, id, payload }))
            }
            Some(_) => Ok(None),
            None => {
                let token = id.and_then(|id| self.acks.take(key, id));
                Ok(token.map(|token| Received::Ack { token, payload }))
            }
        }
    }

    /// Reads one binary message: the next attachment of the packet that announced it, or a packet in msgpack.
    pub(super) fn binary<'m>(
        &mut self,
        now: Instant,
        bytes: &[u8],
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        if self.encoding.parser == Parser::MsgPack {
            return self.msgpack(now, bytes, config);
        }
        let Some(mut assembling) = self.assembling.take() else {
            return Err(Violation::UnannouncedBinary { bytes: bytes.len() });
        };
        let packet = match assembling.reassembly.push(Bytes::copy_from_slice(bytes))? {
            Progress::Incomplete(reassembly) => {
                assembling.reassembly = reassembly;
                self.assembling = Some(assembling);
                return Ok(None);
            }
            Progress::Complete(packet) => packet,
        };
        Ok(self.assembled(packet))
    }

    /// Begins to join, as a client. `false` if the namespace is joined or being joined already.
    pub(super) fn join(&mut self, namespace: &str) -> bool {
        match self.position(namespace) {
            Some(index) => {
                let State::Left { until } = self.members[index].state else { return false };
                self.members.swap_remove(index);
                self.add_as(namespace, State::Joining { again: until.is_some() });
                true
            }
            None => {
                self.add(namespace);
                true
            }
        }
    }

    /// Completes a join that the peer asked for. `false` if it does not wait for it any more.
    pub(super) fn accept(&mut self, namespace: &str) -> bool {
        let Some(index) = self.position(namespace) else { return false };
        let joining = matches!(self.members[index].state, State::Joining { .. });
        if joining {
            self.members[index].state = State::Joined;
        }
        joining
    }

    /// Turns down a join that the peer asked for. `false` if it does not wait for it any more.
    pub(super) fn refuse(&mut self, namespace: &str) -> bool {
        match self.position(namespace) {
            Some(index) if matches!(self.members[index].state, State::Joining { .. }) => {
                self.members.swap_remove(index);
                true
            }
            _ => false,
        }
    }

    /// Leaves a joined namespace. `false` if it is not joined. Then [`Self::lost_ack`] until it is dry.
    pub(super) fn leave(&mut self, now: Instant, namespace: &str, config: &Config) -> bool {
        let Some(index) = self.position(namespace) else { return false };
        let joined = self.members[index].state == State::Joined;
        if joined {
            self.members[index].state = State::Left { until: Some(after(now, config.left_grace)) };
        }
        joined
    }

    /// A namespace that is joined, if there is one.
    pub(super) fn any_joined(&self) -> Option<Box<str>> {
        let joined = self.members.iter().find(|member| member.state == State::Joined);
        joined.map(|member| member.namespace.clone())
    }

    /// Waits for an ack of a packet about to be sent; gives the token back if that is impossible.
    pub(super) fn expect_ack(
        &mut self,
        namespace: &str,
        id: u64,
        deadline: Instant,
        token: A,
        max_acks: usize,
    ) -> Result<(), A> {
        match self.position(namespace) {
            Some(index)
                if self.members[index].state == State::Joined && self.acks.len() < max_acks =>
            {
                self.acks.insert(self.members[index].key, id, deadline, token)
            }
            _ => Err(token),
        }
    }

    /// Stops waiting for an ack.
    pub(super) fn forget_ack(&mut self, namespace: &str, id: u64) -> Option<A> {
        let key = self.members[self.position(namespace)?].key;
        self.acks.take(key, id)
    }

    /// An ack whose deadline has passed.
    pub(super) fn expired_ack(&mut self, now: Instant) -> Option<A> {
        self.acks.expired(now)
    }

    /// An ack that can't arrive any more, because its namespace was left (or all were, at the end).
    pub(super) fn lost_ack(&mut self, all: bool) -> Option<A> {
        let Self { members, acks, .. } = self;
        members
            .iter()
            .filter(|member| all || matches!(member.state, State::Left { .. }))
            .find_map(|member| acks.take_any(member.key))
    }

    /// Forgets what has run out; an error if the peer owes attachments.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<(), Violation> {
        self.members
            .retain(|member| !matches!(member.state, State::Left { until } if is_past(until, now)));
        match self.assembling.as_deref() {
            Some(assembling) if assembling.deadline <= now => Err(Violation::AttachmentsLate),
            _ => Ok(()),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        // A namespace that was left needs no alarm of its own: it is forgotten at the next one.
        let attachments = self.assembling.as_ref().map(|assembling| assembling.deadline);
        [attachments, self.acks.next_deadline()].into_iter().flatten().min()
    }

    pub(super) fn has_acks(&self) -> bool {
        self.acks.len() > 0
    }

    fn asked_to_join<'m>(
        &mut self,
        now: Instant,
        namespace: Cow<'m, str>,
        data: Option<&str>,
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        let (namespace, query) =
            if self.is_v3() { split_query(namespace) } else { (namespace, None) };
        match self.position(&namespace) {
            Some(index) => match self.members[index].state {
                State::Left { .. } => drop(self.members.swap_remove(index)),
                // It was let in unasked, and a client that asks all the same means no harm.
                _ if self.is_v3() && namespace == "/" => return Ok(None),
                State::Joining { .. } | State::Joined => {
                    return Err(Violation::JoinedTwice { namespace: namespace.into_owned() });
                }
            },
            None if self.members.len() >= config.max_namespaces => {
                self.handle_timeout(now)?;
                if self.members.len() >= config.max_namespaces {
                    return Err(Violation::TooManyNamespaces { limit: config.max_namespaces });
                }
            }
            None => {}
        }
        let auth = match query {
            Some(query) => auth_payload(Some(&query), config)?,
            None => auth_payload(data, config)?,
        };
        self.add(&namespace);
        Ok(Some(Received::Connect { namespace, auth }))
    }

    fn left_by_peer<'m>(&mut self, namespace: Cow<'m, str>) -> Option<Received<'m, A>> {
        let index = self.position(&namespace)?;
        let joining = matches!(self.members[index].state, State::Joining { .. });
        if joining && self.role == Role::Client {
            return None; // it ends an earlier membership: the server has not answered for this one
        }
        // It stays as left, so that its acks are handed back; nothing more is due from the peer.
        let was = std::mem::replace(&mut self.members[index].state, State::Left { until: None });
        (!matches!(was, State::Left { .. })).then_some(Received::Disconnect { namespace })
    }

    fn event_or_ack<'m>(
        &mut self,
        now: Instant,
        packet: Packet<'m>,
        config: &Config,
    ) -> Result<Option<Received<'m, A>>, Violation> {
        let (key, ignored) = self.member(now, packet.kind, packet.namespace)?;
        if packet.attachments > 0 {
            // Also when it is ignored, so that its attachments are known when they come.
            let reassembly = Reassembly::new(&packet, &config.packets)?;
            let deadline = after(now, config.attachments_timeout);
            self.assembling = Some(Box::new(Assembling { reassembly, deadline }));
            return Ok(None);
        }
        let data = packet.data.unwrap_or_default();
        if packet.kind == Kind::Ack {
            let payload = Payload::ack(data, &config.packets)?;
            let token = packet.id.and_then(|id| self.acks.take(key, id));
            return Ok(token.map(|token| Received::Ack { token, payload }));
        }
        let (name, payload) = Payload::event(data, &config.packets)?;
        let namespace = Cow::Borrowed(packet.namespace);
        Ok((!ignored).then_some(Received::Event { namespace, name, id: packet.id, payload }))
    }

    /// Whom an event or ack is for, and whether it is ignored.
    fn member(&self, now: Instant, kind: Kind, namespace: &str) -> Result<(u32, bool), Violation> {
        let not_joined = || Violation::NotJoined { kind, namespace: namespace.to_owned() };
        let Some(index) = self.position(namespace) else {
            // Servers may send to whom they please. The owner says that nobody listens; official clients say nothing.
            return if self.role == Role::Client { Ok((NOBODY, false)) } else { Err(not_joined()) };
        };
        let member = &self.members[index];
        match member.state {
            State::Joined => Ok((member.key, false)),
            State::Left { until } if !is_past(until, now) => Ok((member.key, true)),
            // A client that left and joins again still gets what the server sent before it knew. But for that, some
            // servers let handlers send before they say that a client is in.
            State::Joining { again } if self.role == Role::Client => Ok((member.key, again)),
            State::Left { .. } if self.role == Role::Client => Ok((NOBODY, false)),
            State::Left { .. } | State::Joining { .. } => Err(not_joined()),
        }
    }

    /// A packet with all its attachments; `None` if nobody is there for it any more.
    fn assembled<'m>(&mut self, packet: Assembled) -> Option<Received<'m, A>> {
        let Assembled { namespace, id, name, payload } = packet;
        let key = match self.position(&namespace).map(|index| &self.members[index]) {
            Some(member) if member.state == State::Joined => member.key,
            Some(member)
                if member.state == State::Joining { again: false } && self.role == Role::Client =>
            {
                member.key
            }
            None if self.role == Role::Client => NOBODY,
            _ => return None, // this side left while the attachments were on their way
        };
        match name {
            Some(name) => {
                let (namespace, name) = (Cow::Owned(namespace), Cow::Owned(name));
                Some(Received::Event { namespace, name, id, payload })
            }
            None => {
                let token = self.acks.take(key, id?)?;
                Some(Received::Ack { token, payload })
            }
        }
    }

    const fn is_v3(&self) -> bool {
        matches!(self.encoding.version, Version::V3)
    }

    fn add(&mut self, namespace: &str) {
        self.add_as(namespace, State::Joining { again: false });
    }

    fn add_as(&mut self, namespace: &str, state: State) {
        let key = self.next_key;
        self.next_key = self.next_key.wrapping_add(1);
        self.members.reserve_exact(1); // most sessions join one namespace
        self.members.push(Member { namespace: namespace.into(), key, state });
    }

    fn position(&self, namespace: &str) -> Option<usize> {
        self.members.iter().position(|member| &*member.namespace == namespace)
    }
}

/// Whether nothing more is due from the peer.
fn is_past(until: Option<Instant>, now: Instant) -> bool {
    until.is_none_or(|until| until <= now)
}

/// The auth payload of a CONNECT as the one argument that a connect handler gets; absent, it reads `{}`.
fn auth_payload(data: Option<&str>, config: &Config) -> Result<Payload<'static>, Violation> {
    let auth = data.unwrap_or("{}");
    if !auth.trim_start().starts_with('{') {
        return Err(Violation::AuthNotObject);
    }
    let array = format!("[{auth}]");
    let payload = Payload::ack(&array, &config.packets)?;
    if payload.len() != 1 {
        return Err(Violation::AuthNotObject); // something follows the object
    }
    Ok(payload.into_owned())
}

/// What stands as it is, as in JavaScript's `encodeURIComponent`, by which npm's client writes this query. Not every server
/// reads `+` as a space.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The name of a namespace as a client of version 3 sends it: the fields of the auth payload are a query behind it.
pub(super) fn with_query(namespace: &str, auth: &str) -> String {
    let fields: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(auth).unwrap_or_default();
    if fields.is_empty() {
        return namespace.to_owned();
    }
    let encoded = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
    let fields = fields.iter().map(|(name, value)| {
        // Texts as they are, what else there is as JSON.
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{}={}", encoded(name), encoded(&text))
    });
    format!("{namespace}?{}", fields.collect::<Vec<_>>().join("&"))
}

/// In version 3 a query behind the namespace takes the place of the auth payload: its fields as a JSON object of texts;
/// of a field that is repeated, the last counts.
fn split_query(namespace: Cow<'_, str>) -> (Cow<'_, str>, Option<String>) {
    let Some((name, query)) = namespace.split_once('?') else { return (namespace, None) };
    let fields: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
    let json = serde_json::to_string(&fields).unwrap_or_default(); // a map of texts always has a JSON form
    (name.to_owned().into(), Some(json))
}
