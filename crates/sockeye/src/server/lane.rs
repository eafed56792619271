//! One socket's handlers, one after the other, in the order its events arrived.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{self, Poll},
    time::Instant,
};

use sockeye_proto::{
    session::Reason,
    wire::{packet::Limits, payload::Payload},
};
use tokio::runtime::Handle;

use super::{
    Context,
    extract::Farewell,
    namespace::{Inner as NamespaceInner, Verdict},
    socket::AtWork,
};
use crate::{
    dispatch::{Backlog, Queue, guard},
    event::{Answer, Event, Refusal, Reply, Running},
    net::Pressure,
};

/// A socket and what its handlers are doing.
#[derive(Debug)]
pub(super) struct Lane {
    context: Context,
    // Boxed, like the queue: an idle socket has neither.
    job: Option<Box<Job>>,
    queue: Option<Box<Queue>>,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The connect handler decides.
    Knocking,
    Joined,
    Refused,
}

/// A handler that waits for something.
enum Job {
    Connect(Running<Verdict>),
    Event { running: Running<Option<Answer>>, reply: Option<Reply>, name: Box<str> },
}

impl Lane {
    /// Starts the connect handler of a socket that asks to join.
    pub(super) fn new(context: Context, auth: &Payload<'_>) -> Self {
        let mut lane = Self { context, job: None, queue: None, state: State::Knocking };
        lane.knock(auth);
        lane
    }

    /// Takes an event; it is handled at once if no other handler of this socket is at work.
    pub(super) fn event(
        &mut self,
        (name, id, payload): (&str, Option<u64>, Payload<'_>),
        backlog: Backlog,
        cx: &mut task::Context<'_>,
    ) {
        if self.job.is_none() && self.queue.is_none() {
            return self.start((name, id, &payload), cx);
        }
        self.queue.get_or_insert_default().push(name, id, payload, backlog);
    }

    /// Advances the handler at work, and begins with the next event when it is done.
    pub(super) fn poll(&mut self, cx: &mut task::Context<'_>) {
        loop {
            match self.job.as_deref_mut() {
                None => {
                    let backlog = self.context.shared.backlog;
                    let Some(next) = self.queue.as_mut().and_then(|queue| queue.pop(backlog))
                    else {
                        break;
                    };
                    self.start((&next.name, next.id, &next.payload), cx);
                }
                Some(Job::Connect(running)) => {
                    let Poll::Ready(verdict) = guard::poll(running.as_mut(), cx) else { return };
                    self.job = None;
                    let verdict = verdict.unwrap_or_else(|panicked| {
                        Err(panicked.report(self.context.socket.namespace(), "connect"))
                    });
                    self.decide(verdict);
                }
                Some(Job::Event { running, reply, name }) => {
                    let Poll::Ready(answer) = guard::poll(running.as_mut(), cx) else { return };
                    finished(answer, reply.take(), self.context.socket.namespace(), name);
                    self.job = None;
                }
            }
        }
        self.queue = None;
    }

    /// How far the handlers lag behind.
    pub(super) fn pressure(&self, now: Instant, backlog: Backlog) -> Pressure {
        self.queue.as_ref().map_or(Pressure::Calm, |queue| queue.pressure(now, backlog))
    }

    /// Why the lane is over, if it is: refused, or disconnected by this side.
    pub(super) fn ended(&self) -> Option<Reason> {
        match self.state {
            State::Refused => Some(Reason::ServerDisconnect),
            State::Knocking | State::Joined => self.context.socket.0.left(),
        }
    }

    pub(super) fn namespace(&self) -> &str {
        self.context.socket.namespace()
    }

    /// The socket is gone. A handler at work is finished by a task of its own, then the disconnect handler runs.
    pub(super) fn end(self, reason: Reason) {
        let Self { mut context, job, queue, state } = self;
        let socket = context.socket.clone();
        socket.0.mark_left(reason);
        let rooms = socket.0.namespace.rooms.remove(&socket);
        if state == State::Knocking {
            // Only if the client still waits for an answer: this side disconnected the socket before it was in.
            let error = disconnected().to_connect_error(socket.version());
            socket.0.conn.machine(|machine| machine.refuse(socket.namespace(), &error));
        }
        if let Some(discarded) = queue.map(|queue| queue.len()) {
            tracing::debug!(target: "sockeye::packet", discarded, "events of a socket that is gone are discarded");
        }
        let disconnect = state == State::Joined && socket.0.namespace.disconnect.is_some();
        if job.is_none() && !disconnect {
            return;
        }
        context.farewell = Some(Box::new(Farewell { reason, rooms }));
        let Ok(runtime) = Handle::try_current() else { return }; // nobody is left to run it
        runtime.spawn(async move {
            match job.map(|job| *job) {
                Some(Job::Connect(running)) => finish(running, &context, "connect").await,
                Some(Job::Event { running, name, .. }) => finish(running, &context, &name).await,
                None => {}
            }
            if disconnect {
                say_goodbye(&context).await;
            }
        });
    }

    fn knock(&mut self, auth: &Payload<'_>) {
        let namespace = Arc::clone(&self.context.socket.0.namespace);
        let Some(connect) = &namespace.connect else { return self.decide(Ok(None)) };
        let event = Event::new("connect", auth, &self.context, None);
        match guard::call(|| connect(&event)) {
            Ok(Ok(running)) => self.job = Some(Box::new(Job::Connect(running))),
            Ok(Err(reject)) => self.decide(Err(reject.into_refusal())),
            Err(panicked) => self.decide(Err(panicked.report(&namespace.name, "connect"))),
        }
    }

    fn decide(&mut self, verdict: Verdict) {
        let socket = &self.context.socket;
        let namespace = socket.namespace();
        let verdict = if socket.0.has_left() { verdict.and(Err(disconnected())) } else { verdict };
        match verdict {
            Ok(data) => {
                let reply = format!(r#"{{"sid":"{}"}}"#, socket.id());
                if socket.0.conn.machine(|machine| machine.accept(namespace, &reply)) {
                    if !socket.admit(data) {
                        // Disconnected just now, from elsewhere, and too early for the machine to say so.
                        let now = tokio::time::Instant::now().into_std();
                        socket.0.conn.machine(|machine| machine.leave(now, namespace));
                    }
                    self.state = State::Joined;
                } else {
                    self.state = State::Refused; // the client does not wait any more
                }
            }
            Err(refusal) => {
                tracing::debug!(target: "sockeye::packet", namespace, refusal = refusal.message(), "refused");
                let error = refusal.to_connect_error(socket.version());
                socket.0.conn.machine(|machine| machine.refuse(namespace, &error));
                self.state = State::Refused;
            }
        }
    }

    /// Begins to handle an event; most handlers are done at once, and cost no more than that.
    fn start(
        &mut self,
        (name, id, payload): (&str, Option<u64>, &Payload<'_>),
        cx: &mut task::Context<'_>,
    ) {
        let namespace = &self.context.socket.0.namespace;
        let Some(handler) = namespace.handlers.find(name) else {
            return self.refuse(id, &self.unhandled(namespace, name));
        };
        let event = Event::new(name, payload, &self.context, self.reply(id));
        let mut running = match guard::call(|| (handler.start)(&event)) {
            Ok(Ok(running)) => running,
            Ok(Err(reject)) => {
                let refusal = reject.into_refusal();
                tracing::debug!(target: "sockeye::packet", event = name, refusal = refusal.message(), "refused");
                return self.refuse(id, &refusal);
            }
            Err(panicked) => return self.refuse(id, &panicked.report(&namespace.name, name)),
        };
        let reply = event.started();
        if handler.concurrent
            && let Some(at_work) =
                self.context.socket.0.begin_concurrent(self.context.shared.backlog.max_events)
        {
            return detach(at_work, running, reply, self.context.clone(), name);
        }
        match guard::poll(running.as_mut(), cx) {
            Poll::Ready(answer) => finished(answer, reply, &namespace.name, name),
            Poll::Pending => {
                self.job = Some(Box::new(Job::Event { running, reply, name: name.into() }));
            }
        }
    }

    fn reply(&self, id: Option<u64>) -> Option<Reply> {
        id.map(|id| Reply { path: Arc::clone(&self.context.socket.0) as _, id })
    }

    fn refuse(&self, id: Option<u64>, refusal: &Refusal) {
        if let Some(reply) = self.reply(id) {
            reply.send(Answer::refusal(refusal));
        }
    }

    /// Says that nobody handles this event, and who would.
    fn unhandled(&self, namespace: &NamespaceInner, event: &str) -> Refusal {
        let here = &*namespace.name;
        let elsewhere = self.context.shared.namespaces_with(event);
        let mut text = format!("no handler for {event:?} on {here:?}");
        if !elsewhere.is_empty() {
            text += &format!("; {} has one", elsewhere.join(", "));
        }
        if namespace.handlers.count_unhandled(event) {
            tracing::warn!(target: "sockeye::packet", namespace = here, event, "{text}");
        }
        Refusal::new(text).code("no-handler")
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect(_) => "Connect",
            Self::Event { .. } => "Event",
        })
    }
}

/// Answers with what a handler came to.
fn finished(
    answer: Result<Option<Answer>, guard::Panicked>,
    reply: Option<Reply>,
    namespace: &str,
    event: &str,
) {
    let answer =
        answer.unwrap_or_else(|panicked| Some(Answer::refusal(&panicked.report(namespace, event))));
    if let (Some(reply), Some(answer)) = (reply, answer) {
        reply.send(answer);
    }
}

/// What a client is told whose socket was disconnected before it was in.
fn disconnected() -> Refusal {
    Refusal::new("disconnected by the server")
}

/// Runs a handler to its end, whatever it does; nobody waits for its result any more.
async fn finish<T>(mut running: Running<T>, context: &Context, event: &str) {
    if let Err(panicked) = poll_fn(|cx| guard::poll(running.as_mut(), cx)).await {
        panicked.report(context.socket.namespace(), event);
    }
}

/// Runs a handler that later events of its socket do not wait for. Past a bound on their number they do: then it is run
/// like any other.
fn detach(
    at_work: AtWork,
    mut running: Running<Option<Answer>>,
    reply: Option<Reply>,
    context: Context,
    event: &str,
) {
    let event: Box<str> = event.into();
    tokio::spawn(async move {
        let answer = poll_fn(|cx| guard::poll(running.as_mut(), cx)).await;
        drop(at_work);
        finished(answer, reply, context.socket.namespace(), &event);
    });
}

async fn say_goodbye(context: &Context) {
    let namespace = &context.socket.0.namespace;
    let Some(disconnect) = &namespace.disconnect else { return };
    let running = {
        let Ok(nothing) = Payload::ack("[]", &Limits::default()) else { return };
        let event = Event::new("disconnect", &nothing, context, None);
        guard::call(|| disconnect(&event))
    };
    match running {
        Ok(Ok(running)) => finish(running, context, "disconnect").await,
        Ok(Err(reject)) => tracing::error!(?reject, "the disconnect handler could not start"),
        Err(panicked) => drop(panicked.report(&namespace.name, "disconnect")),
    }
}
