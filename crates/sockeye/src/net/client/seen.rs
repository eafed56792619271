//! What passes on a client's connections, as a value for each thing, from the name that is looked up to the packet.

use std::{error::Error, io, net::SocketAddr, time::Duration};

use http::{HeaderMap, Method, StatusCode, Uri};
use sockeye_proto::wire::{engine::Kind, ws::Message};

/// Which way something passes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From the server to us.
    In,
    /// From us to the server.
    Out,
}

/// One thing that passed, at one layer. What a layer carries is told right behind it: a message, then the packet in it.
///
/// Everything is borrowed, and nothing is left out: headers, URLs and packets hold tokens, cookies and the ids of
/// sessions, which are secrets. Whoever shows them to people takes those out.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Seen<'s> {
    /// A name was looked up.
    Resolved {
        /// The name, or an address.
        host: &'s str,
        /// What it stands for, in the order in which they are tried.
        addresses: &'s [SocketAddr],
        /// How long that took.
        took: Duration,
    },
    /// TCP is connected: to the server, or to the proxy on the way to it.
    Connected {
        /// The other end.
        address: SocketAddr,
        /// How long that took.
        took: Duration,
    },
    /// The proxy has connected to the server.
    Proxied {
        /// Its URL, without user and password.
        proxy: &'s str,
        /// The server's name or address.
        host: &'s str,
        /// The server's port.
        port: u16,
        /// How long that took.
        took: Duration,
    },
    /// Both sides agreed on encryption, and the other one is believed.
    Secured {
        /// The name that the certificate is for.
        host: &'s str,
        /// The version of TLS, such as `1.3`.
        version: &'s str,
        /// The protocol that was agreed on, such as `http/1.1`.
        protocol: Option<&'s [u8]>,
        /// The server's own certificate, in DER.
        certificate: Option<&'s [u8]>,
        /// How long that took.
        took: Duration,
    },
    /// A request of HTTP is about to be sent.
    Request {
        /// What is asked for.
        method: &'s Method,
        /// Of what: path and query.
        target: &'s Uri,
        /// Its headers.
        headers: &'s HeaderMap,
        /// Its body.
        body: &'s [u8],
    },
    /// It was answered.
    Response {
        /// What was asked for; on polling there may be two requests under way.
        method: &'s Method,
        /// What comes of it.
        status: StatusCode,
        /// Its headers.
        headers: &'s HeaderMap,
        /// Its body; that of a refusal is cut.
        body: &'s [u8],
    },
    /// A message of WebSocket: data, put together, inflated and unmasked; or a ping, a pong, a close.
    Message {
        /// Which way.
        direction: Direction,
        /// The message.
        message: Message<'s>,
    },
    /// A packet of Engine.IO in text, on whichever transport.
    Packet {
        /// Which way.
        direction: Direction,
        /// What it is for. The body of a [`Kind::Message`] is one of Socket.IO.
        kind: Kind,
        /// What stands behind the digit of its kind.
        body: &'s str,
    },
    /// The binary message of Engine.IO, on whichever transport: an attachment, or a packet in msgpack.
    Binary {
        /// Which way.
        direction: Direction,
        /// The data alone, in version 3 too.
        data: &'s [u8],
    },
    /// Something that is not what it should be at its layer. Of a WebSocket nothing is told after that in this direction.
    Unreadable {
        /// Which way.
        direction: Direction,
        /// The bytes that it was found in.
        bytes: &'s [u8],
        /// What was found, and what was expected.
        error: &'s (dyn Error + 'static),
    },
    /// The server has ended the stream of a WebSocket, or it broke.
    Ended {
        /// Why it broke.
        error: Option<&'s io::Error>,
    },
}
