//! One socket's way through its namespace: knocking, in, gone; and the handlers that it meets there.

use std::{
    sync::{Arc, Weak},
    task,
    time::Instant,
};

use sockeye_proto::{session::Reason, wire::payload::Payload};
use tokio::runtime::Handle;

use crate::{
    dispatch::{Backlog, Handlers, RunContext, Runner, run_hook},
    event::{Refusal, Reply},
    net::Pressure,
    server::{
        extract::{Context, Farewell},
        group::Verdict,
        socket::{AtWork, Inner},
    },
};

/// A socket and what its handlers are doing.
#[derive(Debug)]
pub(super) struct Membership {
    runner: Runner<Context>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The connect handler decides.
    Knocking,
    Joined,
    Refused,
}

impl Membership {
    /// Starts the connect handler of a socket that asks to join.
    pub(super) fn new(context: Context, auth: &Payload<'_>) -> Self {
        let mut membership = Self { runner: Runner::new(context), state: State::Knocking };
        membership.knock(auth);
        membership
    }

    /// Takes an event; it is handled at once if no other handler of this socket is at work.
    pub(super) fn event(
        &mut self,
        (name, id, payload): (&str, Option<u64>, Payload<'_>),
        cx: &mut task::Context<'_>,
    ) {
        let socket = &self.runner.context().socket;
        let reply = id.map(|id| Reply { path: Arc::clone(&socket.0) as _, id });
        self.runner.event(name, payload, reply, cx);
    }

    /// Advances the handler at work, and begins with the next event when it is done.
    pub(super) fn poll(&mut self, cx: &mut task::Context<'_>) {
        while let Some(verdict) = self.runner.poll(cx) {
            self.decide(verdict.flatten());
        }
    }

    /// How far the handlers lag behind.
    pub(super) fn pressure(&self, now: Instant) -> Pressure {
        self.runner.pressure(now)
    }

    /// Why the membership is over, if it is: refused, or disconnected by this side.
    pub(super) fn ended(&self) -> Option<Reason> {
        match self.state {
            State::Refused => Some(Reason::ServerDisconnect),
            State::Knocking | State::Joined => self.runner.context().socket.0.left(),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        self.runner.context().namespace()
    }

    /// The socket is gone. A handler at work is finished by a task of its own, then the disconnect handler runs. Gives
    /// the socket if it has any handlers that are not done.
    pub(super) fn end(self, reason: Reason) -> Option<Weak<Inner>> {
        let Self { runner, state } = self;
        let socket = runner.context().socket.clone();
        socket.0.mark_left(reason);
        let rooms = socket.0.namespace.remove(&socket);
        if state == State::Knocking {
            // Only if the client still waits for an answer: this side disconnected the socket before it was in.
            let error = disconnected().to_connect_error(socket.version());
            socket.0.conn.command(|machine| machine.refuse(socket.namespace(), &error));
        }
        let (mut context, work) = runner.end();
        let namespace = &socket.0.namespace;
        let says_goodbye =
            state == State::Joined && namespace.behaviour.handlers.disconnect.is_some();
        if work.is_some() || says_goodbye {
            context.farewell = Some(Box::new(Farewell { reason, rooms }));
            // Without a runtime nobody is left to run it.
            if let Ok(runtime) = Handle::try_current() {
                let at_work = AtWork::begin(&socket.0);
                runtime.spawn(async move {
                    if let Some(work) = work {
                        work.finish(context.namespace()).await;
                    }
                    let disconnect = &context.socket.0.namespace.behaviour.handlers.disconnect;
                    if says_goodbye && let Some(disconnect) = disconnect {
                        run_hook("disconnect", disconnect, &context).await;
                    }
                    drop(at_work);
                });
            }
        }
        (socket.0.at_work() > 0).then(|| Arc::downgrade(&socket.0))
    }

    fn knock(&mut self, auth: &Payload<'_>) {
        let behaviour = Arc::clone(&self.runner.context().socket.0.namespace.behaviour);
        let Some(connect) = &behaviour.handlers.connect else { return self.decide(Ok(None)) };
        if let Err(refusal) = self.runner.hook("connect", connect, auth) {
            self.decide(Err(refusal));
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        let socket = &self.runner.context().socket;
        let namespace = socket.namespace();
        let verdict = if socket.0.has_left() { verdict.and(Err(disconnected())) } else { verdict };
        match verdict {
            Ok(data) => {
                let reply = format!(r#"{{"sid":"{}"}}"#, socket.id());
                if socket.0.conn.command(|machine| machine.accept(namespace, &reply)) {
                    if !socket.admit(data) {
                        // Disconnected just now, from elsewhere, and too early for the machine to say so.
                        let now = tokio::time::Instant::now().into_std();
                        socket.0.conn.command(|machine| machine.leave(now, namespace));
                    }
                    self.state = State::Joined;
                } else {
                    self.state = State::Refused; // the client does not wait any more
                }
            }
            Err(refusal) => {
                tracing::debug!(target: "sockeye::packet", namespace, "refused");
                // It may show what the client sent to be let in.
                tracing::trace!(target: "sockeye::packet", refusal = refusal.message(), "because");
                let error = refusal.to_connect_error(socket.version());
                socket.0.conn.command(|machine| machine.refuse(namespace, &error));
                self.state = State::Refused;
            }
        }
    }
}

impl RunContext for Context {
    type AtWork = AtWork;
    type Verdict = Verdict;

    fn namespace(&self) -> &str {
        self.socket.namespace()
    }

    fn handlers(&self) -> &Handlers<Self, Verdict> {
        &self.socket.0.namespace.behaviour.handlers
    }

    fn backlog(&self) -> Backlog {
        self.server.0.backlog
    }

    /// Says who would handle it, too.
    fn unhandled(&self, event: &str) -> Refusal {
        let others = |event: &str| self.server.0.namespaces_with(event);
        self.handlers().refuse(self.namespace(), event, others)
    }

    fn begin_concurrent(&self) -> Option<AtWork> {
        self.socket.0.begin_concurrent(self.server.0.backlog.max_events)
    }
}

/// What a client is told whose socket was disconnected before it was in.
fn disconnected() -> Refusal {
    Refusal::new("disconnected by the server")
}
