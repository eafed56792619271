//! Raw WebSocket (RFC 6455), both ends, with compression (RFC 7692): connect, accept, stream and sink.
#![doc = include_str!("../docs/ws.md")]

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "client")]
mod connect;
mod error;
mod keep_alive;
mod message;
mod options;
mod outgoing;
#[cfg(feature = "server")]
mod service;
mod socket;
#[cfg(feature = "server")]
mod upgrade;

#[cfg(feature = "server")]
pub use accept::{accept, accept_with};
#[cfg(feature = "client")]
pub use connect::{Connect, ConnectError, connect};
pub use error::Error;
pub use message::Message;
pub use options::Options;
#[cfg(feature = "server")]
pub use service::{Service, service};
pub use socket::WebSocket;
#[cfg(feature = "server")]
pub use upgrade::{Upgrade, UpgradeError, upgrade};

#[cfg(feature = "client")]
pub use crate::net::{
    DialError, Direction, OwnHeader, Proxy, ProxyError, ProxyFailure, Seen, Step, Tls, TlsBuilder,
    TlsError, UrlError,
};
pub use sockeye_proto::{
    session::websocket::Close,
    wire::ws::{
        CloseCode, DecodeError, ProtocolError, Role,
        deflate::Config as Deflate,
        handshake::{InvalidProtocol, RequestError, ResponseError},
    },
};
