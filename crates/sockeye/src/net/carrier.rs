//! What carries a session: polling, from which it may move once, or a WebSocket.

use std::{pin::Pin, task::Context, time::Instant};

use sockeye_proto::session::Reason;
use tokio::io::AsyncWrite as _;

#[cfg(feature = "client")]
use super::client::Requesting;
use super::{Driven, framed::Framed, outbox::Flushed, polling::Polling, stream::Io};

/// The transport of a session, as its driver owns it.
pub(super) enum Carrier {
    Polling(Box<Polling>),
    /// A client's end of polling.
    #[cfg(feature = "client")]
    Requesting(Box<Requesting>),
    WebSocket(Framed),
}

/// How a carrier ends once its session is over.
pub(super) enum Ending {
    /// By the handshake of a WebSocket.
    Handshake,
    /// The next GET is told; until then, at most.
    Farewell { until: Instant },
    /// At once.
    Nothing,
}

impl Carrier {
    /// The WebSocket, if it is one.
    pub(super) const fn websocket(&mut self) -> Option<&mut Framed> {
        match self {
            Self::WebSocket(framed) => Some(framed),
            _ => None,
        }
    }

    /// Its name, for the log.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::WebSocket(_) => "websocket",
            _ => "polling",
        }
    }

    /// When its WebSocket has something to do by the clock.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self {
            Self::WebSocket(framed) => framed.websocket.next_deadline(),
            _ => None,
        }
    }

    /// Writes what the outbox has.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        cx: &mut Context<'_>,
    ) -> Flushed {
        match self {
            Self::WebSocket(Framed { io, .. }) => conn.outbox(|outbox| io.flush(outbox, cx, now)),
            Self::Polling(polling) => polling.flush(now, conn),
            #[cfg(feature = "client")]
            Self::Requesting(requesting) => requesting.flush(conn, cx),
        }
    }

    /// Its session is over: what is to come of it.
    pub(super) fn close(
        &mut self,
        now: Instant,
        conn: Driven<'_>,
        reason: Reason,
        cx: &mut Context<'_>,
    ) -> Ending {
        let until = match self {
            Self::WebSocket(_) => return Ending::Handshake,
            Self::Polling(polling) => polling.close(now, conn, reason, cx),
            #[cfg(feature = "client")]
            Self::Requesting(requesting) => requesting.close(now, conn, reason, cx),
        };
        until.map_or(Ending::Nothing, |until| Ending::Farewell { until })
    }

    /// Whether a GET has been told that the session is over.
    pub(super) fn has_said_farewell(&self) -> bool {
        match self {
            Self::Polling(polling) => polling.has_said_farewell(),
            #[cfg(feature = "client")]
            Self::Requesting(requesting) => requesting.has_said_farewell(),
            Self::WebSocket(_) => false,
        }
    }

    /// Ends the writing side of a stream that is not the outbox's. At best: the peer has our close frame already.
    pub(super) fn shut_down(&mut self, cx: &mut Context<'_>) {
        if let Self::WebSocket(Framed { io: Io::Other(stream), .. }) = self {
            let _ = Pin::new(stream).poll_shutdown(cx);
        }
    }
}
