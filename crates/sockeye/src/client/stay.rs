//! One stay at a server, as a client sees a session: the connection, what the server announced, how it ended.

use std::{fmt, sync::Arc, time::Instant};

use sockeye_proto::{
    session::{Reason, websocket::Close},
    wire::{
        engine::{Handshake, Version},
        ws::CloseFrame,
    },
};

use super::{Disconnect, Transport, lifeline::Lifeline};
use crate::net::Conn;

#[derive(Debug)]
pub(super) struct Stay {
    pub(super) conn: Arc<Conn>,
    /// What carried it at first.
    pub(super) began_by: Transport,
    /// What carries it.
    pub(super) transport: Transport,
    began: Instant,
    handshake: Option<Box<Handshake>>,
    lifeline: Option<Arc<Lifeline>>,
    /// Boxed: most sessions have none of it for long.
    last_words: Option<Box<LastWords>>,
    /// Whether all namespaces that could be joined are.
    pub(super) is_settled: bool,
    pub(super) ended: Option<Arc<Disconnect>>,
    /// The server turned out to speak version 3 although this session does not.
    pub(super) is_of_wrong_version: bool,
}

/// What was said of its end.
#[derive(Clone, Debug, Default)]
struct LastWords {
    /// By the server.
    close: Option<Close>,
    /// By this side: what was wrong first, and whether that is something that the server sent.
    cause: Option<(String, bool)>,
}

impl Stay {
    pub(super) const fn new(conn: Arc<Conn>, transport: Transport, now: Instant) -> Self {
        Self {
            conn,
            began_by: transport,
            transport,
            began: now,
            handshake: None,
            lifeline: None,
            last_words: None,
            is_settled: false,
            ended: None,
            is_of_wrong_version: false,
        }
    }

    pub(super) fn opened(&mut self, now: Instant, handshake: Box<Handshake>) {
        let allowance = handshake.ping_interval.saturating_add(handshake.ping_timeout);
        self.lifeline = Some(Arc::new(Lifeline::new(now, allowance)));
        self.handshake = Some(handshake);
    }

    /// What those who send look at first.
    pub(super) const fn lifeline(&self) -> Option<&Arc<Lifeline>> {
        self.lifeline.as_ref()
    }

    pub(super) const fn is_open(&self) -> bool {
        self.handshake.is_some() && self.ended.is_none()
    }

    pub(super) fn closing(&mut self, frame: Option<CloseFrame<'_>>) {
        let close = frame.map(|CloseFrame { code, reason }| Close { code, reason: reason.into() });
        self.last_words.get_or_insert_default().close = close;
    }

    pub(super) fn failing(&mut self, cause: &dyn fmt::Display, is_violation: bool) {
        /// The server has its say in it, at any length.
        const MAX_CHARS: usize = 300;

        let first = &mut self.last_words.get_or_insert_default().cause;
        first.get_or_insert_with(|| {
            (cause.to_string().chars().take(MAX_CHARS).collect(), is_violation)
        });
    }

    pub(super) fn version(&self) -> Version {
        self.conn.encoding.version
    }

    pub(super) fn sid(&self) -> &str {
        self.handshake.as_ref().map_or("", |handshake| &handshake.sid)
    }

    /// The largest message that the server takes, in bytes, if it said so.
    pub(super) fn max_payload(&self) -> Option<usize> {
        self.handshake.as_ref()?.max_payload_bytes?.try_into().ok()
    }

    /// What there is to say if it ends now.
    pub(super) fn disconnect(&self, now: Instant, reason: Reason) -> Arc<Disconnect> {
        let last_sign = self.conn.look(|machine| machine.last_sign());
        let LastWords { close, cause } = self.last_words.as_deref().cloned().unwrap_or_default();
        let (cause, is_violation) = cause.unzip();
        Arc::new(Disconnect {
            reason,
            close,
            cause,
            is_violation: is_violation == Some(true),
            after: now.saturating_duration_since(self.began),
            last_heard: last_sign.map(|sign| now.saturating_duration_since(sign)),
        })
    }
}
