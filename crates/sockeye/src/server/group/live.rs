//! One namespace at run time: who is in it, the acks that it counts, and the bus that hears of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sockeye_proto::wire::{packet::Kind, prepared::Prepared};

use super::{
    Behaviour, Bus, Room,
    rooms::{Changed, Rooms},
};
use crate::{
    event::{EncodeError, ToArgs},
    server::{send::EmitError, socket::Socket},
};

/// One namespace at run time: its name, and what belongs to that name alone.
pub(crate) struct LiveNamespace {
    pub(crate) name: Arc<str>,
    /// Other names may have the same.
    pub(crate) behaviour: Arc<Behaviour>,
    pub(super) rooms: Rooms,
    /// Ack ids count per namespace, because the packet of a broadcast is shared by all its sockets.
    next_ack: AtomicU64,
    /// The other nodes.
    pub(super) bus: Option<Arc<dyn Bus>>,
}

impl LiveNamespace {
    pub(crate) fn new(name: &str, behaviour: Arc<Behaviour>, bus: Option<Arc<dyn Bus>>) -> Self {
        let (rooms, next_ack) = (Rooms::default(), AtomicU64::new(0));
        Self { name: name.into(), behaviour, rooms, next_ack, bus }
    }

    /// A namespace that nobody can join.
    pub(crate) fn nowhere(name: &str) -> Self {
        Self::new(name, Arc::default(), None)
    }

    pub(crate) fn next_ack(&self) -> u64 {
        self.next_ack.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets a socket in, as [`Rooms::admit`].
    pub(crate) fn admit(&self, socket: &Socket, enter: impl FnOnce() -> Option<Vec<Room>>) -> bool {
        self.changing(|changed| self.rooms.admit(socket, enter, changed))
    }

    /// Puts a socket into rooms.
    pub(crate) fn join(&self, socket: &Socket, rooms: &[Room]) {
        self.changing(|changed| self.rooms.join(socket, rooms, changed));
    }

    /// Takes a socket out of rooms.
    pub(crate) fn leave(&self, socket: &Socket, rooms: &[Room]) {
        self.changing(|changed| self.rooms.leave(socket, rooms, changed));
    }

    /// Removes a socket for good and says where it was.
    pub(crate) fn remove(&self, socket: &Socket) -> Vec<Room> {
        self.changing(|changed| self.rooms.remove(socket, changed))
    }

    /// The rooms a socket is in.
    pub(crate) fn rooms_of(&self, socket: &Socket) -> Vec<Room> {
        self.rooms.of(socket)
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
    pub(crate) fn prepare(
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

impl fmt::Debug for LiveNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}
