//! A WebSocket on its byte stream, as a driver owns it.

use sockeye_proto::session::websocket::{Config, WebSocket};
use sockeye_proto::wire::ws::Role;
use sockeye_proto::wire::ws::deflate::Agreement;
use tokio::net::tcp::OwnedWriteHalf;

use super::{Stream, stream::Io};

/// The reading half, the machine above it, and what was read from it before.
pub(super) struct Framed {
    pub(super) io: Io,
    pub(super) websocket: WebSocket,
    /// Bytes that somebody else has read already.
    pub(super) early: Box<[u8]>,
}

impl Framed {
    /// An end whose handshake is done; the writing half of plain TCP goes to an outbox.
    pub(super) fn new(
        role: Role,
        (stream, early): (Stream, bytes::Bytes),
        config: &Config,
    ) -> (Self, Option<OwnedWriteHalf>) {
        let (io, tcp) = stream.split();
        let websocket = WebSocket::new(role, config);
        // A copy: even empty, it would keep hyper's read buffer alive.
        (Self { io, websocket, early: Box::from(&*early) }, tcp)
    }

    /// As [`Self::new`], a client's, which reads compressed messages if that was agreed on. It sends none: nobody has to.
    pub(super) fn client(
        stream: (Stream, bytes::Bytes),
        config: &Config,
        deflate: Option<Agreement>,
    ) -> (Self, Option<OwnedWriteHalf>) {
        let (mut framed, tcp) = Self::new(Role::Client, stream, config);
        if let Some(deflate) = deflate {
            framed.websocket = framed.websocket.with_deflate(deflate.inflater(Role::Client));
        }
        (framed, tcp)
    }
}
