//! A namespace: its handlers, as the author states them, and as the server runs them.

use std::{
    any::TypeId,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt as _;
use sockeye_proto::wire::{packet::Kind, prepared::Prepared};

use super::{
    BuildError, Bus, Context, EmitError, IntoWelcome, Room, Socket,
    extract::GIVEN,
    rooms::{Changed, Rooms},
    welcome::SocketData,
};
use crate::{
    dispatch::{Handlers, HandlersBuilder, Miswired},
    event::{EncodeError, Handler, Needs, OnEvent, Place, Refusal, Start, States, ToArgs},
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
    connect: Option<Start<Context, Verdict>>,
    data: Option<(TypeId, &'static str)>,
    events: HandlersBuilder<Context>,
    disconnect: Option<Start<Context, ()>>,
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
        self.connect = Some(start);
        self.events.hook("connect", Place::Connect, Needs::of::<Context, M, H>());
        self
    }

    /// Handles an event. What the handler returns answers the client's ack, if it asked for one.
    ///
    /// Events of one socket are handled one after the other, in order; see [`concurrent`](super::concurrent).
    pub fn on<M>(mut self, event: impl Into<String>, handler: impl OnEvent<Context, M>) -> Self {
        self.events.on(event.into(), handler);
        self
    }

    /// Handles every event that has no handler of its own; its name is taken as
    /// [`EventName`](crate::event::EventName).
    pub fn on_any<M>(mut self, handler: impl OnEvent<Context, M>) -> Self {
        self.events.on_any(handler);
        self
    }

    /// Runs after a socket has gone, once the handler that was running for it is done.
    pub fn on_disconnect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M, Output = ()>,
    {
        let start: Start<Context, ()> = Box::new(move |event| Ok(Box::pin(handler.start(event)?)));
        self.disconnect = Some(start);
        self.events.hook("disconnect", Place::Disconnect, Needs::of::<Context, M, H>());
        self
    }

    /// Checks the wiring and makes what the server runs.
    pub(super) fn build(
        self,
        name: &str,
        states: &States,
        call_timeout: Duration,
        bus: Option<&Arc<dyn Bus>>,
    ) -> Result<Arc<Inner>, BuildError> {
        let wiring = |Miswired { handler, problem }| BuildError::Wiring {
            namespace: name.to_owned(),
            handler,
            problem,
        };
        let handlers = self.events.build(states, self.data, GIVEN).map_err(wiring)?;
        Ok(Arc::new(Inner {
            name: name.into(),
            connect: self.connect,
            handlers,
            disconnect: self.disconnect,
            rooms: Rooms::default(),
            call_timeout,
            next_ack: AtomicU64::new(0),
            bus: bus.map(Arc::clone),
        }))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.events).finish_non_exhaustive()
    }
}

/// A namespace at run time.
pub(super) struct Inner {
    pub(super) name: Arc<str>,
    pub(super) connect: Option<Start<Context, Verdict>>,
    pub(super) handlers: Handlers<Context>,
    pub(super) disconnect: Option<Start<Context, ()>>,
    pub(super) rooms: Rooms,
    /// How long a call waits that does not say.
    pub(super) call_timeout: Duration,
    /// Ack ids count per namespace, because the packet of a broadcast is shared by all its sockets.
    next_ack: AtomicU64,
    /// The other nodes.
    pub(super) bus: Option<Arc<dyn Bus>>,
}

impl Inner {
    /// A namespace that nobody can join.
    pub(super) fn nowhere(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            connect: None,
            handlers: Handlers::default(),
            disconnect: None,
            rooms: Rooms::default(),
            call_timeout: Duration::ZERO,
            next_ack: AtomicU64::new(0),
            bus: None,
        })
    }

    pub(super) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets a socket in, as [`Rooms::admit`].
    pub(super) fn admit(&self, socket: &Socket, enter: impl FnOnce() -> Option<Vec<Room>>) -> bool {
        self.changing(|changed| self.rooms.admit(socket, enter, changed))
    }

    /// Puts a socket into rooms.
    pub(super) fn join(&self, socket: &Socket, rooms: &[Room]) {
        self.changing(|changed| self.rooms.join(socket, rooms, changed));
    }

    /// Takes a socket out of rooms.
    pub(super) fn leave(&self, socket: &Socket, rooms: &[Room]) {
        self.changing(|changed| self.rooms.leave(socket, rooms, changed));
    }

    /// Removes a socket for good and says where it was.
    pub(super) fn remove(&self, socket: &Socket) -> Vec<Room> {
        self.changing(|changed| self.rooms.remove(socket, changed))
    }

    /// Changes who is where, and then, without the lock, tells the bus which rooms that has begun or ended.
    fn changing<R>(&self, change: impl FnOnce(&mut Changed) -> R) -> R {
        let mut changed = Changed::noted_if(self.bus.is_some());
        let result = change(&mut changed);
        if let Some(bus) = &self.bus {
            changed.into_rooms().iter().for_each(|room| bus.room_changed(&self.name, room));
        }
        result
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
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}
