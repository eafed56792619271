//! A Socket.IO server as a tower service: namespaces, sockets, rooms, broadcast.
#![doc = include_str!("../docs/server.md")]

mod address;
mod builder;
mod call;
mod extract;
mod group;
mod http;
mod send;
mod send_handle;
pub mod serve;
mod session;
mod settings;
mod shared;
mod socket;
mod welcome;

pub use self::http::{Body, Cookie, Origins, ResponseFuture, SameSite, Service};
// What the server at run time is made of.
use self::{
    group::LiveNamespace,
    http::{Admission, OriginPolicy},
    session::{Clients, Sessions},
};
pub use address::PeerAddress;
pub use builder::{BuildError, Builder};
pub use call::{CallError, CallErrorKind};
pub use extract::{Auth, Context, Data, LastRooms};
#[doc(hidden)]
pub use group::Bus;
pub use group::{Broadcast, Fetched, Namespace, RemoteSocket, Room, ToRoom};
pub use send::{EmitError, Sent};
pub use send_handle::SendHandle;
pub use serve::{Serve, serve};
pub use settings::Settings;
pub use shared::Server;
pub use socket::{Handshake, Socket};
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
