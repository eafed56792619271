//! The way to other nodes: what carries a server's actions on groups to them, and hears which rooms have anybody here.

use std::fmt;

use sockeye_proto::wire::cluster::Message;

use super::Room;

/// Carries what is done to groups of sockets to the other nodes of a cluster, whose buses give it to
/// [`Server::receive`](crate::server::Server::receive).
///
/// Both methods are called from handlers and from whoever emits: queue what has to be sent, and return.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// An action that this node is about to carry out. Those of one caller come in its order.
    fn publish(&self, message: Message);

    /// A room may have got its first member here, or have lost its last; a socket's id is a room, too.
    ///
    /// No lock is held, so that two changes of one room can be told in either order. How things stand now, says
    /// [`Broadcast::local_count`](super::Broadcast::local_count).
    fn room_changed(&self, namespace: &str, room: &Room);
}
