//! The handlers of one namespace by the name of the event: as they are given, and, checked, as they are found.

use std::{any::TypeId, collections::HashMap, fmt};

use futures_util::FutureExt as _;
use parking_lot::Mutex;

use crate::event::{
    EventHandler, Given, Handler, Needs, OnEvent, Place, Provided, Refusal, Start, States, ToArgs,
};

/// Distinct unhandled event names that are counted; a hostile peer can send any number of names.
const MAX_UNHANDLED_NAMES: usize = 100;

/// How much of an unhandled event's name is kept, logged and sent back.
const MAX_NAME_BYTES: usize = 100;

/// Handlers in the context `C` as their author gives them; that of connect comes to a `V`.
pub(crate) struct HandlersBuilder<C, V> {
    connect: Option<(Start<C, V>, Needs)>,
    events: Vec<(String, EventHandler<C>, Needs)>,
    fallback: Option<(EventHandler<C>, Needs)>,
    disconnect: Option<(Start<C, ()>, Needs)>,
    twice: Option<&'static str>,
}

/// A handler that can't work as it is wired. The caller's fault.
#[derive(Debug)]
pub(crate) struct Miswired {
    /// The event, `connect`, `disconnect` or `any event`.
    pub(crate) handler: String,
    /// The rest of a sentence that begins with the handler: what it needs, and what to do.
    pub(crate) problem: String,
}

impl<C, V: 'static> HandlersBuilder<C, V> {
    /// Runs before all others; `verdict` makes of what it returns what it comes to.
    pub(crate) fn on_connect<M, H: Handler<C, M>>(
        &mut self,
        handler: H,
        verdict: impl Fn(H::Output) -> V + Copy + Send + Sync + 'static,
    ) {
        let start: Start<C, V> =
            Box::new(move |event| Ok(Box::pin(handler.start(event)?.map(verdict))));
        if self.connect.replace((start, Needs::of::<C, M, H>())).is_some() {
            self.twice.get_or_insert("connect");
        }
    }

    pub(crate) fn on<M>(&mut self, event: String, handler: impl OnEvent<C, M>) {
        let (handler, needs) = handler.into_parts();
        self.events.push((event, handler, needs));
    }

    /// Handles every event that has no handler of its own.
    pub(crate) fn on_any<M>(&mut self, handler: impl OnEvent<C, M>) {
        if self.fallback.replace(handler.into_parts()).is_some() {
            self.twice.get_or_insert("any event");
        }
    }

    /// Runs behind all others.
    pub(crate) fn on_disconnect<M, H: Handler<C, M, Output = ()>>(&mut self, handler: H) {
        let start: Start<C, ()> = Box::new(move |event| Ok(Box::pin(handler.start(event)?)));
        if self.disconnect.replace((start, Needs::of::<C, M, H>())).is_some() {
            self.twice.get_or_insert("disconnect");
        }
    }

    /// Whether every event has a handler.
    #[cfg(feature = "client")]
    pub(crate) const fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }

    /// Checks the wiring. `data` is the type of a socket's own value, if it has one; `given` is what handlers are given
    /// without a state.
    ///
    /// # Errors
    ///
    /// [`Miswired`]: the first problem found.
    pub(crate) fn build(
        self,
        states: &States,
        data: Option<(TypeId, &'static str)>,
        given: &Given,
    ) -> Result<Handlers<C, V>, Miswired> {
        let twice = |handler: &str| Miswired {
            handler: handler.to_owned(),
            problem: "is given twice; keep one".to_owned(),
        };
        if let Some(handler) = self.twice {
            return Err(twice(handler));
        }
        let types = states.types();
        let check = |handler: &str, needs: &Needs, place| {
            let provided = Provided { given, states: &types, data, place };
            provided
                .missing(needs)
                .map_or(Ok(()), |problem| Err(Miswired { handler: handler.to_owned(), problem }))
        };
        if let Some((_, needs)) = &self.connect {
            check("connect", needs, Place::Connect)?;
        }
        if let Some((_, needs)) = &self.disconnect {
            check("disconnect", needs, Place::Disconnect)?;
        }
        if let Some((_, needs)) = &self.fallback {
            check("any event", needs, Place::Event)?;
        }
        let mut events = HashMap::new();
        for (event, handler, needs) in self.events {
            if ().to_event(&event).is_err() {
                let problem = "is a name that Socket.IO keeps for itself and nobody can send; \
                               use `on_connect` or `on_disconnect`, or another name";
                return Err(Miswired { handler: event, problem: problem.to_owned() });
            }
            check(&event, &needs, Place::Event)?;
            if events.insert(event.clone().into_boxed_str(), handler).is_some() {
                return Err(twice(&event));
            }
        }
        Ok(Handlers {
            connect: self.connect.map(|(start, _)| start),
            events,
            fallback: self.fallback.map(|(handler, _)| handler),
            disconnect: self.disconnect.map(|(start, _)| start),
            unhandled: Mutex::default(),
        })
    }
}

impl<C, V> Default for HandlersBuilder<C, V> {
    fn default() -> Self {
        Self { connect: None, events: Vec::new(), fallback: None, disconnect: None, twice: None }
    }
}

impl<C, V> fmt::Debug for HandlersBuilder<C, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.iter().map(|(event, ..)| event)).finish()
    }
}

/// Handlers in the context `C`, checked; that of connect comes to a `V`.
pub(crate) struct Handlers<C, V> {
    pub(crate) connect: Option<Start<C, V>>,
    events: HashMap<Box<str>, EventHandler<C>>,
    fallback: Option<EventHandler<C>>,
    pub(crate) disconnect: Option<Start<C, ()>>,
    /// Events that were not handled, by name.
    unhandled: Mutex<HashMap<Box<str>, u64>>,
}

impl<C, V> Handlers<C, V> {
    /// What handles this event.
    pub(crate) fn find(&self, event: &str) -> Option<&EventHandler<C>> {
        self.events.get(event).or(self.fallback.as_ref())
    }

    /// Whether this very event has a handler.
    pub(crate) fn has(&self, event: &str) -> bool {
        self.events.contains_key(event)
    }

    /// Counts an event that nobody handles, and says so: to the log once, to the peer if it asks for an ack.
    ///
    /// A peer may call it anything: what is kept, logged and sent back is as long as a name.
    pub(crate) fn refuse(
        &self,
        namespace: &str,
        event: &str,
        others_with: impl FnOnce(&str) -> Vec<String>,
    ) -> Refusal {
        let event = beginning(event);
        let others = others_with(event);
        let mut text = format!("no handler for {event:?} on {namespace:?}");
        if !others.is_empty() {
            text += &format!("; {} has one", others.join(", "));
        }
        if self.is_news(event) {
            tracing::warn!(target: "sockeye::packet", namespace, event, "{text}");
        }
        Refusal::new(text).code("no-handler")
    }

    /// Says that a peer that is to be trusted sent what the handler does not take: a warning the first time.
    #[cfg(feature = "client")]
    pub(crate) fn not_run(&self, namespace: &str, event: &str, why: &str) {
        let event = beginning(event);
        if self.is_news(event) {
            tracing::warn!(
                target: "sockeye::packet", "the handler of {event:?} on {namespace:?} was not run: {why}"
            );
        } else {
            tracing::debug!(target: "sockeye::packet", namespace, event, refusal = why, "refused");
        }
    }

    /// Counts an event that was not handled; `true` the first time.
    fn is_news(&self, event: &str) -> bool {
        let mut unhandled = self.unhandled.lock();
        if let Some(count) = unhandled.get_mut(event) {
            *count += 1;
            return false;
        }
        let room = unhandled.len() < MAX_UNHANDLED_NAMES;
        if room {
            unhandled.insert(event.into(), 1);
        }
        room
    }
}

/// As much of what a peer calls something as a name is long.
pub(crate) fn beginning(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

impl<C, V> Default for Handlers<C, V> {
    fn default() -> Self {
        Self {
            connect: None,
            events: HashMap::new(),
            fallback: None,
            disconnect: None,
            unhandled: Mutex::default(),
        }
    }
}

impl<C, V> fmt::Debug for Handlers<C, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.keys()).finish()
    }
}
