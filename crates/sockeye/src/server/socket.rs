//! One client's membership of one namespace: emit, call, rooms, disconnect.

use std::{
    any::Any,
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use sockeye_proto::{
    session::Reason,
    wire::{engine::Version, prepared::Prepared},
};

use super::{
    Broadcast, Call, CallErrorKind, EmitError, LiveNamespace, Room, SendHandle, ToRoom, call::call,
    send::Number, welcome::SocketData,
};
use crate::{
    event::{Answer, FromAck, ReplyPath, ToArgs},
    net::{Conn, Id, PushError, Wakes},
};

/// Packets that a socket may emit before it has joined.
const MAX_HELD: usize = 1_000;

/// A client in a namespace. Cheap to clone; it stays valid after the client has gone, and then does nothing.
///
/// # Examples
///
/// ```
/// use sockeye::server::Socket;
///
/// async fn joined(socket: Socket) {
///     socket.join("lobby");
///     let _ = socket.emit("welcome", ("hello",)); // fails only if the client has gone
///     let _ = socket.to("lobby").emit("arrived", (socket.id(),)); // everybody but this socket
/// }
/// ```
#[derive(Clone)]
pub struct Socket(pub(super) Arc<Inner>);

#[repr(C)] // what a broadcast looks at first, beside the reference count
pub(super) struct Inner {
    pub(super) conn: Arc<Conn>,
    phase: Mutex<Phase>,
    id: Id,
    pub(super) namespace: Arc<LiveNamespace>,
    pub(super) handshake: Option<Arc<Handshake>>,
    /// The public id, where that is not the text of `id`.
    long_id: Option<Box<LongId>>,
    data: OnceLock<SocketData>,
    /// Handlers that go on by themselves: concurrent ones, and once it has left all others.
    at_work: AtomicU32,
}

/// The id that a client of version 3 computes for itself in a namespace.
struct LongId(String);

/// ```text
/// Joining ── admitted ──▶ Joined ──▶ Left
///    └───── refused, or gone ─────────┘
/// ```
enum Phase {
    /// The connect handler runs. What it emits and joins takes effect once it has let the socket in.
    Joining {
        held: Vec<Prepared>,
        /// A set, as leaving would search a list, under the lock of the namespace.
        rooms: BTreeSet<Room>,
    },
    /// Where the held packets went in the outbox, for those who follow them.
    Joined {
        held: Box<[u64]>,
    },
    Left(Reason),
}

/// The HTTP request that opens a session; sockets have it if the builder's `keep_handshake` asks for it.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Path and query.
    pub uri: http::Uri,
    /// All headers.
    pub headers: http::HeaderMap,
    /// What the HTTP server and layers around the service left: axum's `ConnectInfo`, for instance, or who has logged in.
    pub extensions: http::Extensions,
}

impl Socket {
    pub(super) fn new(
        id: Id,
        namespace: Arc<LiveNamespace>,
        conn: Arc<Conn>,
        handshake: Option<Arc<Handshake>>,
    ) -> Self {
        let phase = Mutex::new(Phase::Joining { held: Vec::new(), rooms: BTreeSet::new() });
        let (data, at_work) = (OnceLock::new(), AtomicU32::new(0));
        let is_long = conn.encoding.version == Version::V3 && namespace.name.as_ref() != "/";
        let long_id =
            is_long.then(|| Box::new(LongId(format!("{}#{}", namespace.name, id.as_str()))));
        Self(Arc::new(Inner { id, namespace, conn, handshake, long_id, phase, data, at_work }))
    }

    /// The public id: 20 characters, unique, and not the session's secret one.
    ///
    /// Clients of Engine.IO 3 compute theirs from the session's: it is that one on `/`, else `/namespace#` and that.
    pub fn id(&self) -> &str {
        self.0.long_id.as_ref().map_or_else(|| self.0.id.as_str(), |long| &long.0)
    }

    /// The namespace's name, such as `/` or `/chat`.
    pub fn namespace(&self) -> &str {
        &self.0.namespace.name
    }

    /// Whether the client is in the namespace.
    pub fn is_connected(&self) -> bool {
        matches!(*self.0.phase.lock(), Phase::Joined { .. })
    }

    /// The request that opened the session, if the builder's `keep_handshake` was set.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.0.handshake.as_deref()
    }

    /// The value that the connect handler returned, if it is of this type.
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let data: Arc<dyn Any + Send + Sync> = self.0.data.get()?.clone();
        data.downcast().ok()
    }

    /// Sends an event to this client.
    ///
    /// # Errors
    ///
    /// [`EmitError`]; nothing was sent then.
    pub fn emit(&self, event: &str, args: impl ToArgs) -> Result<SendHandle, EmitError> {
        let packet = self.0.namespace.prepare(event, None, &args)?;
        let number = self.send(packet, false)?;
        Ok(SendHandle { socket: Arc::clone(&self.0), number })
    }

    /// Sends an event only if nothing else waits to be sent; for values that the next one replaces.
    ///
    /// # Errors
    ///
    /// [`EmitError`]; nothing was sent then.
    pub fn emit_volatile(&self, event: &str, args: impl ToArgs) -> Result<SendHandle, EmitError> {
        let packet = self.0.namespace.prepare(event, None, &args)?;
        let number = self.send(packet, true)?;
        Ok(SendHandle { socket: Arc::clone(&self.0), number })
    }

    /// Sends an event and waits for the client's ack. How long, is the builder's
    /// [`call_timeout`](super::Builder::call_timeout), or [`Call::timeout`]'s.
    ///
    /// A handler that waits holds the later events of its socket, and past the backlog's pause its session is closed: let one
    /// that has to wait for so long be [`concurrent`](super::concurrent).
    ///
    /// `R` is the type of the ack's first argument; [`Args<(A, B)>`](crate::event::Args) takes them all,
    /// [`RawArgs`](crate::event::RawArgs) leaves them unparsed.
    ///
    /// # Errors
    ///
    /// [`CallError`](super::CallError). In a connect handler it fails at once: the client can't answer before it has joined.
    ///
    /// # Cancel safety
    ///
    /// The event is sent when the future is first polled; dropped later, the ack is ignored when it comes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use sockeye::server::{CallError, Socket};
    /// async fn ask(socket: &Socket) -> Result<u32, CallError> {
    ///     let known: bool = socket.call("is your age known", ()).await?;
    ///     if !known {
    ///         return Ok(0);
    ///     }
    ///     socket.call("age", ("in years",)).timeout(Duration::from_secs(5)).await // no longer than that
    /// }
    /// ```
    pub fn call<R: FromAck>(&self, event: &str, args: impl ToArgs) -> Call<R, CallErrorKind> {
        call(self, event, &args)
    }

    /// Everybody in a room but this socket.
    #[must_use = "a broadcast does nothing until something is emitted"]
    pub fn to(&self, room: impl ToRoom) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Everybody in the namespace but this socket.
    #[must_use = "a broadcast does nothing until something is emitted"]
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::of(&self.0.namespace).except(self.id())
    }

    /// Joins a room. In a connect handler it takes effect once the socket is in; after it has left, never.
    pub fn join(&self, room: impl ToRoom) {
        self.0.namespace.join(self, &[room.to_room()]);
    }

    /// Leaves a room.
    pub fn leave(&self, room: impl ToRoom) {
        self.0.namespace.leave(self, &[room.to_room()]);
    }

    /// The rooms the socket is in. A disconnect handler takes [`LastRooms`](super::LastRooms) instead.
    pub fn rooms(&self) -> Vec<Room> {
        self.0.namespace.rooms_of(self)
    }

    /// Makes the client leave this namespace (its reason: `server namespace disconnect`); it will not reconnect by itself.
    pub fn disconnect(&self) {
        self.end(false);
    }

    /// Ends the client's whole session, in all namespaces.
    pub fn close(&self) {
        self.end(true);
    }

    pub(super) fn version(&self) -> Version {
        self.0.conn.encoding.version
    }

    pub(super) fn key(&self) -> Id {
        self.0.id
    }

    /// Queues a packet, or holds it until the socket has joined.
    pub(super) fn send(&self, packet: Prepared, volatile: bool) -> Result<Number, EmitError> {
        let mut wakes = Wakes::default();
        let number = self.deliver(packet, volatile, &mut wakes);
        wakes.wake();
        number
    }

    /// As [`Self::send`] for callers that hold the rooms' lock.
    pub(super) fn deliver(
        &self,
        packet: Prepared,
        volatile: bool,
        wakes: &mut Wakes,
    ) -> Result<Number, EmitError> {
        match &mut *self.0.phase.lock() {
            Phase::Joined { .. } => {}
            Phase::Left(_) => return Err(EmitError::Disconnected),
            Phase::Joining { .. } if volatile => return Err(EmitError::Busy),
            Phase::Joining { held, .. } if held.len() >= MAX_HELD => {
                return Err(EmitError::TooManyHeld { limit: MAX_HELD });
            }
            Phase::Joining { held, .. } => {
                held.push(packet);
                return Ok(Number::Held(held.len() - 1));
            }
        }
        match self.0.conn.push_under_lock(packet, volatile, wakes) {
            Ok(number) => Ok(Number::Outbox(number)),
            Err(PushError::Closed) => Err(EmitError::Disconnected),
            Err(PushError::Full) => Err(EmitError::SlowConsumer),
            Err(PushError::Busy) => Err(EmitError::Busy),
        }
    }

    /// Disconnects it from the namespace, or ends its session. Its driver does the rest.
    pub(super) fn end(&self, close: bool) {
        self.0.mark_left(Reason::ServerDisconnect);
        let now = tokio::time::Instant::now().into_std();
        self.0.conn.command(|machine| {
            if close {
                machine.leave_all(now); // or the other sockets' clients would see a lost transport, and come back
                machine.close(Reason::ServerDisconnect);
            } else {
                machine.leave(now, self.namespace());
            }
        });
    }

    /// Lets the socket in: keeps its data and sends what was held, in order, before anything else. `false` if it was
    /// disconnected meanwhile.
    pub(super) fn admit(&self, data: Option<SocketData>) -> bool {
        if let Some(data) = data {
            // Only the one connect handler sets it, once.
            let _ = self.0.data.set(data);
        }
        let mut wakes = Wakes::default();
        let admitted = self.0.namespace.admit(self, || {
            let mut phase = self.0.phase.lock();
            let Phase::Joining { held, rooms } = &mut *phase else { return None };
            let rooms = std::mem::take(rooms).into_iter().collect();
            let held = std::mem::take(held)
                .into_iter()
                .map(|packet| {
                    let number = self.0.conn.push_under_lock(packet, false, &mut wakes);
                    number.unwrap_or(u64::MAX)
                })
                .collect();
            *phase = Phase::Joined { held };
            Some(rooms)
        });
        wakes.wake();
        admitted
    }

    /// While the socket is joining, forgets rooms it was to join; `false` if that is over.
    pub(super) fn leave_early(&self, unwanted: &[Room]) -> bool {
        match &mut *self.0.phase.lock() {
            Phase::Joining { rooms, .. } => {
                for room in unwanted {
                    rooms.remove(room);
                }
                true
            }
            Phase::Joined { .. } | Phase::Left(_) => false,
        }
    }

    /// While the socket is joining, notes rooms to join; `false` if that is over.
    pub(super) fn join_later(&self, wanted: &[Room]) -> bool {
        match &mut *self.0.phase.lock() {
            Phase::Joining { rooms, .. } => {
                rooms.extend(wanted.iter().cloned());
                true
            }
            Phase::Joined { .. } | Phase::Left(_) => false,
        }
    }
}

impl Inner {
    /// Why the socket left, if it has.
    pub(super) fn left(&self) -> Option<Reason> {
        match *self.phase.lock() {
            Phase::Left(reason) => Some(reason),
            Phase::Joining { .. } | Phase::Joined { .. } => None,
        }
    }

    pub(super) fn has_left(&self) -> bool {
        self.left().is_some()
    }

    /// Nothing is sent to it any more; the first reason counts.
    pub(super) fn mark_left(&self, reason: Reason) {
        let mut phase = self.phase.lock();
        if !matches!(*phase, Phase::Left(_)) {
            *phase = Phase::Left(reason);
        }
    }

    /// Counts one more concurrent handler, unless so many are at work already. Only its membership calls this.
    pub(super) fn begin_concurrent(self: &Arc<Self>, max: usize) -> Option<AtWork> {
        (self.at_work() < max).then(|| AtWork::begin(self))
    }

    /// How many handlers go on by themselves.
    pub(super) fn at_work(&self) -> usize {
        self.at_work.load(Ordering::Relaxed) as usize
    }

    /// The packet's number in the outbox; `None` while it is held.
    pub(super) fn number(&self, number: Number) -> Option<u64> {
        match (number, &*self.phase.lock()) {
            (Number::Outbox(number), _) => Some(number),
            (Number::Held(index), Phase::Joined { held }) => held.get(index).copied(),
            (Number::Held(_), _) => None,
        }
    }
}

/// A handler that goes on by itself.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Inner>);

impl AtWork {
    pub(super) fn begin(socket: &Arc<Inner>) -> Self {
        socket.at_work.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(socket))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ReplyPath for Inner {
    fn reply(&self, id: u64, answer: Answer) {
        if !self.has_left() {
            // A session that is closing waits for no acks.
            let _ = self.conn.push(Prepared::ack(&self.namespace.name, id, &answer.0), false);
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace();
        f.debug_struct("Socket").field("id", &self.id()).field("namespace", &namespace).finish()
    }
}
