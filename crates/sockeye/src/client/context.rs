//! Where the events of a client happen, and what its handlers can take of that: socket, client's state, disconnect.

use std::{any::TypeId, sync::Arc};

use super::{Client, Disconnect, Socket, blocking, member::AtWork, verdict::Verdict};
use crate::{
    dispatch::{Backlog, Handlers, RunContext},
    event::{Event, FromEvent, Given, HasState, Needs, Place, Refusal, Reject},
};

/// The name that a connect handler runs under.
pub(super) const CONNECT: &str = "connect";

/// What handlers of a client are given without a state. No `Client`: it does not exist before its handlers do.
pub(super) const GIVEN: &Given = &[
    (TypeId::of::<Socket>(), "socket: Socket"),
    (TypeId::of::<Client>(), "socket: Socket"),
    (TypeId::of::<blocking::Client>(), "socket: Socket"),
    (TypeId::of::<Disconnect>(), "because: Disconnect"),
];

/// Where an event of a client happens.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) socket: Socket,
    /// Set for a disconnect handler.
    pub(super) gone: Option<Arc<Disconnect>>,
}

impl HasState for Context {
    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.socket.shared.states.find()
    }
}

impl FromEvent<Context> for Socket {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        let socket = event.context().socket.clone();
        // No server can send an event of this name.
        Ok(Self { is_ahead: event.name() == CONNECT, ..socket })
    }
}

/// How the connection ended; for disconnect handlers only.
impl FromEvent<Context> for Disconnect {
    fn from_event(event: &Event<'_, Context>) -> Result<Self, Reject> {
        let gone = event.context().gone.as_deref();
        gone.cloned().ok_or_else(|| {
            tracing::error!("only a disconnect handler can take a `Disconnect`"); // `build` has checked that
            Reject::Refused(Refusal::new("internal error").code("internal"))
        })
    }

    fn needs(needs: &mut Needs) {
        needs.place("Disconnect", &[Place::Disconnect], "the disconnect handler takes it");
    }
}

impl RunContext for Context {
    type AtWork = AtWork;
    type Verdict = Verdict;

    fn namespace(&self) -> &str {
        self.socket.namespace()
    }

    fn handlers(&self) -> &Handlers<Self, Verdict> {
        &self.socket.member.handlers
    }

    fn backlog(&self) -> Backlog {
        self.socket.shared.backlog
    }

    /// Says who would handle it, too.
    fn unhandled(&self, event: &str) -> Refusal {
        self.socket.shared.count_unhandled();
        let others = |event: &str| {
            let members = self.socket.shared.members().into_iter();
            members
                .filter(|member| member.handlers.has(event))
                .map(|m| m.name.to_string())
                .collect()
        };
        self.handlers().refuse(self.namespace(), event, others)
    }

    /// A client has chosen its server; a handler that it never runs is a mistake that its author has to hear of.
    fn refused(&self, event: &str, why: &str) {
        self.handlers().not_run(self.namespace(), event, why);
    }

    fn begin_concurrent(&self) -> Option<AtWork> {
        self.socket.member.begin_concurrent(self.socket.shared.backlog.max_events)
    }
}
