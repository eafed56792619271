//! Who is where in a namespace, and what is done to groups of them, on this node and others.

mod broadcast;
mod bus;
mod live;
mod namespace;
mod op;
mod remote;
mod rooms;
mod to_room;

use self::namespace::Behaviour;
pub use self::{
    broadcast::Broadcast,
    bus::Bus,
    namespace::Namespace,
    remote::{Fetched, RemoteSocket},
    rooms::Room,
    to_room::ToRoom,
};
pub(super) use self::{live::LiveNamespace, namespace::Verdict};
