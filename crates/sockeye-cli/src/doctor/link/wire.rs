//! What a link goes over: a WebSocket, or polling.

use std::time::Duration;

use sockeye_proto::wire::{
    engine::{self, Version},
    prepared::Prepared,
};

use super::{polling::Polls, websocket::RawWebSocket};
use crate::doctor::found::{Flood, Reception, Said};

/// An open transport.
#[derive(Debug)]
pub(crate) enum Wire<'t> {
    Polling(Polls<'t>),
    WebSocket(RawWebSocket),
}

impl Wire<'_> {
    pub(crate) const fn transport(&self) -> &'static str {
        match self {
            Self::Polling(_) => "polling",
            Self::WebSocket(_) => "websocket",
        }
    }

    /// The next that is said within this time; `None` is silence.
    pub(super) async fn next(&mut self, limit: Duration) -> Option<Said> {
        match self {
            Self::Polling(polls) => polls.next(limit).await,
            Self::WebSocket(socket) => socket.next(limit).await,
        }
    }

    /// Sends a packet, encoded for the server.
    pub(super) async fn send(&mut self, packet: &Prepared, version: Version) {
        match self {
            Self::Polling(polls) => polls.send(packet).await,
            Self::WebSocket(socket) => {
                if !packet.text().is_empty() {
                    socket.send(packet.text());
                }
                let mark = (version == Version::V3).then(|| engine::Kind::Message.digit() - b'0');
                for attachment in packet.attachments() {
                    let bytes: Vec<u8> =
                        mark.into_iter().chain(attachment.iter().copied()).collect();
                    socket.send_bytes(&bytes);
                }
            }
        }
    }

    /// Whether the server takes what is sent. On polling answers are requests of their own.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Polling(_) => true,
            Self::WebSocket(socket) => socket.is_read(),
        }
    }

    /// More pings than the server may send, if it does.
    pub(super) fn flood(&self, announced: Option<Duration>) -> Option<Flood> {
        let pings = match self {
            Self::Polling(polls) => &polls.pings,
            Self::WebSocket(socket) => &socket.pings,
        };
        pings.flood(announced, self.is_read())
    }

    /// What the server said instead of going on.
    pub(crate) const fn refused(&self) -> Option<&Reception> {
        match self {
            Self::Polling(polls) => polls.refused.as_ref(),
            Self::WebSocket(_) => None,
        }
    }

    /// Says goodbye, and gives what the server said to that if it was no: a server that does not know the session.
    pub(super) async fn close(self) -> Option<Reception> {
        match self {
            Self::Polling(polls) => polls.close().await,
            Self::WebSocket(socket) => {
                socket.close().await;
                None
            }
        }
    }
}
