//! Runs the handlers of one socket, one after the other, in the order its events arrived.

use std::{
    fmt,
    future::poll_fn,
    task::{self, Poll},
    time::Instant,
};

use futures_util::future::join;
use sockeye_proto::wire::{packet::Limits, payload::Payload};

use super::{
    Backlog, Handlers,
    backlog::{Queue, Waiting},
    guard::{self, Panicked},
};
use crate::{
    event::{Answer, Event, Refusal, Reject, Reply, Running, Start},
    net::Pressure,
};

/// What a runner must know of where its events happen. Handlers get it as the context of their events.
pub(crate) trait RunContext: Clone + Send + Sync + 'static {
    /// What a concurrent handler holds while it is at work.
    type AtWork: Send + 'static;
    /// What its connect handler comes to.
    type Verdict: Send + 'static;

    fn namespace(&self) -> &str;

    fn handlers(&self) -> &Handlers<Self, Self::Verdict>;

    fn backlog(&self) -> Backlog;

    /// Says that nobody handles this event.
    fn unhandled(&self, event: &str) -> Refusal;

    /// Hears that a handler was not run, because the event is not what it takes.
    fn refused(&self, event: &str, why: &str) {
        tracing::debug!(target: "sockeye::packet", event, refusal = why, "refused");
    }

    /// Counts one more concurrent handler, unless so many are at work already.
    fn begin_concurrent(&self) -> Option<Self::AtWork>;
}

/// Runs the handlers of one socket. It needs no session: whoever owns it polls it.
///
/// A hook is a handler of no event, such as that of connect. While one is at work, no event is begun; a handler that is
/// at work already goes on beside it.
#[derive(Debug)]
pub(crate) struct Runner<C: RunContext> {
    context: C,
    // Boxed, like the queue: an idle socket has neither.
    work: Option<Box<Work<C::Verdict>>>,
    queue: Option<Box<Queue>>,
}

/// Handlers that wait for something; one of them at least.
pub(crate) struct Work<H> {
    hook: Option<(&'static str, Running<H>)>,
    event: Option<RunningEvent>,
}

struct RunningEvent {
    running: Running<Option<Answer>>,
    reply: Option<Reply>,
    name: Box<str>,
}

impl<C: RunContext> Runner<C> {
    pub(crate) const fn new(context: C) -> Self {
        Self { context, work: None, queue: None }
    }

    /// Begins with a hook; [`Self::poll`] tells what it comes to. There is one at a time.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: it could not start.
    pub(crate) fn hook(
        &mut self,
        name: &'static str,
        start: &Start<C, C::Verdict>,
        payload: &Payload<'_>,
    ) -> Result<(), Refusal> {
        let event = Event::new(name, payload, &self.context, None);
        let running = begin(start, &event).map_err(Reject::into_refusal)?;
        let idle = || Box::new(Work { hook: None, event: None });
        self.work.get_or_insert_with(idle).hook = Some((name, running));
        Ok(())
    }

    /// Takes an event; it is handled at once if no other handler of this socket is at work.
    pub(crate) fn event(
        &mut self,
        name: &str,
        payload: Payload<'_>,
        reply: Option<Reply>,
        cx: &mut task::Context<'_>,
    ) {
        if self.work.is_none() && self.queue.is_none() {
            return self.start(name, &payload, reply, cx);
        }
        let event = Waiting { name: name.into(), payload: payload.into_owned(), reply };
        self.queue.get_or_insert_default().push(event, self.context.backlog());
    }

    /// Advances the handlers at work, and begins with the next event when they are done. If a hook is, it gives what
    /// that came to, and wants to be called again.
    pub(crate) fn poll(
        &mut self,
        cx: &mut task::Context<'_>,
    ) -> Option<Result<C::Verdict, Refusal>> {
        loop {
            let Some(work) = &mut self.work else {
                let backlog = self.context.backlog();
                let Some(next) = self.queue.as_mut().and_then(|queue| queue.pop(backlog)) else {
                    self.queue = None;
                    return None;
                };
                self.start(&next.name, &next.payload, next.reply, cx);
                continue;
            };
            let namespace = self.context.namespace();
            work.poll_event(namespace, cx);
            let hook = work.poll_hook(namespace, cx);
            let is_done = work.is_done();
            if is_done {
                self.work = None;
            }
            if hook.is_some() || !is_done {
                return hook;
            }
        }
    }

    pub(crate) const fn context(&self) -> &C {
        &self.context
    }

    /// Whether events wait, or a hook is at work that they would have to wait for.
    #[cfg(feature = "client")]
    pub(crate) fn is_behind(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.len() > 0)
            || self.work.as_ref().is_some_and(|work| work.hook.is_some())
    }

    /// Whether nothing is at work, and nothing waits.
    #[cfg(feature = "client")]
    pub(crate) const fn is_idle(&self) -> bool {
        self.work.is_none() && self.queue.is_none()
    }

    /// Forgets the events that wait.
    #[cfg(feature = "client")]
    pub(crate) fn discard(&mut self) {
        self.queue = None;
    }

    /// How far the handlers lag behind.
    pub(crate) fn pressure(&self, now: Instant) -> Pressure {
        self.queue
            .as_ref()
            .map_or(Pressure::Calm, |queue| queue.pressure(now, self.context.backlog()))
    }

    /// The socket is gone: events that wait are discarded, handlers at work are for the caller to [finish](Work::finish).
    pub(crate) fn end(self) -> (C, Option<Box<Work<C::Verdict>>>) {
        if let Some(discarded) = self.queue.map(|queue| queue.len()) {
            tracing::debug!(target: "sockeye::packet", discarded, "events of a socket that is gone are discarded");
        }
        (self.context, self.work)
    }

    /// Begins to handle an event; most handlers are done at once, and cost no more than that.
    fn start(
        &mut self,
        name: &str,
        payload: &Payload<'_>,
        reply: Option<Reply>,
        cx: &mut task::Context<'_>,
    ) {
        let Some(handler) = self.context.handlers().find(name) else {
            return refuse(reply, &self.context.unhandled(name));
        };
        let event = Event::new(name, payload, &self.context, reply);
        let mut running = match begin(&handler.start, &event) {
            Ok(running) => running,
            Err(reject) => {
                let refusal = reject.into_refusal();
                self.context.refused(name, refusal.message());
                return refuse(event.not_started(), &refusal);
            }
        };
        let reply = event.started();
        if handler.concurrent
            && let Some(at_work) = self.context.begin_concurrent()
        {
            let event = RunningEvent { running, reply, name: name.into() };
            return detach(at_work, event, self.context.clone());
        }
        match guard::poll(running.as_mut(), cx) {
            Poll::Ready(answer) => finished(answer, reply, self.context.namespace(), name),
            Poll::Pending => {
                let event = RunningEvent { running, reply, name: name.into() };
                self.work = Some(Box::new(Work { hook: None, event: Some(event) }));
            }
        }
    }
}

impl<H> Work<H> {
    /// Runs the handlers to their end, whatever they do; nobody waits for their results any more.
    pub(crate) async fn finish(self, namespace: &str) {
        let Self { hook, event } = self;
        let hook = async {
            if let Some((name, running)) = hook {
                finish(running, namespace, name).await;
            }
        };
        let event = async {
            if let Some(RunningEvent { running, name, .. }) = event {
                finish(running, namespace, &name).await;
            }
        };
        join(hook, event).await;
    }

    fn poll_event(&mut self, namespace: &str, cx: &mut task::Context<'_>) {
        if let Some(RunningEvent { running, reply, name }) = &mut self.event
            && let Poll::Ready(answer) = guard::poll(running.as_mut(), cx)
        {
            finished(answer, reply.take(), namespace, name);
            self.event = None;
        }
    }

    fn poll_hook(
        &mut self,
        namespace: &str,
        cx: &mut task::Context<'_>,
    ) -> Option<Result<H, Refusal>> {
        let (name, running) = self.hook.as_mut()?;
        let Poll::Ready(output) = guard::poll(running.as_mut(), cx) else { return None };
        let output = output.map_err(|panicked| panicked.report(namespace, name));
        self.hook = None;
        Some(output)
    }

    const fn is_done(&self) -> bool {
        self.hook.is_none() && self.event.is_none()
    }
}

impl<H> fmt::Debug for Work<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("hook", &self.hook.as_ref().map(|(name, _)| name))
            .field("event", &self.event.as_ref().map(|event| &event.name))
            .finish()
    }
}

/// Runs a hook from its start to its end, such as that of disconnect; nobody waits for it.
pub(crate) async fn run_hook<C: RunContext>(name: &str, start: &Start<C, ()>, context: &C) {
    let running = {
        let Ok(nothing) = Payload::ack("[]", &Limits::default()) else { return };
        begin(start, &Event::new(name, &nothing, context, None))
    };
    match running {
        Ok(running) => finish(running, context.namespace(), name).await,
        Err(reject) => tracing::error!(?reject, hook = name, "a handler could not start"),
    }
}

/// Starts a handler, whatever it does.
fn begin<C: RunContext, T>(
    start: &Start<C, T>,
    event: &Event<'_, C>,
) -> Result<Running<T>, Reject> {
    guard::call(|| start(event)).unwrap_or_else(|panicked| {
        Err(Reject::Refused(panicked.report(event.context().namespace(), event.name())))
    })
}

/// Runs a handler to its end; nobody waits for its result any more.
async fn finish<T>(mut running: Running<T>, namespace: &str, name: &str) {
    if let Err(panicked) = poll_fn(|cx| guard::poll(running.as_mut(), cx)).await {
        panicked.report(namespace, name);
    }
}

/// Runs a handler that later events of its socket do not wait for. Past a bound on their number they do: then it is run
/// like any other.
fn detach<C: RunContext>(at_work: C::AtWork, event: RunningEvent, context: C) {
    let RunningEvent { mut running, reply, name } = event;
    tokio::spawn(async move {
        let answer = poll_fn(|cx| guard::poll(running.as_mut(), cx)).await;
        drop(at_work);
        finished(answer, reply, context.namespace(), &name);
    });
}

/// Answers with what a handler came to.
fn finished(
    answer: Result<Option<Answer>, Panicked>,
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

fn refuse(reply: Option<Reply>, refusal: &Refusal) {
    if let Some(reply) = reply {
        reply.send(Answer::refusal(refusal));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        task::Waker,
        time::Duration,
    };

    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        dispatch::HandlersBuilder,
        event::{Ack, EventName, HasState, ReplyPath, State, States},
    };

    /// Lets one handler go on for each permit.
    type Gate = Arc<Semaphore>;

    #[derive(Clone)]
    struct Here(Arc<Inner>);

    struct Inner {
        handlers: Handlers<Here, u8>,
        gate: Gate,
        seats: Gate,
    }

    impl HasState for Here {
        fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
            let gate: &dyn std::any::Any = &self.0.gate;
            gate.downcast_ref::<T>().cloned()
        }
    }

    impl RunContext for Here {
        type AtWork = tokio::sync::OwnedSemaphorePermit;
        type Verdict = u8;

        fn namespace(&self) -> &'static str {
            "/"
        }

        fn handlers(&self) -> &Handlers<Self, u8> {
            &self.0.handlers
        }

        fn backlog(&self) -> Backlog {
            Backlog { max_events: 2, max_bytes: 100, max_pause: Duration::from_secs(1) }
        }

        fn unhandled(&self, event: &str) -> Refusal {
            Refusal::new(event)
        }

        fn begin_concurrent(&self) -> Option<Self::AtWork> {
            Arc::clone(&self.0.seats).try_acquire_owned().ok()
        }
    }

    /// Where the acks of one session go.
    #[derive(Default)]
    struct Acks(Mutex<Vec<String>>);

    impl ReplyPath for Acks {
        fn reply(&self, id: u64, answer: Answer) {
            self.0.lock().unwrap().push(format!("{id} {}", answer.0.args_text()));
        }
    }

    impl Acks {
        #[track_caller]
        fn check(&self, expect: &[&str]) {
            assert_eq!(*self.0.lock().unwrap(), expect);
        }
    }

    async fn slow(State(gate): State<Gate>, EventName(name): EventName) -> Ack<String> {
        gate.acquire().await.unwrap().forget();
        Ack(name)
    }

    fn runner() -> (Runner<Here>, Gate) {
        let gate = Gate::new(Semaphore::new(0));
        let mut builder = HandlersBuilder::default();
        builder.on("slow".to_owned(), slow);
        builder.on("slower".to_owned(), slow);
        builder.on("beside".to_owned(), crate::event::concurrent(slow));
        builder.on("panics".to_owned(), async || -> Ack<u8> { panic!("on purpose") });
        let mut states = States::default();
        states.insert(Arc::clone(&gate));
        let handlers = builder.build(&states, None, &[]).unwrap();
        let seats = Gate::new(Semaphore::new(1));
        (Runner::new(Here(Arc::new(Inner { handlers, gate: Arc::clone(&gate), seats }))), gate)
    }

    fn emit(runner: &mut Runner<Here>, name: &str, acks: &Arc<Acks>, id: u64) {
        let payload = Payload::ack("[]", &Limits::default()).unwrap();
        let reply = Reply { path: Arc::clone(acks) as _, id };
        runner.event(name, payload, Some(reply), &mut task::Context::from_waker(Waker::noop()));
    }

    fn poll(runner: &mut Runner<Here>) -> Option<Result<u8, Refusal>> {
        runner.poll(&mut task::Context::from_waker(Waker::noop()))
    }

    /// A hook that waits for its own gate.
    fn hook(gate: &Gate) -> Start<Here, u8> {
        let gate = Arc::clone(gate);
        Box::new(move |_| {
            let gate = Arc::clone(&gate);
            Ok(Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                7
            }))
        })
    }

    #[track_caller]
    fn start(runner: &mut Runner<Here>, hook: &Start<Here, u8>) {
        runner.hook("connect", hook, &Payload::ack("[]", &Limits::default()).unwrap()).unwrap();
    }

    #[test]
    fn events_are_handled_in_order_and_each_answers_on_its_own_way_back() {
        let (mut runner, gate) = runner();
        let (lost, next) = (Arc::default(), Arc::default());
        emit(&mut runner, "slow", &lost, 1);
        emit(&mut runner, "slower", &next, 1);
        emit(&mut runner, "nobody", &next, 2);
        emit(&mut runner, "panics", &next, 3);
        assert!(poll(&mut runner).is_none());
        lost.check(&[]);
        gate.add_permits(1);
        assert!(poll(&mut runner).is_none());
        lost.check(&[r#"1 "slow""#]);
        next.check(&[]);
        gate.add_permits(1);
        assert!(poll(&mut runner).is_none());
        next.check(&[
            r#"1 "slower""#,
            r#"2 {"error":{"code":"refused","message":"nobody"}}"#,
            r#"3 {"error":{"code":"internal","message":"internal error"}}"#,
        ]);
        assert!(runner.work.is_none() && runner.queue.is_none(), "{:?}", runner.work);
    }

    #[test]
    fn a_hook_goes_before_events_and_beside_a_handler_at_work() {
        let (mut runner, gate) = runner();
        let (acks, connected) = (Arc::default(), Gate::new(Semaphore::new(0)));
        emit(&mut runner, "slow", &acks, 1);
        emit(&mut runner, "slower", &acks, 2);
        start(&mut runner, &hook(&connected));
        gate.add_permits(2);
        assert!(poll(&mut runner).is_none());
        acks.check(&[r#"1 "slow""#]);
        connected.add_permits(1);
        assert_eq!(poll(&mut runner).unwrap().unwrap(), 7);
        assert!(poll(&mut runner).is_none());
        acks.check(&[r#"1 "slow""#, r#"2 "slower""#]);
    }

    #[test]
    fn a_hook_may_be_done_before_the_handler_beside_it() {
        let (mut runner, gate) = runner();
        let (acks, connected) = (Arc::default(), Gate::new(Semaphore::new(1)));
        emit(&mut runner, "slow", &acks, 1);
        start(&mut runner, &hook(&connected));
        assert_eq!(poll(&mut runner).unwrap().unwrap(), 7);
        assert!(poll(&mut runner).is_none());
        acks.check(&[]);
        gate.add_permits(1);
        assert!(poll(&mut runner).is_none());
        acks.check(&[r#"1 "slow""#]);
    }

    #[test]
    fn a_hook_that_panics_is_a_refusal() {
        let (mut runner, _) = runner();
        let at_start: Start<Here, u8> = Box::new(|_| panic!("on purpose"));
        let payload = Payload::ack("[]", &Limits::default()).unwrap();
        let refused = runner.hook("connect", &at_start, &payload).unwrap_err();
        assert_eq!(refused.message(), "internal error");
        let at_work: Start<Here, u8> = Box::new(|_| {
            let running: Running<u8> = Box::pin(async { panic!("on purpose") });
            Ok(running)
        });
        start(&mut runner, &at_work);
        assert_eq!(poll(&mut runner).unwrap().unwrap_err().message(), "internal error");
        assert!(poll(&mut runner).is_none());
    }

    #[test]
    fn pressure_grows_with_what_waits() {
        let (mut runner, _) = runner();
        let (acks, now) = (Arc::default(), Instant::now());
        emit(&mut runner, "slow", &acks, 1);
        emit(&mut runner, "slow", &acks, 2);
        assert_eq!(runner.pressure(now), Pressure::Calm);
        emit(&mut runner, "slow", &acks, 3);
        assert!(matches!(runner.pressure(now), Pressure::Pause { full: false, .. }));
        assert_eq!(runner.pressure(now + Duration::from_secs(60)), Pressure::Overload);
    }

    #[tokio::test]
    async fn concurrent_handlers_keep_nobody_waiting_up_to_a_bound() {
        let (mut runner, gate) = runner();
        let acks = Arc::default();
        emit(&mut runner, "beside", &acks, 1);
        emit(&mut runner, "nobody", &acks, 2);
        acks.check(&[r#"2 {"error":{"code":"refused","message":"nobody"}}"#]);
        emit(&mut runner, "beside", &acks, 3); // the one seat is taken
        assert!(runner.work.is_some());
        gate.add_permits(2);
        let seats = Arc::clone(&runner.context().0.seats);
        let _seat = tokio::time::timeout(Duration::from_secs(10), seats.acquire()).await.unwrap();
        assert!(poll(&mut runner).is_none());
        acks.check(&[
            r#"2 {"error":{"code":"refused","message":"nobody"}}"#,
            r#"1 "beside""#,
            r#"3 "beside""#,
        ]);
    }

    #[tokio::test]
    async fn handlers_at_work_are_finished_when_the_socket_is_gone() {
        let (mut runner, gate) = runner();
        let (acks, connected) = (Arc::default(), Gate::new(Semaphore::new(1)));
        emit(&mut runner, "slow", &acks, 1);
        emit(&mut runner, "slower", &acks, 2);
        start(&mut runner, &hook(&connected));
        gate.add_permits(2);
        let (context, work) = runner.end();
        let finished = work.unwrap().finish(context.namespace());
        tokio::time::timeout(Duration::from_secs(10), finished).await.unwrap();
        assert_eq!((gate.available_permits(), connected.available_permits()), (1, 0));
        acks.check(&[]); // nobody is left to hear them
    }
}
