//! A Socket.IO server as a tower service: namespaces, sockets, rooms, broadcast.
#![doc = include_str!("../docs/server.md")]

mod address;
mod admission;
mod body;
mod broadcast;
mod builder;
mod bus;
mod call;
mod clients;
mod cookie;
mod dispatcher;
mod door;
mod extract;
mod lane;
mod live;
mod namespace;
mod op;
mod opening;
mod origins;
mod polling;
mod query;
mod refused;
mod remote;
mod rooms;
mod send;
mod send_handle;
pub mod serve;
mod service;
mod sessions;
mod settings;
mod shared;
mod socket;
mod to_room;
mod welcome;

pub use address::PeerAddress;
pub use body::Body;
pub use broadcast::Broadcast;
pub use builder::{BuildError, Builder};
#[doc(hidden)]
pub use bus::Bus;
pub use call::{CallError, CallErrorKind};
pub use cookie::{Cookie, SameSite};
pub use extract::{Auth, Context, Data, LastRooms};
pub use namespace::Namespace;
pub use origins::Origins;
pub use remote::{Fetched, RemoteSocket};
pub use rooms::Room;
pub use send::{EmitError, Sent};
pub use send_handle::SendHandle;
pub use serve::{Serve, serve};
pub use service::{ResponseFuture, Service};
pub use settings::Settings;
pub use shared::Server;
pub use socket::{Handshake, Socket};
pub use to_room::ToRoom;
pub use welcome::IntoWelcome;

pub use crate::{
    dispatch::{Call, Calling, SendState},
    event::{Concurrent, EventError, FromAck, OnEvent, RemoteError, concurrent},
    net::TimeError,
};
pub use sockeye_proto::{
    session::Reason,
    wire::{encoding::Parser, packet::Limits as PacketLimits},
};
