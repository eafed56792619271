//! A namespace: its handlers, as the author states them, and as the server runs them.

use std::{
    any::TypeId,
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use sockeye_proto::wire::{packet::Kind, prepared::Prepared};

use super::{BuildError, Context, EmitError, IntoWelcome, rooms::Rooms, welcome::SocketData};
use crate::event::{
    EncodeError, EventHandler, Handler, Needs, OnEvent, Place, Provided, Refusal, Start, States,
    ToArgs,
};

/// What a connect handler comes to.
pub(super) type Verdict = Result<Option<SocketData>, Refusal>;

/// Handlers for the sockets of one namespace. Handlers belong to the namespace, so a socket that is idle carries none.
///
/// # Examples
///
/// ```
/// use sockeye::{event::{Ack, Args, Refusal}, server::{Auth, Data, Namespace, Socket}};
///
/// #[derive(serde::Deserialize)]
/// struct Login { name: String }
/// struct User { name: String }
///
/// async fn joined(Auth(login): Auth<Login>) -> Result<User, Refusal> {
///     if login.name.is_empty() {
///         return Err(Refusal::new("a name is needed"));
///     }
///     Ok(User { name: login.name })
/// }
///
/// async fn say(socket: Socket, user: Data<User>, Args((text,)): Args<(String,)>) -> Ack<usize> {
///     let _ = socket.broadcast().emit("said", (&user.name, &text)); // no name that is reserved
///     Ack(text.len())
/// }
///
/// let chat = Namespace::new().on_connect(joined).on("say", say);
/// ```
#[derive(Default)]
#[must_use = "a namespace does nothing until it is given to a server's builder"]
pub struct Namespace {
    connect: Option<(Start<Context, Verdict>, Needs)>,
    data: Option<(TypeId, &'static str)>,
    events: Vec<(String, EventHandler<Context>, Needs)>,
    fallback: Option<(EventHandler<Context>, Needs)>,
    disconnect: Option<(Start<Context, ()>, Needs)>,
    twice: Option<&'static str>,
}

impl Namespace {
    /// A namespace that lets everybody in and handles nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides who joins. Returns `()`, or `Result<T, Refusal>`: the `T` becomes the socket's [`Data`](super::Data).
    pub fn on_connect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M>,
        H::Output: IntoWelcome,
    {
        let start: Start<Context, Verdict> = Box::new(move |event| {
            let running = handler.start(event)?;
            Ok(Box::pin(running.map(|output| output.into_welcome())))
        });
        self.data = H::Output::data_type();
        let previous = self.connect.replace((start, Needs::of::<Context, M, H>()));
        self.note_twice(previous.is_some(), "connect");
        self
    }

    /// Handles an event. What the handler returns answers the client's ack, if it asked for one.
    ///
    /// Events of one socket are handled one after the other, in order; see [`concurrent`](super::concurrent).
    pub fn on<M>(mut self, event: impl Into<String>, handler: impl OnEvent<Context, M>) -> Self {
        let (handler, needs) = handler.into_parts();
        self.events.push((event.into(), handler, needs));
        self
    }

    /// Handles every event that has no handler of its own; its name is taken as
    /// [`EventName`](crate::event::EventName).
    pub fn on_any<M>(mut self, handler: impl OnEvent<Context, M>) -> Self {
        let previous = self.fallback.replace(handler.into_parts());
        self.note_twice(previous.is_some(), "any event");
        self
    }

    /// Runs after a socket has gone, once the handler that was running for it is done.
    pub fn on_disconnect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M, Output = ()>,
    {
        let start: Start<Context, ()> = Box::new(move |event| Ok(Box::pin(handler.start(event)?)));
        let previous = self.disconnect.replace((start, Needs::of::<Context, M, H>()));
        self.note_twice(previous.is_some(), "disconnect");
        self
    }

    fn note_twice(&mut self, twice: bool, what: &'static str) {
        if twice {
            self.twice.get_or_insert(what);
        }
    }

    /// Checks the wiring and makes what the server runs.
    pub(super) fn build(self, name: &str, states: &States) -> Result<Arc<Inner>, BuildError> {
        let wiring = |handler: &str, problem: String| BuildError::Wiring {
            namespace: name.to_owned(),
            handler: handler.to_owned(),
            problem,
        };
        if let Some(what) = self.twice {
            return Err(wiring(what, "is given twice; keep one".to_owned()));
        }
        let types = states.types();
        let check = |handler: &str, needs: &Needs, place| {
            let provided = Provided { states: &types, data: self.data, place };
            provided.missing(needs).map_or(Ok(()), |problem| Err(wiring(handler, problem)))
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
                let problem = "is a name that Socket.IO keeps for itself and no client can send; \
                               use `on_connect` or `on_disconnect`, or another name";
                return Err(wiring(&event, problem.to_owned()));
            }
            check(&event, &needs, Place::Event)?;
            if events.insert(event.clone().into_boxed_str(), handler).is_some() {
                return Err(wiring(&event, "is given twice; keep one".to_owned()));
            }
        }
        Ok(Arc::new(Inner {
            name: name.into(),
            connect: self.connect.map(|(start, _)| start),
            events,
            fallback: self.fallback.map(|(handler, _)| handler),
            disconnect: self.disconnect.map(|(start, _)| start),
            rooms: Rooms::default(),
            next_ack: AtomicU64::new(0),
            unhandled: Mutex::default(),
        }))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events: Vec<_> = self.events.iter().map(|(event, ..)| event).collect();
        f.debug_struct("Namespace").field("events", &events).finish_non_exhaustive()
    }
}

/// Distinct unhandled event names that are counted; a hostile client can send any number of names.
const MAX_UNHANDLED_NAMES: usize = 100;

/// A namespace at run time.
pub(super) struct Inner {
    pub(super) name: Box<str>,
    pub(super) connect: Option<Start<Context, Verdict>>,
    events: HashMap<Box<str>, EventHandler<Context>>,
    fallback: Option<EventHandler<Context>>,
    pub(super) disconnect: Option<Start<Context, ()>>,
    pub(super) rooms: Rooms,
    /// Ack ids count per namespace, because the packet of a broadcast is shared by all its sockets.
    next_ack: AtomicU64,
    /// Events nobody handled, by name.
    unhandled: Mutex<HashMap<Box<str>, u64>>,
}

impl Inner {
    /// A namespace that nobody can join.
    pub(super) fn nowhere(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            connect: None,
            events: HashMap::new(),
            fallback: None,
            disconnect: None,
            rooms: Rooms::default(),
            next_ack: AtomicU64::new(0),
            unhandled: Mutex::default(),
        })
    }

    /// What handles this event.
    pub(super) fn handler(&self, event: &str) -> Option<&EventHandler<Context>> {
        self.events.get(event).or(self.fallback.as_ref())
    }

    /// Whether this very event has a handler.
    pub(super) fn handles(&self, event: &str) -> bool {
        self.events.contains_key(event)
    }

    pub(super) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Encodes an event of this namespace.
    pub(super) fn prepare(
        &self,
        event: &str,
        ack: Option<u64>,
        args: &impl ToArgs,
    ) -> Result<Prepared, EmitError> {
        let payload = args.to_event(event).map_err(|error| match error {
            EncodeError::ReservedEventName { name } => EmitError::ReservedName { name },
            error => EmitError::Encode(error),
        })?;
        let (array, attachments) = payload.into_parts();
        Ok(Prepared::packet(Kind::Event, &self.name, ack, &array, attachments))
    }

    /// Counts an event that nobody handles; `true` the first time.
    pub(super) fn count_unhandled(&self, event: &str) -> bool {
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

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}
