//! A client's way into one namespace, again with each session, and the handlers that run there.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{self, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Map, Value};
use sockeye_proto::{
    session::{Backoff, Delays, Reason},
    wire::{engine::Version, packet::Limits, payload::Payload},
};

use super::{
    Context, Disconnect, Left, Socket,
    auth::{Auth, BoxError, kind},
    context::CONNECT,
    events::Inbox,
    member::{Member, Way},
    recovery::Recovery,
    shared::Shared,
    stay::Stay,
    verdict::Verdict,
};
use crate::{
    dispatch::{Runner, guard, run_hook},
    event::{Reply, Running},
    net::Pressure,
};

/// One namespace, its handlers, and how far it is on the way in.
pub(super) struct Entrance {
    runner: Runner<Context>,
    step: Step,
    /// The connect handler is at work, for this session or still for one before.
    greets: bool,
    /// The disconnect handler at work.
    goodbye: Option<Running<()>>,
    backoff: Backoff,
    recovery: Recovery,
    /// For the acks of this session.
    way: Option<Arc<Way>>,
    /// Events that came before the server's yes; they are handled if that comes, and forgotten if not.
    early: Vec<Early>,
    early_bytes: usize,
    /// Whether it was in at all, by whatever session.
    was_in: bool,
    /// Whether it is tried again although it never was in.
    is_patient: bool,
}

/// ```text
/// Idle ──▶ Authorizing ──▶ Asked ──▶ Greeting ──▶ In
///   ▲          │             │          │         │
///   └─────── Resting ◀───────┴──────────┴─────────┘    or Over, for good; and Idle when the session ends
/// ```
enum Step {
    Idle,
    /// The application is asked for its auth payload.
    Authorizing {
        auth: Running<Result<Value, BoxError>>,
        until: Instant,
    },
    /// The server is asked.
    Asked {
        until: Instant,
    },
    /// The server has said yes; the connect handler is at work, or waits for that of an earlier session to end.
    Greeting {
        id: Arc<str>,
        recovered: bool,
        has_begun: bool,
    },
    In,
    /// It has failed, and is tried again then.
    Resting {
        until: Instant,
    },
    Over,
}

/// An event that the server has sent before it has let us in, as python-socketio and netty-socketio do with what their
/// connect handlers emit.
struct Early {
    name: Box<str>,
    id: Option<u64>,
    payload: Payload<'static>,
}

impl Entrance {
    pub(super) fn new(
        shared: &Arc<Shared>,
        member: Arc<Member>,
        delays: Delays,
        is_patient: bool,
    ) -> Self {
        let socket = Socket::new(Arc::clone(shared), member);
        Self {
            runner: Runner::new(Context { socket, gone: None }),
            step: Step::Idle,
            greets: false,
            goodbye: None,
            backoff: Backoff::new(delays),
            recovery: Recovery::default(),
            way: None,
            early: Vec::new(),
            early_bytes: 0,
            was_in: false,
            is_patient,
        }
    }

    pub(super) fn member(&self) -> &Arc<Member> {
        &self.runner.context().socket.member
    }

    pub(super) fn namespace(&self) -> &str {
        &self.member().name
    }

    pub(super) const fn is_in(&self) -> bool {
        matches!(self.step, Step::In)
    }

    /// Whether something is under way that will be decided soon.
    pub(super) const fn is_on_its_way(&self) -> bool {
        matches!(
            self.step,
            Step::Idle | Step::Authorizing { .. } | Step::Asked { .. } | Step::Greeting { .. }
        )
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.step, Step::Over)
    }

    /// When [`Self::poll`] has something to do by the clock.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Authorizing { until, .. } | Step::Asked { until } | Step::Resting { until } => {
                Some(until)
            }
            _ => None,
        }
    }

    /// Advances the handlers, and with a session that is open the way in.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        session: Option<&Stay>,
        cx: &mut task::Context<'_>,
    ) {
        while let Some(verdict) = self.runner.poll(cx) {
            self.greets = false;
            self.decide(now, verdict.flatten(), session);
        }
        // What came before the end was handed to the handlers by now; only the connect handler is to be done.
        if !self.greets
            && let Some(goodbye) = &mut self.goodbye
        {
            match guard::poll(goodbye.as_mut(), cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.goodbye = None,
                Poll::Ready(Err(panicked)) => {
                    panicked.report(self.namespace(), "disconnect");
                    self.goodbye = None;
                }
            }
        }
        let Some(session) = session else { return };
        if let Step::Resting { until } = self.step
            && now >= until
        {
            self.step = Step::Idle;
        }
        if !self.greets && self.goodbye.is_none() {
            match self.step {
                Step::Idle => self.authorize(now, session),
                Step::Greeting { has_begun: false, .. } => self.begin_to_greet(now, session),
                _ => {}
            }
        }
        if let Step::Authorizing { auth, .. } = &mut self.step
            && let Poll::Ready(auth) = guard::poll(auth.as_mut(), cx)
        {
            let auth = auth.unwrap_or_else(|panicked| Err(panicked.text().to_owned().into()));
            match auth {
                Ok(Value::Object(auth)) => self.ask(now, auth, session),
                Ok(other) => {
                    let found = kind(&other);
                    self.fail(
                        now,
                        Left::Auth(format!("expected a JSON object, found {found}")),
                        session,
                    );
                }
                Err(error) => self.fail(now, Left::Auth(error.to_string()), session),
            }
        }
        let after = self.shared().join_timeout;
        match self.step {
            Step::Authorizing { until, .. } if now >= until => {
                self.fail(now, Left::Auth(format!("not given within {after:?}")), session);
            }
            Step::Asked { until } if now >= until => {
                self.fail(now, Left::Unanswered { after }, session);
            }
            _ => {}
        }
    }

    /// Takes an event; it is handled at once if no other handler of this namespace is at work.
    pub(super) fn event(
        &mut self,
        (name, id, payload): (&str, Option<u64>, Payload<'_>),
        cx: &mut task::Context<'_>,
    ) {
        match self.step {
            Step::In | Step::Greeting { .. } => {}
            Step::Authorizing { .. } | Step::Asked { .. } => {
                self.early_bytes += payload.text().len();
                self.early_bytes += payload.attachments().iter().map(Bytes::len).sum::<usize>();
                self.early.push(Early { name: name.into(), id, payload: payload.into_owned() });
                return;
            }
            Step::Idle | Step::Resting { .. } | Step::Over => return,
        }
        self.member().hear();
        self.recovery.note(&payload);
        let way = self.way.as_ref();
        let reply = id.zip(way).map(|(id, way)| Reply { path: Arc::clone(way) as Arc<_>, id });
        self.runner.event(name, payload, reply, cx);
    }

    /// The server has let us in.
    pub(super) fn connected(
        &mut self,
        now: Instant,
        data: &str,
        session: &Stay,
        cx: &mut task::Context<'_>,
    ) {
        self.greet(now, data, session);
        for Early { name, id, payload } in self.take_early() {
            self.event((&name, id, payload), cx);
        }
    }

    fn greet(&mut self, now: Instant, data: &str, session: &Stay) {
        let data: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
        let text = |key| data.get(key).and_then(Value::as_str);
        let id = match (text("sid"), session.version()) {
            (Some(sid), _) => sid.into(),
            (None, Version::V3) if self.namespace() != "/" => {
                format!("{}#{}", self.namespace(), session.sid()).into()
            }
            (None, _) => Arc::from(session.sid()),
        };
        let recovered = self.recovery.connected(text("pid"));
        let member = Arc::clone(self.member());
        member.greet(session);
        let way = Way { conn: Arc::clone(&session.conn), member: Arc::downgrade(&member) };
        self.way = Some(Arc::new(way));
        self.step = Step::Greeting { id, recovered, has_begun: false };
        if !self.greets && self.goodbye.is_none() {
            self.begin_to_greet(now, session);
        }
    }

    /// Begins with the connect handler, if there is one. There is one at a time.
    fn begin_to_greet(&mut self, now: Instant, session: &Stay) {
        if let Step::Greeting { has_begun, .. } = &mut self.step {
            *has_begun = true;
        }
        let member = Arc::clone(self.member());
        let verdict = match &member.handlers.connect {
            None => Ok(()),
            Some(connect) => {
                #[expect(clippy::expect_used, reason = "an empty array")]
                let nothing = Payload::ack("[]", &Limits::default()).expect("valid");
                match self.runner.hook(CONNECT, connect, &nothing) {
                    Ok(()) => {
                        self.greets = true;
                        return; // `poll` goes on
                    }
                    Err(refusal) => Err(refusal),
                }
            }
        };
        self.decide(now, verdict, Some(session));
    }

    /// The server has refused.
    pub(super) fn refused(&mut self, now: Instant, error: &str, session: &Stay) {
        // Version 4 says `{"message", "data"?}`; version 3, and some servers of version 4, whatever they like.
        let left = match serde_json::from_str::<Value>(error) {
            Ok(Value::Object(mut object))
                if object.get("message").is_some_and(Value::is_string) =>
            {
                let message = object.remove("message");
                let message = message.as_ref().and_then(Value::as_str).unwrap_or_default();
                Left::Refused { message: message.to_owned(), data: object.remove("data") }
            }
            Ok(Value::String(message)) => Left::Refused { message, data: None },
            Ok(other) => Left::Refused { message: other.to_string(), data: Some(other) },
            Err(_) => Left::Refused { message: error.to_owned(), data: None },
        };
        self.fail(now, left, session);
    }

    /// The server has disconnected us from the namespace.
    pub(super) fn disconnected(&mut self, now: Instant, session: &Stay) {
        self.say_goodbye(session.disconnect(now, Reason::ServerDisconnect));
        self.fail(now, Left::ServerDisconnect, session);
    }

    /// The application leaves.
    pub(super) fn leave(&mut self, now: Instant, session: Option<&Stay>) {
        if let Some(session) = session {
            session.conn.command(|machine| machine.leave(now, self.namespace()));
            self.say_goodbye(session.disconnect(now, Reason::ClientDisconnect));
        }
        self.end(&Left::ClientDisconnect);
    }

    /// The session is over.
    pub(super) fn lost(&mut self, disconnect: &Arc<Disconnect>) {
        self.way = None;
        if self.is_over() {
            return;
        }
        self.say_goodbye(Arc::clone(disconnect));
        self.member().away(None);
        self.take_early();
        self.step = Step::Idle;
    }

    /// It is over for good.
    pub(super) fn end(&mut self, because: &Left) {
        self.member().out(because);
        self.step = Step::Over;
    }

    /// Lets what is at work come to its end. Events that wait came before the end, and are handled too, unless it is the
    /// application that has left.
    pub(super) fn finish(self, is_ours: bool) {
        let Self { mut runner, goodbye, .. } = self;
        if is_ours {
            runner.discard();
        }
        if runner.is_idle() && goodbye.is_none() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return }; // nobody is left to run it
        let inbox = runner.context().socket.shared.inbox.as_ref().filter(|_| runner.is_behind());
        let source = inbox.map(Inbox::source);
        runtime.spawn(async move {
            poll_fn(|cx| {
                while let Some(verdict) = runner.poll(cx) {
                    if verdict.flatten().is_err() {
                        runner.discard(); // the connect handler has refused
                    }
                }
                if runner.is_behind() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            drop(source);
            let (context, work) = runner.end();
            let namespace = context.socket.namespace();
            if let Some(work) = work {
                work.finish(namespace).await;
            }
            if let Some(mut goodbye) = goodbye {
                let goodbye = poll_fn(|cx| guard::poll(goodbye.as_mut(), cx)).await;
                if let Err(panicked) = goodbye {
                    panicked.report(namespace, "disconnect");
                }
            }
        });
    }

    /// How far the handlers lag behind. Reading does not pause for them: that would stop the heartbeat as well.
    pub(super) fn pressure(&self, now: Instant) -> Pressure {
        // A server that restores a connection sends what was missed before it lets us in.
        if self.shared().backlog.is_full(self.early.len(), self.early_bytes) {
            return Pressure::Overload;
        }
        match self.runner.pressure(now) {
            Pressure::Pause { full: true, .. } => Pressure::Overload,
            _ => Pressure::Calm,
        }
    }

    fn take_early(&mut self) -> Vec<Early> {
        self.early_bytes = 0;
        std::mem::take(&mut self.early)
    }

    fn shared(&self) -> &Shared {
        &self.runner.context().socket.shared
    }

    fn authorize(&mut self, now: Instant, session: &Stay) {
        let member = Arc::clone(self.member());
        match &member.auth {
            None => self.ask(now, Map::new(), session),
            Some(Auth::Value(auth)) => self.ask(now, auth.clone(), session),
            Some(Auth::Ask(ask)) => match guard::call(ask) {
                Ok(auth) => {
                    let until = now + self.shared().join_timeout;
                    self.step = Step::Authorizing { auth, until };
                }
                Err(panicked) => self.fail(now, Left::Auth(panicked.text().to_owned()), session),
            },
        }
    }

    fn ask(&mut self, now: Instant, mut auth: Map<String, Value>, session: &Stay) {
        self.recovery.ask(&mut auth);
        let auth = if auth.is_empty() { String::new() } else { Value::Object(auth).to_string() };
        // In version 3 the root is being joined already; the answer is the same.
        session.conn.command(|machine| machine.connect(self.namespace(), &auth));
        let timeout = self.shared().join_timeout;
        self.step = Step::Asked { until: now + timeout };
    }

    /// The connect handler has come to an end, if there is one.
    fn decide(&mut self, now: Instant, verdict: Verdict, session: Option<&Stay>) {
        // Its session may be over.
        let Step::Greeting { id, recovered, has_begun: true } = &self.step else { return };
        let (id, recovered) = (Arc::clone(id), *recovered);
        match (verdict, session) {
            (Ok(()), _) => {
                self.step = Step::In;
                self.was_in = true;
                self.backoff.reset();
                self.member().open(id, recovered);
            }
            (Err(refusal), Some(session)) => {
                session.conn.command(|machine| machine.leave(now, self.namespace()));
                self.fail(now, Left::Handler(refusal.message().to_owned()), session);
            }
            (Err(_), None) => {}
        }
    }

    fn fail(&mut self, now: Instant, left: Left, session: &Stay) {
        tracing::debug!(target: "sockeye::packet", namespace = self.namespace(), %left, "not joined");
        self.take_early();
        let again = match &left {
            // Nobody has said no.
            Left::Auth(_) | Left::Unanswered { .. } => self.was_in || self.is_patient,
            Left::ClientDisconnect | Left::Closed => false,
            left => guard::call(|| (self.shared().rejoin)(left)).unwrap_or_else(|panicked| {
                panicked.report(self.namespace(), "rejoin_if");
                false
            }),
        };
        let delay = if again { self.backoff.next(rand::random()) } else { None };
        let Some(delay) = delay else { return self.end(&left) };
        self.recovery.forget();
        let is_v3_root = session.version() == Version::V3 && self.namespace() == "/";
        if is_v3_root || matches!(left, Left::Unanswered { .. }) {
            // It can't be asked twice by one session; and in version 3 servers say nothing when they let us into `/`
            // once more.
            session.conn.command(|machine| machine.close(Reason::TransportError));
        }
        self.member().away(Some(left));
        self.step = Step::Resting { until: now + delay.max(Duration::from_millis(1)) };
    }

    /// Begins with the disconnect handler, if the namespace was joined.
    fn say_goodbye(&mut self, because: Arc<Disconnect>) {
        if !matches!(self.step, Step::In | Step::Greeting { .. }) {
            return;
        }
        let member = Arc::clone(self.member());
        if member.handlers.disconnect.is_none() {
            return;
        }
        let context = Context { gone: Some(because), ..self.runner.context().clone() };
        let before = self.goodbye.take();
        self.goodbye = Some(Box::pin(async move {
            if let Some(before) = before {
                before.await;
            }
            if let Some(start) = &member.handlers.disconnect {
                run_hook("disconnect", start, &context).await;
            }
        }));
    }
}

impl std::fmt::Debug for Entrance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entrance").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
