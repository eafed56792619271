//! The handlers of one namespace by the name of the event: as they are given, and, checked, as they are found.

use std::{any::TypeId, collections::HashMap, fmt};

use parking_lot::Mutex;

use crate::event::{EventHandler, Given, Needs, OnEvent, Place, Provided, Refusal, States, ToArgs};

/// Distinct unhandled event names that are counted; a hostile peer can send any number of names.
const MAX_UNHANDLED_NAMES: usize = 100;

/// How much of an unhandled event's name is kept, logged and sent back.
const MAX_NAME_BYTES: usize = 100;

/// Handlers in the context `C` as their author gives them.
pub(crate) struct HandlersBuilder<C> {
    events: Vec<(String, EventHandler<C>, Needs)>,
    fallback: Option<(EventHandler<C>, Needs)>,
    hooks: Vec<(&'static str, Place, Needs)>,
    twice: Option<&'static str>,
}

/// A handler that can't work as it is wired. The caller's fault.
#[derive(Debug)]
pub(crate) struct Miswired {
    /// The event, the hook's name, or `any event`.
    pub(crate) handler: String,
    /// The rest of a sentence that begins with the handler: what it needs, and what to do.
    pub(crate) problem: String,
}

impl<C> HandlersBuilder<C> {
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

    /// Whether every event has a handler.
    #[cfg(feature = "client")]
    pub(crate) const fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }

    /// Notes what a handler needs that handles no event, and that the caller keeps.
    pub(crate) fn hook(&mut self, name: &'static str, place: Place, needs: Needs) {
        if self.hooks.iter().any(|(other, ..)| *other == name) {
            self.twice.get_or_insert(name);
        }
        self.hooks.push((name, place, needs));
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
    ) -> Result<Handlers<C>, Miswired> {
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
        for (name, place, needs) in &self.hooks {
            check(name, needs, *place)?;
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
        let fallback = self.fallback.map(|(handler, _)| handler);
        Ok(Handlers { events, fallback, unhandled: Mutex::default() })
    }
}

impl<C> Default for HandlersBuilder<C> {
    fn default() -> Self {
        Self { events: Vec::new(), fallback: None, hooks: Vec::new(), twice: None }
    }
}

impl<C> fmt::Debug for HandlersBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.iter().map(|(event, ..)| event)).finish()
    }
}

/// Handlers in the context `C`, checked.
pub(crate) struct Handlers<C> {
    events: HashMap<Box<str>, EventHandler<C>>,
    fallback: Option<EventHandler<C>>,
    /// Events nobody handled, by name.
    unhandled: Mutex<HashMap<Box<str>, u64>>,
}

impl<C> Handlers<C> {
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
        if self.count_unhandled(event) {
            tracing::warn!(target: "sockeye::packet", namespace, event, "{text}");
        }
        Refusal::new(text).code("no-handler")
    }

    /// `true` the first time.
    fn count_unhandled(&self, event: &str) -> bool {
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

impl<C> Default for Handlers<C> {
    fn default() -> Self {
        Self { events: HashMap::new(), fallback: None, unhandled: Mutex::default() }
    }
}

impl<C> fmt::Debug for Handlers<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events.keys()).finish()
    }
}
