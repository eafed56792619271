//! What a client does with what its session receives, and with what its handles want. It outlives its sessions.

use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    task,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::{Delays, Reason, Received},
    wire::{engine::Version, ws::CloseFrame},
};
use tokio::time;

use super::{
    ConnectionState, Disconnect, Left, Transport,
    entrance::Entrance,
    member::Member,
    shared::{Order, Shared},
    stay::Stay,
};
use crate::{
    dispatch::beginning,
    net::{Conn, OnAck, Pressure, Upper},
};

/// How long before a DISCONNECT the last event is written. npm's server runs a handler a turn of its loop after it has read
/// the event, and drops what somebody sent who has left by then.
const PARTING: Duration = Duration::from_millis(50);
/// How long that may take in all: a server that reads slowly is left at last.
const LONGEST_PARTING: Duration = Duration::from_secs(1);

/// Names of events for namespaces that are not joined; a hostile server can send any number of them.
const MAX_STRAYS: usize = 100;

/// Owned by the keeper, and lent to the driver of each session.
pub(super) struct Receiver {
    pub(super) shared: Arc<Shared>,
    entrances: Vec<Entrance>,
    session: Option<Stay>,
    delays: Delays,
    is_patient: bool,
    is_closing: bool,
    /// Boxed: as a rule nothing is to be left.
    parting: Option<Box<Parting>>,
    reconnects: bool,
    /// Why the last namespace was left, if none is left.
    last_left: Left,
    strays: HashSet<String>,
}

/// What is to be left, and when at the latest.
#[derive(Default)]
struct Parting {
    session: Option<Instant>,
    namespaces: Vec<(Arc<Member>, Instant)>,
}

/// What there is to know of a session that is over.
pub(super) struct Ended {
    pub(super) disconnect: Arc<Disconnect>,
    /// Whether a namespace was joined by it.
    pub(super) was_joined: bool,
    /// Whether the server speaks version 3, although it was asked in version 4.
    pub(super) is_of_wrong_version: bool,
    /// Whether the application wants another at once.
    pub(super) reconnects: bool,
}

impl Receiver {
    pub(super) fn new(shared: Arc<Shared>, delays: Delays, is_patient: bool) -> Self {
        let members = shared.members();
        let mut receiver = Self {
            entrances: Vec::with_capacity(members.len()), // exactly: most clients have one for ever

            session: None,
            delays,
            is_patient,
            is_closing: false,
            parting: None,
            reconnects: false,
            last_left: Left::Closed,
            strays: HashSet::new(),
            shared,
        };
        for member in members {
            receiver.join(member);
        }
        receiver
    }

    /// A session begins.
    pub(super) fn begin(&mut self, conn: &Arc<Conn>, transport: Transport) {
        *self.shared.last_connected.lock() = None;
        self.session = Some(Stay::new(Arc::clone(conn), transport, now()));
        self.reconnects = false;
        if let Some(parting) = &mut self.parting {
            parting.session = None;
        }
    }

    /// The session is over, or its driver was dropped.
    pub(super) fn end(&mut self) -> Option<Ended> {
        let session = self.session.take()?;
        for entrance in &self.entrances {
            entrance.member().reclaim(&session.conn);
        }
        let disconnect = session
            .ended
            .clone()
            .unwrap_or_else(|| session.disconnect(now(), Reason::TransportError));
        Some(Ended {
            disconnect,
            was_joined: session.is_settled,
            is_of_wrong_version: session.is_of_wrong_version,
            reconnects: std::mem::take(&mut self.reconnects),
        })
    }

    /// Whether there is anything left to connect for.
    pub(super) fn is_done(&self) -> bool {
        self.is_closing || self.entrances.is_empty()
    }

    /// Whether the application wants another session at once.
    pub(super) const fn reconnects(&self) -> bool {
        self.reconnects
    }

    pub(super) const fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Why no namespace is left.
    pub(super) fn last_left(&self) -> Left {
        self.last_left.clone()
    }

    /// Between two sessions: does what the handles want, and advances the handlers.
    pub(super) fn idle(&mut self, cx: &mut task::Context<'_>) {
        self.follow_orders();
        self.part();
        self.poll_entrances(cx);
    }

    /// Gives the session as much as it takes of what waits.
    pub(super) fn pump(&self) {
        for entrance in self.entrances.iter().filter(|entrance| entrance.is_in()) {
            entrance.member().pump(&self.shared.bounds);
        }
    }

    /// When [`Self::idle`], or the driver, has something to do by the clock.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let entrances = self.entrances.iter().filter_map(Entrance::deadline).min();
        let max_age = self.shared.bounds.buffer.max_age;
        let expiry = max_age.and_then(|max_age| {
            let members = self.entrances.iter().map(Entrance::member);
            members.filter_map(|member| member.expire(now, max_age)).min()
        });
        let parting = self.parting.as_ref().and_then(|parting| {
            let session = parting.session.map(|by| self.leaves_at(by, now));
            let namespaces =
                parting.namespaces.iter().map(|(member, by)| parts_at(member, *by, now));
            namespaces.chain(session).min()
        });
        [entrances, expiry, parting].into_iter().flatten().min()
    }

    /// Nothing follows: what waits is given up, what is at work comes to its end.
    pub(super) fn finish(&mut self) {
        let is_ours = std::mem::replace(&mut self.is_closing, true);
        // First all who wait: what comes after them is the application's, and may panic.
        // A session that came to its end is gone by now.
        let is_cut = self.session.take().is_some();
        for member in self.shared.members() {
            member.closed(is_cut);
        }
        let shared = Arc::clone(&self.shared);
        let _source = shared.inbox.as_ref().map(|inbox| {
            inbox.close();
            inbox.source() // until all have said what they still have for it
        });
        self.follow_orders(); // whoever was too late shall hear of it
        for entrance in self.entrances.drain(..) {
            entrance.finish(is_ours);
        }
    }

    fn join(&mut self, member: Arc<Member>) {
        self.entrances.push(Entrance::new(&self.shared, member, self.delays, self.is_patient));
    }

    fn follow_orders(&mut self) {
        for order in self.shared.take_orders() {
            match order {
                Order::Join(member) if self.is_closing => member.out(&Left::Closed),
                Order::Join(member) => {
                    self.leave(&member.name.clone());
                    self.join(member);
                }
                Order::Leave(member) => {
                    let by = now() + LONGEST_PARTING;
                    self.parting.get_or_insert_default().namespaces.push((member, by));
                }
                Order::Reconnect => {
                    self.reconnects = true;
                    self.parting.get_or_insert_default().session = Some(now() + LONGEST_PARTING);
                }
                Order::Close => {
                    self.is_closing = true;
                    self.pump();
                    self.parting.get_or_insert_default().session = Some(now() + LONGEST_PARTING);
                }
            }
        }
    }

    fn leave(&mut self, namespace: &str) {
        let now = now();
        if let Some(index) = self.position(namespace) {
            let session = self.session.as_ref().filter(|session| session.is_open());
            self.entrances[index].leave(now, session);
            self.sweep();
        }
    }

    /// Leaves what is to be left, once the server has had the time to look at what it was sent.
    fn part(&mut self) {
        let Some(mut parting) = self.parting.take() else { return };
        let now = now();
        if parting.session.is_some_and(|by| self.leaves_at(by, now) <= now) {
            parting.session = None;
            self.close();
        }
        let is_due = |(member, by): &mut (Arc<Member>, Instant)| parts_at(member, *by, now) <= now;
        for (member, _) in parting.namespaces.extract_if(.., is_due) {
            let found = self.entrance(&member.name);
            if found.is_some_and(|entrance| Arc::ptr_eq(entrance.member(), &member)) {
                self.leave(&member.name);
            }
        }
        if parting.session.is_some() || !parting.namespaces.is_empty() {
            self.parting = Some(parting);
        }
    }

    fn leaves_at(&self, by: Instant, now: Instant) -> Instant {
        let members = self.entrances.iter().map(Entrance::member);
        members.map(|member| parts_at(member, by, now)).max().unwrap_or(now)
    }

    /// Leaves all namespaces, as the server will see it, and ends the session.
    fn close(&self) {
        if let Some(session) = &self.session {
            session.conn.command(|machine| {
                machine.leave_all(now());
                machine.close(Reason::ClientDisconnect);
            });
        }
    }

    fn poll_entrances(&mut self, cx: &mut task::Context<'_>) {
        let now = now();
        let session = self.session.as_ref().filter(|session| session.is_open());
        if let Some(lifeline) = session.and_then(Stay::lifeline) {
            lifeline.note(now);
        }
        for entrance in &mut self.entrances {
            entrance.poll(now, session, cx);
        }
        self.sweep();
        self.settle();
    }

    /// Forgets namespaces that are left for good; if none is left, the session is over as well.
    fn sweep(&mut self) {
        let mut index = 0;
        while let Some(entrance) = self.entrances.get(index) {
            if entrance.is_over() {
                if let super::Membership::Left(left) = &*entrance.member().membership.borrow() {
                    self.last_left = left.clone();
                }
                let is_ours = matches!(self.last_left, Left::ClientDisconnect | Left::Handler(_));
                self.entrances.swap_remove(index).finish(is_ours);
            } else {
                index += 1;
            }
        }
        if self.entrances.is_empty() {
            self.close();
        }
    }

    /// Says that we are connected, once every namespace has been decided.
    fn settle(&mut self) {
        let Some(session) = &mut self.session else { return };
        let is_settled = !session.is_settled
            && session.is_open()
            && !self.entrances.iter().any(Entrance::is_on_its_way)
            && self.entrances.iter().any(Entrance::is_in);
        if is_settled {
            session.is_settled = true;
            if matches!(&*self.shared.state.borrow(), ConnectionState::Reconnecting { .. }) {
                tracing::info!(target: "sockeye::engine", "connected again by {}", session.transport);
            }
            self.tell_connected();
        }
    }

    fn tell_connected(&self) {
        if let Some(session) = &self.session {
            let (transport, version) = (session.transport, session.version());
            let connected = ConnectionState::Connected { transport, version };
            *self.shared.last_connected.lock() = Some(connected.clone());
            self.shared.state.send_replace(connected);
        }
    }

    fn position(&self, namespace: &str) -> Option<usize> {
        self.entrances.iter().position(|entrance| entrance.namespace() == namespace)
    }

    fn entrance(&self, namespace: &str) -> Option<&Entrance> {
        self.entrances.iter().find(|entrance| entrance.namespace() == namespace)
    }

    /// Says, once, that nobody listens where an event arrives.
    fn stray(&mut self, namespace: &str, event: &str) {
        self.shared.count_unhandled();
        let (namespace, event) = (beginning(namespace), beginning(event));
        let joined = self.entrances.iter().map(Entrance::namespace).collect::<Vec<_>>().join(", ");
        if self.strays.len() < MAX_STRAYS && self.strays.insert(format!("{namespace},{event}")) {
            tracing::warn!(
                target: "sockeye::packet",
                "{event:?} arrived on {namespace:?}, which is not joined; you listen on {joined}"
            );
        }
    }
}

impl Upper for Receiver {
    fn received(&mut self, received: Received<'_, OnAck>, cx: &mut task::Context<'_>) {
        let Some(session) = &mut self.session else { return };
        let namespace = match received {
            Received::Event { namespace, name, id, payload } => {
                // Looked for here: it is what happens most.
                match self.entrances.iter_mut().find(|entrance| entrance.namespace() == namespace) {
                    Some(entrance) => entrance.event((&name, id, payload), cx),
                    None => self.stray(&namespace, &name),
                }
                return;
            }
            Received::Ack { token, payload } => return token(Ok(payload)),
            Received::Opened { handshake } => {
                session.opened(now(), handshake);
                return self.poll_entrances(cx);
            }
            Received::Connected { namespace, data } => {
                // On polling the framing of its first answer has told the version.
                let is_v3 = session.began_by == Transport::WebSocket
                    && session.version() == Version::V4
                    && !data.contains("\"sid\"");
                if is_v3 {
                    session.is_of_wrong_version = true;
                    return self.close();
                }
                let entrance =
                    self.entrances.iter_mut().find(|entrance| entrance.namespace() == namespace);
                match entrance {
                    Some(entrance) => entrance.connected(now(), &data, session, cx),
                    None if session.version() == Version::V3 && namespace == "/" => {} // nobody asked
                    None => drop(session.conn.command(|machine| machine.leave(now(), &namespace))),
                }
                namespace
            }
            Received::Refused { namespace, error } => {
                if let Some(entrance) =
                    self.entrances.iter_mut().find(|entrance| entrance.namespace() == namespace)
                {
                    entrance.refused(now(), &error, session);
                }
                namespace
            }
            Received::Disconnect { namespace } => {
                if let Some(entrance) =
                    self.entrances.iter_mut().find(|entrance| entrance.namespace() == namespace)
                {
                    entrance.disconnected(now(), session);
                }
                namespace
            }
            // No server sends it.
            Received::Connect { .. } => return,
        };
        tracing::trace!(target: "sockeye::packet", %namespace, "membership");
        self.poll_entrances(cx);
    }

    fn poll(&mut self, cx: &mut task::Context<'_>) {
        self.follow_orders();
        self.part();
        self.poll_entrances(cx);
    }

    fn pressure(&self, now: Instant) -> Pressure {
        let pressures = self.entrances.iter().map(|entrance| entrance.pressure(now));
        pressures.fold(Pressure::Calm, Pressure::worse)
    }

    fn moved(&mut self) {
        if let Some(session) = &mut self.session {
            session.transport = Transport::WebSocket;
            if session.is_settled {
                self.tell_connected();
            }
        }
    }

    fn closing(&mut self, frame: Option<CloseFrame<'_>>) {
        if let Some(session) = &mut self.session {
            session.closing(frame);
        }
    }

    fn failing(&mut self, cause: &dyn fmt::Display) {
        if let Some(session) = &mut self.session {
            session.failing(cause, false);
        }
    }

    fn violated(&mut self, violation: &dyn fmt::Display) {
        if let Some(session) = &mut self.session {
            session.failing(violation, true);
        }
    }

    fn closed(&mut self, reason: Reason) {
        let Some(session) = &mut self.session else { return };
        let disconnect = session.disconnect(now(), reason);
        tracing::debug!(target: "sockeye::engine", %disconnect, "session over");
        session.ended = Some(Arc::clone(&disconnect));
        for entrance in &mut self.entrances {
            entrance.lost(&disconnect);
        }
    }
}

/// When a namespace may be left.
fn parts_at(member: &Member, by: Instant, now: Instant) -> Instant {
    member.written_for(PARTING, now).unwrap_or(now).min(by)
}

fn now() -> Instant {
    time::Instant::now().into_std()
}
