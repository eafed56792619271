//! The sockets of a group wherever they are: what is known of each, and what can be done to it through its own room.

use std::{fmt, sync::Arc};

use super::{Broadcast, LiveNamespace, Room, ToRoom};
use crate::{
    event::ToArgs,
    server::{
        send::EmitError,
        socket::{Handshake, Socket},
    },
};

/// What [`Broadcast::fetch`] found.
#[non_exhaustive]
#[derive(Debug, Default)]
pub struct Fetched {
    /// The sockets of all nodes that answered.
    pub sockets: Vec<RemoteSocket>,
    /// How many nodes did not answer in time; what they have is not among the sockets.
    pub missing: usize,
}

/// A socket of this node or another, as it was when it was fetched. What is done to it goes through the room named by its
/// id; if it has left meanwhile, nothing happens.
///
/// # Examples
///
/// ```
/// # async fn example(server: &sockeye::server::Server) -> Result<(), sockeye::server::EmitError> {
/// for socket in server.of("/chat").to("lobby").fetch().await.sockets {
///     if socket.rooms().len() > 10 {
///         socket.emit("slow down", ())?;
///         socket.leave("lobby");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteSocket {
    namespace: Arc<LiveNamespace>,
    id: Room,
    rooms: Vec<Room>,
    handshake: Option<Arc<Handshake>>,
}

impl RemoteSocket {
    /// One of this node.
    pub(super) fn here(socket: &Socket) -> Self {
        Self {
            namespace: Arc::clone(&socket.0.namespace),
            id: socket.id().into(),
            rooms: socket.rooms(),
            handshake: socket.0.handshake.clone(),
        }
    }

    /// The public id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The namespace's name.
    pub fn namespace(&self) -> &str {
        &self.namespace.name
    }

    /// The rooms it was in, without its own.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The request that opened its session, if the builder's `keep_handshake` was set. What layers of its own node have left
    /// in the extensions does not travel to others.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_deref()
    }

    /// Sends it an event.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] or [`EmitError::ReservedName`], the caller's faults. That it can't be reached any more is no
    /// error.
    pub fn emit(&self, event: &str, args: impl ToArgs) -> Result<(), EmitError> {
        self.alone().emit(event, args).map(drop)
    }

    /// Puts it into a room.
    pub fn join(&self, room: impl ToRoom) {
        self.alone().join(room);
    }

    /// Takes it out of a room.
    pub fn leave(&self, room: impl ToRoom) {
        self.alone().leave(room);
    }

    /// Makes it leave the namespace.
    pub fn disconnect(&self) {
        self.alone().disconnect();
    }

    /// Ends its session.
    pub fn close(&self) {
        self.alone().close();
    }

    fn alone(&self) -> Broadcast {
        Broadcast::of(&self.namespace).to(&self.id)
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace();
        f.debug_struct("RemoteSocket")
            .field("id", &self.id)
            .field("namespace", &namespace)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
