//! The way in: a client that has joined its namespaces, or the trouble it had.

use std::{iter, time::Duration};

use sockeye::{
    client::{
        Builder, CallErrorKind, Client, CloseReason, ConnectionState, Left, SendError, Socket,
        Version,
    },
    event::NoAnswer,
};
use tokio::time;

use super::{Connection, Eio, Trouble, options::Plan};
use crate::{trace::Tracer, units::Time};

/// How much longer connecting may take than `--timeout` says, so that its parts end first.
const GRACE: Duration = Duration::from_millis(500);
/// How long a server may take to end a connection in good order.
const GOODBYE: Duration = Duration::from_millis(500);

/// How long a server is asked for its version.
const QUESTION: Time = Time::seconds(3);

/// The version that a server speaks, found out by joining and leaving; [`Eio::Auto`] if it can't be.
pub(crate) async fn spoken_by(mut connection: Connection, tracer: Option<Tracer>) -> Eio {
    if connection.timeout.get() > QUESTION.get() {
        connection.timeout = QUESTION;
    }
    let Ok(plan) = connection.plan() else { return Eio::Auto };
    let join = Session::join(plan.traced(tracer), |builder| {
        builder.no_reconnect().on_any(async || NoAnswer)
    });
    let Ok(session) = join.await else { return Eio::Auto };
    let eio = match session.client.last_connected() {
        Some(ConnectionState::Connected { version: Version::V3, .. }) => Eio::V3,
        Some(ConnectionState::Connected { .. }) => Eio::V4,
        _ => Eio::Auto,
    };
    session.close(false).await;
    eio
}

/// A client that is in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) timeout: Duration,
    /// Whether `/` is joined because nobody named a namespace.
    pub(crate) is_unasked: bool,
    server: String,
    forced: Option<Version>,
}

impl Session {
    /// Connects and joins; `prepare` says what else the client is to do.
    ///
    /// # Errors
    ///
    /// [`Trouble`]: it can't.
    pub(crate) async fn join(
        plan: Plan,
        prepare: impl FnOnce(Builder) -> Builder,
    ) -> Result<Self, Trouble> {
        let Plan { builder, namespaces, server, forced, is_unasked, timeout, has_bearer, .. } =
            plan;
        let client = prepare(builder).start().map_err(Trouble::Build)?;
        // Whatever the URL was read as, the first one is the client's own.
        let others = namespaces.iter().skip(1).filter_map(|name| client.of(name));
        let sockets = iter::once(client.socket().clone()).chain(others).collect();
        let session = Self { client, sockets, timeout: timeout.get(), is_unasked, server, forced };
        // The command for the token has a time of its own.
        // A moment longer than its parts may take: they know which one failed, and how.
        let limit = session.timeout.saturating_mul(if has_bearer { 2 } else { 1 }) + GRACE;
        let trouble = match time::timeout(limit, session.joined()).await {
            Ok(Ok(())) => return Ok(session),
            Ok(Err(trouble)) => trouble,
            Err(_) => session.unanswered(),
        };
        session.close(false).await;
        Err(trouble.with_advice(&session.server, false))
    }

    async fn joined(&self) -> Result<(), Trouble> {
        for socket in &self.sockets {
            match socket.joined().await {
                Ok(()) => {}
                // In, and out again: what came in between is there to be taken, and then the reason.
                Err(_) if socket.last_id().is_some() => {}
                Err(Left::Closed) if self.was_joined() => return Ok(()),
                Err(Left::Closed) => return Err(self.ended(false).await),
                Err(because) => return Err(Trouble::left(socket.namespace(), because)),
            }
        }
        Ok(())
    }

    /// Whether the server has let us in anywhere.
    fn was_joined(&self) -> bool {
        self.sockets.iter().any(|socket| socket.last_id().is_some())
    }

    /// Opening a transport ends in less time, and says why: what is missing is the answer to a CONNECT.
    fn unanswered(&self) -> Trouble {
        let missing = self.sockets.iter().find(|socket| !socket.is_joined());
        let namespace = missing.map_or("/", |socket| socket.namespace());
        Trouble::left(namespace, Left::Unanswered { after: self.timeout })
    }

    /// Waits until the client is closed without our doing, and says why.
    pub(crate) async fn ended(&self, was_joined: bool) -> Trouble {
        let trouble = match self.client.closed().await {
            CloseReason::GaveUp(error) if was_joined => Trouble::NotAgain(error),
            CloseReason::GaveUp(error) => Trouble::Open(error),
            CloseReason::Lost(disconnect) if was_joined => Trouble::Lost(disconnect),
            CloseReason::Lost(disconnect) => Trouble::NotLetIn { disconnect, forced: self.forced },
            CloseReason::NothingJoined(left) => {
                let namespace = self.sockets.first().map_or("/", |socket| socket.namespace());
                Trouble::left(namespace, left)
            }
            reason => Trouble::Closed(reason),
        };
        if was_joined { trouble.with_advice(&self.server, true) } else { trouble }
    }

    /// Adds how the connection ended, if it is that which something failed of.
    pub(crate) async fn explained(&self, trouble: Trouble) -> Trouble {
        let is_lost = match &trouble {
            Trouble::Call(error) => matches!(error.kind, CallErrorKind::Disconnected { .. }),
            trouble => matches!(trouble, Trouble::NotSent { error: SendError::Lost { .. }, .. }),
        };
        if !is_lost {
            return trouble;
        }
        // The end of the connection is on its way to all who wait.
        let mut state = self.client.state();
        let ended = state.wait_for(|state| !state.is_connected());
        let state = match time::timeout(GOODBYE, ended).await {
            Ok(Ok(state)) => state.clone(),
            _ => return trouble,
        };
        match state {
            ConnectionState::Reconnecting { because: disconnect, .. }
            | ConnectionState::Closed { reason: CloseReason::Lost(disconnect) } => {
                Trouble::Broken { trouble: Box::new(trouble), disconnect }
            }
            _ => trouble,
        }
    }

    /// Says goodbye. If it owes something, which may not be written yet, that may take as long as an answer; else there is
    /// only the server to wait for, and some never take notice.
    pub(crate) async fn close(&self, owes: bool) {
        let limit = if owes { self.timeout } else { self.timeout.min(GOODBYE) };
        // Past its time the connection ends with the process.
        let _ = time::timeout(limit, self.client.close()).await;
    }
}
