//! A group of sockets, chosen by rooms, and what can be done to it.

use std::{fmt, sync::Arc};

use super::{
    EmitError, Room, Sent, Socket, ToRoom,
    namespace::Inner as NamespaceInner,
    rooms::{Applied, Op, Target},
};
use crate::event::ToArgs;

/// Sockets of one namespace: all of them, those in some rooms, or those not in others.
///
/// # Examples
///
/// ```
/// # fn example(server: &sockeye::server::Server) -> Result<(), sockeye::server::EmitError> {
/// let sent = server.of("/chat").to("lobby").except("away").emit("said", ("ada", "hello"))?;
/// println!("{} sockets get it", sent.queued);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until something is emitted"]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
    volatile: bool,
}

impl Broadcast {
    pub(super) fn new(namespace: Arc<NamespaceInner>, target: Target) -> Self {
        Self { namespace, target, volatile: false }
    }

    /// Adds a room; several make a union, in which each socket is reached once. A socket's id is a room too.
    pub fn to(mut self, room: impl ToRoom) -> Self {
        self.target.rooms.push(room.to_room());
        self
    }

    /// The same as [`Self::to`].
    pub fn within(self, room: impl ToRoom) -> Self {
        self.to(room)
    }

    /// Leaves out the sockets of a room.
    pub fn except(mut self, room: impl ToRoom) -> Self {
        self.target.except.push(room.to_room());
        self
    }

    /// Sends only to sockets for which nothing else waits.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Sends an event to all of them; it is encoded once.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] or [`EmitError::ReservedName`], the caller's faults. That a socket can't be reached is
    /// no error: [`Sent`] counts it.
    pub fn emit(&self, event: &str, args: impl ToArgs) -> Result<Sent, EmitError> {
        let packet = self.namespace.prepare(event, None, &args)?;
        let op = Op::Broadcast { to: self.target.clone(), packet, volatile: self.volatile };
        Ok(match self.namespace.rooms.apply(op) {
            Applied::Sent(sent) => sent,
            Applied::Sockets(_) => Sent::default(),
        })
    }

    /// Puts all of them into a room and says how many they are.
    pub fn join(&self, room: impl ToRoom) -> usize {
        self.count(Op::Join { to: self.target.clone(), rooms: vec![room.to_room()] })
    }

    /// Takes all of them out of a room and says how many they are.
    pub fn leave(&self, room: impl ToRoom) -> usize {
        self.count(Op::Leave { to: self.target.clone(), rooms: vec![room.to_room()] })
    }

    /// Makes all of them leave the namespace and says how many they are.
    pub fn disconnect(&self) -> usize {
        self.count(Op::Disconnect { to: self.target.clone(), close: false })
    }

    /// Ends the sessions of all of them and says how many they are.
    pub fn close(&self) -> usize {
        self.count(Op::Disconnect { to: self.target.clone(), close: true })
    }

    /// The sockets themselves.
    pub fn sockets(&self) -> Vec<Socket> {
        match self.namespace.rooms.apply(Op::Fetch { to: self.target.clone() }) {
            Applied::Sockets(sockets) => sockets,
            Applied::Sent(_) => Vec::new(),
        }
    }

    /// The rooms of the namespace that anybody is in, with the number of sockets in each.
    pub fn rooms(&self) -> Vec<(Room, usize)> {
        self.namespace.rooms.list()
    }

    fn count(&self, op: Op) -> usize {
        match self.namespace.rooms.apply(op) {
            Applied::Sockets(sockets) => sockets.len(),
            Applied::Sent(_) => 0,
        }
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = &self.namespace.name;
        f.debug_struct("Broadcast")
            .field("namespace", namespace)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
