//! A Socket.IO client for every server: any transport, any version, and nothing lost in silence.
#![doc = include_str!("../docs/client.md")]

mod auth;
pub mod blocking;
mod builder;
mod call;
mod context;
mod dialer;
mod entrance;
mod error;
mod events;
mod fate;
mod handle;
mod keeper;
mod lifeline;
mod member;
mod namespace;
mod opener;
mod receiver;
mod recovery;
mod resent;
mod send_handle;
mod shared;
mod socket;
mod state;
mod stay;
mod transport;
mod unsent;
mod verdict;

pub use builder::{Builder, engine_path};
pub use context::Context;
pub use dialer::{DialedStream, Dialer, DialerBuilder};
pub use error::{
    BuildError, CallError, CallErrorKind, ConnectError, EmitError, Left, OpenError, SendError,
    TransportError, Tried,
};
pub use events::{Events, Incoming, NextError};
pub use handle::Client;
pub use namespace::Namespace;
pub use opener::Attempt;
pub use resent::{ResendReason, Resent};
pub use send_handle::{Delivery, DeliveryError, DeliveryErrorKind, SendHandle};
pub use socket::Socket;
pub use state::{CloseReason, ConnectionState, Disconnect, Membership};
pub use transport::Transport;
pub use unsent::{Buffer, Retries, WhenFull};
pub use verdict::IntoVerdict;

pub use crate::{
    dispatch::{Call, Calling, SendState},
    event::{Concurrent, EventError, FromAck, OnEvent, RemoteError, concurrent},
    net::{
        DialError, Direction, OwnHeader, Proxy, ProxyError, Query, Seen, Step, TimeError, Tls,
        TlsBuilder, TlsError, USER_AGENT, UrlError,
    },
};
pub use sockeye_proto::{
    session::{Delays, Reason, websocket::Close},
    wire::{
        encoding::Parser,
        engine::{HandshakeError, Version},
        ws::{CloseCode, deflate::Config as Deflate},
    },
};
