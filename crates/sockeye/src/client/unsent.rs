//! What the application has emitted in one namespace and no session has sent yet: in order, and bounded.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use sockeye_proto::{
    session::Transport,
    wire::{polling, prepared::Prepared},
};

use super::{
    SendError,
    fate::{At, Fate},
    resent::{ResendReason, Resent},
};
use crate::{
    dispatch::SendState,
    event::{RawArgs, RemoteError},
    net::{AckFailure, Conn, OnAck, Progress, Wakes},
};

/// How much may wait while there is no connection, or a slow one.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Events. Default: 10,000.
    pub max_events: usize,
    /// Bytes, as encoded. Default: 64 MiB.
    pub max_bytes: usize,
    /// How long an event may wait for a connection. Default: without end.
    pub max_age: Option<Duration>,
    /// What to do with one more when it is full. Default: refuse it.
    pub when_full: WhenFull,
}

/// What a full [`Buffer`] does with one more event.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    RefuseNew,
    /// Those that wait longest make room; they fail with [`SendError::Dropped`].
    DropOldest,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            max_events: 10_000,
            max_bytes: 64 * 1024 * 1024,
            max_age: None,
            when_full: WhenFull::default(),
        }
    }
}

/// How often, and how many at a time, [`Socket::deliver`](super::Socket::deliver) sends.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How long the server may take for an ack before the event is sent again. Default: 10 s.
    pub ack_timeout: Duration,
    /// How many times an event is sent, new connections included. Default: without end.
    pub max_attempts: Option<u32>,
    /// Events that wait for their acks at a time; what follows waits its turn. Default: 64.
    pub window: usize,
    /// Whether the id is sent, as one more argument behind the others, so that a server can tell a copy from a new event.
    /// Default: no. Turn it on only for a server whose handlers take that argument: one that is strict about them fails at
    /// each copy.
    pub send_id: bool,
}

impl Default for Retries {
    fn default() -> Self {
        let ack_timeout = Duration::from_secs(10);
        Self { ack_timeout, max_attempts: None, window: 64, send_id: false }
    }
}

/// One event that waits.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place among those of its namespace, in the order in which they were emitted.
    pub(super) seq: u64,
    pub(super) packet: Prepared,
    pub(super) fate: Arc<Fate>,
    pub(super) kind: Kind,
    /// Since when it waits for a session.
    pub(super) since: Option<Instant>,
}

/// What an event wants besides being sent.
pub(super) enum Kind {
    Plain,
    /// An ack, once. It is not sent by a second session.
    Call {
        id: u64,
        deadline: Instant,
        on_ack: OnAck,
    },
    /// An ack, however often it has to be sent.
    Delivery {
        id: u64,
        attempts: u32,
        label: Label,
    },
}

/// What a delivery is called when it is told of.
pub(super) struct Label {
    pub(super) event: Arc<str>,
    /// The id that its author knows it by.
    pub(super) id: Arc<str>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Call { .. } => "Call",
            Self::Delivery { .. } => "Delivery",
        })
    }
}

/// The queue of one namespace.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    next_seq: u64,
    waiting: VecDeque<Entry>,
    /// In the session's outbox under these numbers, not known to be written.
    handed: VecDeque<(u64, Entry)>,
    /// Deliveries that the session has, by their place.
    unacked: BTreeMap<u64, Entry>,
    /// Those of them that have to be sent again.
    overdue: VecDeque<u64>,
    /// Deliveries that were sent again, and nobody has been told yet.
    resent: Vec<Resent>,
    bytes: usize,
    /// Events that were written of late, one soon after the other, and when the last of them was.
    late: Option<(Instant, usize)>,
}

/// Who closes a connection without a handshake takes back what the peer has not read; that long it may take to.
const READING: Duration = Duration::from_secs(1);

/// How many events nobody sends any more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct GivenUp {
    /// Not written, or not known to be.
    pub(super) unsent: usize,
    /// Written, but so late that the server may not have read them before the connection was cut.
    pub(super) unread: usize,
    /// Deliveries that were sent.
    pub(super) unacknowledged: usize,
}

/// Where entries are handed on to.
pub(super) struct Outlet<'a> {
    pub(super) conn: &'a Arc<Conn>,
    pub(super) namespace: &'a str,
    /// What to do when the ack of a delivery, by its place, comes or will not.
    pub(super) on_ack: &'a dyn Fn(u64) -> OnAck,
    pub(super) retries: Retries,
    pub(super) max_payload: Option<usize>,
}

impl Unsent {
    /// Takes an event; `None` if it is full.
    pub(super) fn push(
        &mut self,
        packet: Prepared,
        kind: Kind,
        since: Option<Instant>,
        buffer: &Buffer,
    ) -> Option<(u64, Arc<Fate>)> {
        let bytes = packet.wire_bytes();
        while self.is_full(bytes, buffer) {
            let drops = buffer.when_full == WhenFull::DropOldest;
            let oldest = drops.then(|| self.waiting.pop_front()).flatten()?;
            self.forget(&oldest);
            oldest.fate.set(At::Failed(SendError::Dropped));
        }
        let (seq, fate) = (self.next_seq, Fate::new(At::Waiting));
        self.next_seq += 1;
        self.bytes += bytes;
        self.waiting.push_back(Entry { seq, packet, fate: Arc::clone(&fate), kind, since });
        Some((seq, fate))
    }

    /// Hands on what the session takes: first what has to be sent again, then what waits.
    pub(super) fn hand_on(&mut self, outlet: &Outlet<'_>, wakes: &mut Wakes) {
        while let Some(&seq) = self.overdue.front() {
            if let Some(entry) = self.unacked.remove(&seq)
                && let Err(entry) = self.hand(entry, outlet, wakes)
            {
                self.unacked.insert(seq, entry);
                return;
            }
            self.overdue.pop_front();
        }
        while let Some(entry) = self.waiting.pop_front() {
            let waits = matches!(entry.kind, Kind::Delivery { .. })
                && self.unacked.len() >= outlet.retries.window.max(1);
            let entry = if waits { Err(entry) } else { self.hand(entry, outlet, wakes) };
            if let Err(entry) = entry {
                self.waiting.push_front(entry);
                return;
            }
        }
        if self.waiting.capacity() > 0 && self.handed.is_empty() {
            self.waiting = VecDeque::new(); // an idle client owns no queue
        }
    }

    /// Hands on one entry; gives it back if the session does not take it now.
    fn hand(
        &mut self,
        mut entry: Entry,
        outlet: &Outlet<'_>,
        wakes: &mut Wakes,
    ) -> Result<(), Entry> {
        let conn = outlet.conn;
        match Fit::of(&entry.packet, conn, outlet.max_payload) {
            Fit::Fits => {}
            Fit::Waits => return Err(entry),
            Fit::TooLarge { bytes, max_bytes } => {
                self.forget(&entry);
                entry.fate.set(At::Failed(SendError::TooLarge { bytes, max_bytes }));
                return Ok(());
            }
        }
        let packet = entry.packet.clone();
        let mut ask = |id, deadline, on_ack| {
            conn.ask_under_lock(packet.clone(), (outlet.namespace, id), (deadline, on_ack), wakes)
        };
        let (pushed, comes_back) = match &mut entry.kind {
            Kind::Plain => (conn.push_under_lock(packet, false, wakes).ok(), true),
            Kind::Call { id, deadline, on_ack } => {
                let token = mem::replace(on_ack, Box::new(|_| {}));
                let pushed = ask(*id, *deadline, token).map_err(|not| {
                    if let Some(token) = not.on_ack {
                        *on_ack = token;
                    }
                });
                (pushed.ok(), false)
            }
            Kind::Delivery { id, attempts, .. } => {
                let deadline = tokio::time::Instant::now().into_std() + outlet.retries.ack_timeout;
                let pushed = ask(*id, deadline, (outlet.on_ack)(entry.seq)).ok();
                *attempts += u32::from(pushed.is_some());
                (pushed, true)
            }
        };
        let Some(number) = pushed else { return Err(entry) };
        if let Kind::Delivery { attempts: attempts @ 2.., label, .. } = &entry.kind {
            // One that waits for a session lost the one it had; one that does not is overdue.
            let because = match entry.since {
                Some(_) => ResendReason::Disconnected,
                None => ResendReason::NoAck { after: outlet.retries.ack_timeout },
            };
            let Label { event, id } = label;
            let (event, id) = (Arc::clone(event), Arc::clone(id));
            let (namespace, attempts) = (outlet.namespace.into(), *attempts);
            self.resent.push(Resent { namespace, event, id, attempts, because });
        }
        entry.since = None;
        let conn = Arc::clone(conn);
        entry.fate.set(At::Handed { conn, number, comes_back });
        match entry.kind {
            Kind::Plain => self.handed.push_back((number, entry)),
            Kind::Call { .. } => self.forget(&entry),
            Kind::Delivery { .. } => drop(self.unacked.insert(entry.seq, entry)),
        }
        Ok(())
    }

    /// What was sent again since the last time.
    pub(super) fn take_resent(&mut self) -> Vec<Resent> {
        mem::take(&mut self.resent)
    }

    /// Forgets what is written.
    pub(super) fn sweep(&mut self, conn: &Conn) {
        while let Some((number, _)) = self.handed.front()
            && conn.progress(*number) == Progress::Written
            && let Some((_, entry)) = self.handed.pop_front()
        {
            self.forget(&entry);
            self.note_written();
        }
        if self.handed.is_empty() && self.handed.capacity() > 0 {
            self.handed = VecDeque::new();
        }
    }

    fn note_written(&mut self) {
        let now = tokio::time::Instant::now().into_std();
        self.late = Some((now, self.written_of_late(now) + 1));
    }

    /// When the last event without an ack will have been written for so long; `None` if it has been already.
    pub(super) fn written_for(&self, time: Duration, now: Instant) -> Option<Instant> {
        let last = if self.handed.is_empty() { self.late.map(|(last, _)| last) } else { Some(now) };
        last.map(|last| last + time).filter(|then| *then > now)
    }

    fn written_of_late(&self, now: Instant) -> usize {
        match self.late {
            Some((last, events)) if now.saturating_duration_since(last) < READING => events,
            _ => 0,
        }
    }

    /// The session has ended, and its outbox with it: what it did not send waits for the next, in the old order. What
    /// nobody can know is not sent twice, unless it is a delivery.
    pub(super) fn reclaim(&mut self, conn: &Conn, now: Instant) {
        let mut back = Vec::new();
        for (number, entry) in mem::take(&mut self.handed) {
            match conn.progress(number) {
                Progress::Written => self.forget(&entry),
                Progress::Unknown => {
                    self.forget(&entry);
                    entry.fate.set(At::Failed(SendError::Lost { may_have_arrived: true }));
                }
                Progress::Unsent | Progress::Waiting => back.push(entry),
            }
        }
        self.take_back(back, now);
    }

    /// The namespace is not joined any more: no ack will come, and deliveries wait for the next time. What the session has
    /// of the rest it still sends, unless it ends.
    pub(super) fn pause(&mut self, now: Instant) {
        self.take_back(Vec::new(), now);
    }

    /// Puts entries back where they were, and unacknowledged deliveries with them.
    fn take_back(&mut self, mut back: Vec<Entry>, now: Instant) {
        back.extend(mem::take(&mut self.unacked).into_values());
        self.overdue.clear();
        for entry in &back {
            entry.fate.set(At::Waiting);
        }
        back.extend(mem::take(&mut self.waiting));
        back.sort_unstable_by_key(|entry| entry.seq);
        for entry in &mut back {
            entry.since.get_or_insert(now);
        }
        self.waiting = back.into();
    }

    /// What has come of the ack that a delivery asked for.
    pub(super) fn settle(
        &mut self,
        seq: u64,
        outcome: Result<RawArgs, AckFailure>,
        retries: &Retries,
    ) {
        let Some(entry) = self.unacked.get(&seq) else { return };
        let attempts = match entry.kind {
            Kind::Delivery { attempts, .. } => attempts,
            Kind::Plain | Kind::Call { .. } => 0,
        };
        let at = match outcome {
            Ok(answer) => match RemoteError::read(&answer) {
                Some(error) => At::Failed(SendError::Rejected(error)),
                None => At::Acked(answer),
            },
            Err(AckFailure::Expired)
                if retries.max_attempts.is_some_and(|most| attempts >= most) =>
            {
                At::Failed(SendError::NoAck { attempts })
            }
            Err(AckFailure::Expired) => return self.overdue.push_back(seq),
            Err(AckFailure::Lost) => return, // the session has ended, or the namespace was left: `lost` follows
        };
        if let Some(entry) = self.unacked.remove(&seq) {
            self.forget(&entry);
            entry.fate.set(at);
        }
    }

    /// Takes back an event that no session has yet.
    pub(super) fn withdraw(&mut self, seq: u64) {
        if let Some(index) = self.waiting.iter().position(|entry| entry.seq == seq)
            && let Some(entry) = self.waiting.remove(index)
        {
            self.forget(&entry);
        }
    }

    /// Gives up what has waited for too long.
    pub(super) fn expire(&mut self, now: Instant, max_age: Duration) {
        while self.next_expiry(max_age).is_some_and(|due| due <= now)
            && let Some(entry) = self.waiting.pop_front()
        {
            self.forget(&entry);
            entry.fate.set(At::Failed(SendError::Expired { age: max_age }));
        }
    }

    /// When [`Self::expire`] has something to do. What waits longest is in front.
    pub(super) fn next_expiry(&self, max_age: Duration) -> Option<Instant> {
        self.waiting.front()?.since.map(|since| since + max_age)
    }

    /// Gives up what waits for a session.
    pub(super) fn clear(&mut self) -> usize {
        let cleared = mem::take(&mut self.waiting);
        for entry in &cleared {
            self.forget(entry);
            entry.fate.set(At::Failed(SendError::Cleared));
        }
        cleared.len()
    }

    /// Gives up everything: there will be no session. What one has already it may still send, unless it was cut, and nobody
    /// takes it back.
    pub(super) fn fail(&mut self, error: &SendError, is_cut: bool) -> GivenUp {
        let mut given_up = GivenUp::default();
        for (_, entry) in mem::take(&mut self.handed) {
            self.forget(&entry);
            entry.fate.comes_not_back();
            match entry.fate.state() {
                SendState::Failed => given_up.unsent += 1,
                SendState::Written => self.note_written(),
                SendState::Queued | SendState::Acked => {}
            }
        }
        if is_cut {
            given_up.unread = self.written_of_late(tokio::time::Instant::now().into_std());
        }
        for entry in mem::take(&mut self.unacked).into_values().chain(mem::take(&mut self.waiting))
        {
            self.forget(&entry);
            let was_sent = matches!(entry.kind, Kind::Delivery { attempts, .. } if attempts > 0);
            match entry.kind {
                Kind::Call { .. } => {} // its caller waits, and hears of it
                _ if was_sent => given_up.unacknowledged += 1,
                _ => given_up.unsent += 1,
            }
            let unacked = || SendError::Unacked(Box::new(error.clone()));
            let error = if was_sent { unacked() } else { error.clone() };
            entry.fate.set(At::Failed(error));
        }
        self.overdue.clear();
        given_up
    }

    /// Events that are not known to be written, or acknowledged.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.handed.len() + self.unacked.len()
    }

    /// Whether nothing waits for a session to take it.
    pub(super) fn is_handed_on(&self) -> bool {
        self.waiting.is_empty() && self.overdue.is_empty()
    }

    fn is_full(&self, more: usize, buffer: &Buffer) -> bool {
        self.len() >= buffer.max_events || (self.len() > 0 && self.bytes + more > buffer.max_bytes)
    }

    fn forget(&mut self, entry: &Entry) {
        self.bytes -= entry.packet.wire_bytes();
    }
}

/// Whether the server takes a packet, by what it said in its handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fit {
    Fits,
    /// Not by polling, but by the WebSocket that is about to carry the session.
    Waits,
    TooLarge {
        /// As it goes over the wire.
        bytes: usize,
        max_bytes: usize,
    },
}

impl Fit {
    /// How a packet fits where the session is now.
    pub(super) fn of(packet: &Prepared, conn: &Conn, max_bytes: Option<usize>) -> Self {
        let Some(max_bytes) = max_bytes else { return Self::Fits };
        let packet = packet.clone().encoded_for(conn.encoding);
        // Nothing doubles on its way: base64 takes a third more.
        if packet.wire_bytes().saturating_mul(2) <= max_bytes {
            return Self::Fits;
        }
        let message_bytes = packet.largest_message_bytes();
        let body_bytes = polling::body_bytes(&packet, conn.encoding.version);
        let (transport, moves) = conn.look(|machine| (machine.transport(), machine.is_moving()));
        let bytes = match transport {
            Transport::WebSocket => message_bytes,
            _ if body_bytes > max_bytes && message_bytes <= max_bytes && moves => {
                return Self::Waits;
            }
            _ => body_bytes,
        };
        if bytes > max_bytes { Self::TooLarge { bytes, max_bytes } } else { Self::Fits }
    }
}
