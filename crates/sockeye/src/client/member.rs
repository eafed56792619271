//! A client's place in one namespace at run time: whether it is in, and what it still has to send.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use sockeye_proto::{
    session::Reason,
    wire::{packet, prepared::Prepared},
};
use tokio::sync::watch;

use super::{
    Buffer, Context, EmitError, Left, Membership, Retries, SendError,
    auth::Auth,
    fate::{At, Fate},
    lifeline::Lifeline,
    resent::OnResend,
    stay,
    unsent::{Fit, GivenUp, Kind, Outlet, Unsent},
    verdict::Verdict,
};
use crate::{
    dispatch::Handlers,
    event::{Answer, RawArgs, ReplyPath, ToArgs},
    net::{Conn, OnAck, PushError, Wakes},
};

/// One namespace of a client. It outlives sessions: they come and go, it stays.
pub(super) struct Member {
    pub(super) name: Box<str>,
    pub(super) handlers: Handlers<Context, Verdict>,
    pub(super) auth: Option<Auth>,
    pub(super) membership: watch::Sender<Membership>,
    desk: Mutex<Desk>,
    next_id: AtomicU64,
    /// Concurrent handlers at work.
    concurrent: AtomicU32,
    /// Whether an event or an ack ever came from the server.
    has_heard: AtomicBool,
}

/// What is emitted passes here.
struct Desk {
    phase: Phase,
    unsent: Unsent,
    /// The server's id of the last time that it was in.
    last_id: Option<Arc<str>>,
}

/// ```text
/// Away ──▶ Greeting ──▶ In ──▶ Away      and from each: Out
/// ```
enum Phase {
    /// It is not in yet, or not any more.
    Away,
    /// It is in; until the connect handler is done, only that may send.
    Greeting {
        session: Channel,
        /// Nothing that it sent has had to wait.
        lets_ahead: bool,
    },
    In(Channel),
    /// For good.
    Out(Left),
}

/// The session that it is in by.
#[derive(Clone)]
struct Channel {
    conn: Arc<Conn>,
    max_payload: Option<usize>,
    lifeline: Option<Arc<Lifeline>>,
}

impl Channel {
    fn fit(&self, packet: &Prepared) -> Fit {
        Fit::of(packet, &self.conn, self.max_payload)
    }

    /// What becomes of a packet that no other session will get.
    fn only(&self, pushed: Result<u64, PushError>) -> Result<Arc<Fate>, EmitError> {
        match pushed {
            Ok(number) => {
                let conn = Arc::clone(&self.conn);
                Ok(Fate::new(At::Handed { conn, number, comes_back: false }))
            }
            Err(PushError::Busy | PushError::Full) => Err(EmitError::Busy),
            Err(PushError::Closed) => {
                Ok(Fate::new(At::Failed(SendError::Lost { may_have_arrived: false })))
            }
        }
    }
}

impl Phase {
    const fn session(&self) -> Option<&Channel> {
        match self {
            Self::Greeting { session, .. } | Self::In(session) => Some(session),
            Self::Away | Self::Out(_) => None,
        }
    }

    /// After a sleep that was too long for the server, it is away; gives the session that has to end.
    fn wake_up(&mut self) -> Option<Arc<Conn>> {
        let Self::In(Channel { conn, lifeline: Some(lifeline), .. }) = self else { return None };
        if !lifeline.is_overslept(now()) {
            return None;
        }
        tracing::debug!(target: "sockeye::engine", "this machine has slept; the connection is given up");
        let conn = Arc::clone(conn);
        *self = Self::Away;
        Some(conn)
    }
}

/// Bounds that all namespaces of a client share.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) buffer: Buffer,
    pub(super) retries: Retries,
    /// How long a call waits that does not say.
    pub(super) call_timeout: Duration,
    pub(super) on_resend: OnResend,
}

impl Member {
    pub(super) fn new(
        name: &str,
        handlers: Handlers<Context, Verdict>,
        auth: Option<Auth>,
    ) -> Self {
        let (membership, _) = watch::channel(Membership::Joining { last_failure: None });
        Self {
            name: name.into(),
            handlers,
            auth,
            membership,
            desk: Mutex::new(Desk { phase: Phase::Away, unsent: Unsent::default(), last_id: None }),
            next_id: AtomicU64::new(0),
            concurrent: AtomicU32::new(0),
            has_heard: AtomicBool::new(false),
        }
    }

    /// An event or an ack came from the server.
    pub(super) fn hear(&self) {
        self.has_heard.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_heard(&self) -> bool {
        self.has_heard.load(Ordering::Relaxed)
    }

    /// The number of the next ack; it is never used again, not by later sessions either.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Encodes an event of this namespace; `text` is one more argument.
    pub(super) fn prepare(
        &self,
        event: &str,
        ack: Option<u64>,
        args: &impl ToArgs,
        text: Option<&str>,
    ) -> Result<Prepared, EmitError> {
        let mut payload = args.to_event(event)?;
        if let Some(text) = text {
            payload = payload.and_text(text);
        }
        let (array, attachments) = payload.into_parts();
        Ok(Prepared::packet(packet::Kind::Event, &self.name, ack, &array, attachments))
    }

    /// Takes an event that is to be sent, now or by a later session.
    pub(super) fn send(
        self: &Arc<Self>,
        packet: Prepared,
        kind: Kind,
        bounds: &Bounds,
    ) -> Result<(u64, Arc<Fate>), EmitError> {
        let mut wakes = Wakes::default();
        let asleep;
        let (sent, resent) = {
            let mut desk = self.desk.lock();
            let Desk { phase, unsent, .. } = &mut *desk;
            if let Phase::Out(because) = phase {
                return Err(self.not_joined(because.clone()));
            }
            asleep = phase.wake_up();
            if let Some(session) = phase.session()
                && let Fit::TooLarge { bytes, max_bytes } = session.fit(&packet)
            {
                return Err(EmitError::TooLarge { bytes, max_bytes });
            }
            let since = matches!(phase, Phase::Away).then(now);
            if let Phase::In(Channel { conn, .. }) = phase {
                unsent.sweep(conn);
            }
            let Some(sent) = unsent.push(packet, kind, since, &bounds.buffer) else {
                return Err(EmitError::BufferFull { events: unsent.len() });
            };
            self.hand_on(&mut desk, bounds, &mut wakes);
            (sent, desk.unsent.take_resent())
        };
        wakes.wake();
        bounds.on_resend.tell(resent);
        if let Some(conn) = asleep {
            conn.command(|machine| machine.close(Reason::PingTimeout));
        }
        Ok(sent)
    }

    /// Sends what is worth nothing later: now or never.
    pub(super) fn send_volatile(&self, packet: Prepared) -> Result<Arc<Fate>, EmitError> {
        let mut wakes = Wakes::default();
        let fate = {
            let desk = self.desk.lock();
            match &desk.phase {
                Phase::Out(because) => return Err(self.not_joined(because.clone())),
                Phase::In(session) if desk.unsent.is_handed_on() => match session.fit(&packet) {
                    Fit::Fits => {
                        let pushed = session.conn.push_under_lock(packet, true, &mut wakes);
                        session.only(pushed)
                    }
                    Fit::Waits => Err(EmitError::Busy),
                    Fit::TooLarge { bytes, max_bytes } => {
                        Err(EmitError::TooLarge { bytes, max_bytes })
                    }
                },
                _ => Err(EmitError::Busy),
            }
        };
        wakes.wake();
        fate
    }

    /// Sends ahead of what waits, while the connect handler is at work; gives the packet back if it is not, or if it has to
    /// wait for a WebSocket, and then whatever follows it.
    pub(super) fn send_ahead(
        &self,
        packet: Prepared,
        kind: Kind,
    ) -> Result<Result<Arc<Fate>, EmitError>, (Prepared, Kind)> {
        let mut wakes = Wakes::default();
        let fate = {
            let mut desk = self.desk.lock();
            let Phase::Greeting { session, lets_ahead } = &mut desk.phase else {
                return Err((packet, kind));
            };
            match session.fit(&packet) {
                Fit::Fits if *lets_ahead => {}
                Fit::Fits | Fit::Waits => {
                    *lets_ahead = false;
                    return Err((packet, kind));
                }
                Fit::TooLarge { bytes, max_bytes } => {
                    return Ok(Err(EmitError::TooLarge { bytes, max_bytes }));
                }
            }
            let conn = &session.conn;
            let pushed = match kind {
                Kind::Call { id, deadline, on_ack } => {
                    let (ack, wait) = ((&*self.name, id), (deadline, on_ack));
                    conn.ask_under_lock(packet, ack, wait, &mut wakes).map_err(|not| not.why)
                }
                Kind::Plain | Kind::Delivery { .. } => {
                    conn.push_under_lock(packet, false, &mut wakes)
                }
            };
            session.only(pushed)
        };
        wakes.wake();
        Ok(fate)
    }

    /// Gives the session as much as it takes. `true` if nothing is left.
    pub(super) fn pump(self: &Arc<Self>, bounds: &Bounds) -> bool {
        let mut wakes = Wakes::default();
        let (done, resent) = {
            let mut desk = self.desk.lock();
            let Desk { phase, unsent, .. } = &mut *desk;
            if let Some(Channel { conn, .. }) = phase.session() {
                unsent.sweep(conn);
            }
            self.hand_on(&mut desk, bounds, &mut wakes);
            (desk.unsent.is_handed_on(), desk.unsent.take_resent())
        };
        wakes.wake();
        bounds.on_resend.tell(resent);
        done
    }

    /// As [`Unsent::written_for`].
    pub(super) fn written_for(&self, time: Duration, now: Instant) -> Option<Instant> {
        self.desk.lock().unsent.written_for(time, now)
    }

    fn hand_on(self: &Arc<Self>, desk: &mut Desk, bounds: &Bounds, wakes: &mut Wakes) {
        let Desk { phase: Phase::In(Channel { conn, max_payload, .. }), unsent, .. } = desk else {
            return;
        };
        let outlet = Outlet {
            conn,
            namespace: &self.name,
            on_ack: &|seq| self.on_ack(seq, bounds.retries),
            retries: bounds.retries,
            max_payload: *max_payload,
        };
        unsent.hand_on(&outlet, wakes);
    }

    /// What to do when the ack of a delivery comes, or will not.
    fn on_ack(self: &Arc<Self>, seq: u64, retries: Retries) -> OnAck {
        let member = Arc::downgrade(self);
        Box::new(move |outcome| {
            if let Some(member) = member.upgrade() {
                let answer = outcome.map(|payload| RawArgs(payload.into_owned()));
                if answer.is_ok() {
                    member.hear();
                }
                member.desk.lock().unsent.settle(seq, answer, &retries);
            }
        })
    }

    /// The server has let it in; until [`Self::open`] only the connect handler sends.
    pub(super) fn greet(&self, session: &stay::Stay) {
        let session = Channel {
            conn: Arc::clone(&session.conn),
            max_payload: session.max_payload(),
            lifeline: session.lifeline().cloned(),
        };
        self.desk.lock().phase = Phase::Greeting { session, lets_ahead: true };
    }

    /// From now on everybody may send.
    pub(super) fn open(&self, id: Arc<str>, recovered: bool) {
        let mut desk = self.desk.lock();
        if let Phase::Greeting { session, .. } = &desk.phase {
            desk.phase = Phase::In(session.clone());
        }
        desk.last_id = Some(Arc::clone(&id));
        drop(desk);
        self.membership.send_replace(Membership::Joined { id, recovered });
    }

    /// It is not in any more, but will be.
    pub(super) fn away(&self, last_failure: Option<Left>) {
        let mut desk = self.desk.lock();
        let Desk { phase, unsent, .. } = &mut *desk;
        if matches!(phase, Phase::Out(_)) {
            return;
        }
        *phase = Phase::Away;
        unsent.pause(now());
        drop(desk);
        self.membership.send_replace(Membership::Joining { last_failure });
    }

    /// The session has ended, and its driver with it.
    pub(super) fn reclaim(&self, conn: &Conn) {
        self.desk.lock().unsent.reclaim(conn, now());
    }

    /// It is out for good; the first reason counts.
    pub(super) fn out(&self, because: &Left) {
        self.end(because, false);
    }

    /// The client is closed; `is_cut` if a session was dropped that nobody had closed.
    pub(super) fn closed(&self, is_cut: bool) {
        self.end(&Left::Closed, is_cut);
    }

    fn end(&self, because: &Left, is_cut: bool) {
        let mut desk = self.desk.lock();
        let Desk { phase, unsent, .. } = &mut *desk;
        if matches!(phase, Phase::Out(_)) {
            return;
        }
        *phase = Phase::Out(because.clone());
        let given_up = unsent.fail(&SendError::NotJoined(because.clone()), is_cut);
        drop(desk);
        self.tell(given_up, because);
        self.membership.send_replace(Membership::Left(because.clone()));
    }

    /// Nobody may be left who looks at what became of events: the log has to say it.
    fn tell(&self, given_up: GivenUp, because: &Left) {
        let GivenUp { unsent, unread, unacknowledged } = given_up;
        if given_up == GivenUp::default() || matches!(because, Left::ClientDisconnect) {
            return;
        }
        tracing::warn!(
            target: "sockeye::packet",
            namespace = &*self.name,
            unsent,
            unread,
            unacknowledged,
            %because,
            "events are lost, or may be; before a program ends, `client.close().await` waits until the connection has written what it \
             took and is closed in order, and `written` or `acked` until one event is there"
        );
    }

    /// Takes back an event that no session has yet.
    pub(super) fn withdraw(&self, seq: u64) {
        self.desk.lock().unsent.withdraw(seq);
    }

    /// Stops waiting for an ack.
    pub(super) fn forget_ack(&self, id: u64) {
        let desk = self.desk.lock();
        let conn = desk.phase.session().map(|session| Arc::clone(&session.conn));
        drop(desk);
        if let Some(conn) = conn {
            drop(conn.command(|machine| machine.forget_ack(&self.name, id)));
        }
    }

    /// Gives up what waits for a session; says how many events.
    pub(super) fn clear(&self) -> usize {
        self.desk.lock().unsent.clear()
    }

    /// Events that are not known to be written, or acknowledged.
    pub(super) fn unsent(&self) -> usize {
        let mut desk = self.desk.lock();
        let Desk { phase, unsent, .. } = &mut *desk;
        if let Some(Channel { conn, .. }) = phase.session() {
            unsent.sweep(conn);
        }
        unsent.len()
    }

    /// Gives up what has waited for too long; says when to ask again.
    pub(super) fn expire(&self, now: Instant, max_age: Duration) -> Option<Instant> {
        let mut desk = self.desk.lock();
        desk.unsent.expire(now, max_age);
        desk.unsent.next_expiry(max_age)
    }

    /// Makes it look as if this machine had slept.
    #[cfg(test)]
    pub(super) fn sleep(&self, time: Duration) {
        if let Some(Channel { lifeline: Some(lifeline), .. }) = self.desk.lock().phase.session() {
            lifeline.sleep(time);
        }
    }

    /// Whether it is in, and by this session.
    fn is_in_by(&self, conn: &Arc<Conn>) -> bool {
        let desk = self.desk.lock();
        desk.phase.session().is_some_and(|session| Arc::ptr_eq(&session.conn, conn))
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.desk.lock().phase, Phase::In(_))
    }

    /// The server's id of the last time that it was in; for each time it is another one in memory.
    pub(super) fn last_id(&self) -> Option<Arc<str>> {
        self.desk.lock().last_id.clone()
    }

    /// Counts one more concurrent handler, unless so many are at work already.
    pub(super) fn begin_concurrent(self: &Arc<Self>, max: usize) -> Option<AtWork> {
        let fits = (self.concurrent.load(Ordering::Relaxed) as usize) < max;
        fits.then(|| {
            self.concurrent.fetch_add(1, Ordering::Relaxed);
            AtWork(Arc::clone(self))
        })
    }

    /// What to say to whoever emits here although it is out.
    fn not_joined(&self, because: Left) -> EmitError {
        EmitError::NotJoined { namespace: self.name.to_string(), because, joined: Vec::new() }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A concurrent handler at work.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Member>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.concurrent.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The way back for acks of one session; a later one has another.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) conn: Arc<Conn>,
    pub(super) member: Weak<Member>,
}

impl ReplyPath for Way {
    fn reply(&self, id: u64, answer: Answer) {
        // A server may end the whole session for an ack in a namespace that is left.
        if let Some(member) = self.member.upgrade()
            && member.is_in_by(&self.conn)
        {
            self.conn.push_answer(Prepared::ack(&member.name, id, &answer.0));
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
