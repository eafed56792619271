//! What a client does in one namespace, as its author states it: handlers, hooks, auth.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{
    BuildError, Context, IntoVerdict,
    auth::{Auth, BoxError, kind},
    context::GIVEN,
    events::Inbox,
    member::Member,
    verdict::Verdict,
};
use crate::{
    dispatch::{HandlersBuilder, Miswired},
    event::{Handler, OnEvent, Running, States},
};

/// Handlers for the events of one namespace, and what is needed to join it.
///
/// # Examples
///
/// ```
/// use sockeye::{client::{Disconnect, Namespace, Socket}, event::{Ack, Args}};
///
/// async fn joined(socket: Socket) {
///     let _ = socket.emit("hello", ("I am back",)); // goes out before all that waits
/// }
/// async fn question(Args((text,)): Args<(String,)>) -> Ack<usize> {
///     Ack(text.len()) // answers the server's ack
/// }
/// async fn lost(because: Disconnect) {
///     eprintln!("{because}");
/// }
/// let chat = Namespace::new()
///     .auth([("token", "secret")].into_iter().collect::<std::collections::HashMap<_, _>>())
///     .on_connect(joined)
///     .on("question", question)
///     .on_disconnect(lost);
/// ```
#[derive(Default)]
#[must_use = "a namespace does nothing until it is given to a client"]
pub struct Namespace {
    auth: Option<Result<Auth, String>>,
    handlers: HandlersBuilder<Context, Verdict>,
}

impl Namespace {
    /// A namespace without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the server gets to decide by: anything that serde writes as a JSON object.
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = Some(match serde_json::to_value(auth) {
            Ok(Value::Object(object)) => Ok(Auth::Value(object)),
            Ok(other) => Err(kind(&other).to_owned()),
            Err(error) => Err(error.to_string()),
        });
        self
    }

    /// As [`Self::auth`], asked for at each attempt to join: for tokens that run out. If it fails, it is tried again
    /// later, like a connection.
    pub fn auth_with<F, Fut, T, E>(mut self, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize,
        E: Into<BoxError>,
    {
        let ask = move || -> Running<Result<Value, BoxError>> {
            let auth = ask();
            Box::pin(async move {
                let auth = auth.await.map_err(Into::into)?;
                Ok(serde_json::to_value(auth)?)
            })
        };
        self.auth = Some(Ok(Auth::Ask(Box::new(ask))));
        self
    }

    /// Runs each time the namespace has been joined, before anything goes out that waited for it; what the handler itself
    /// emits with its [`Socket`](super::Socket) goes out at once. Returns `()` or `Result<(), Refusal>`: an error leaves
    /// the namespace again.
    pub fn on_connect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M>,
        H::Output: IntoVerdict,
    {
        self.handlers.on_connect(handler, |output| output.into_verdict());
        self
    }

    /// Handles an event. What the handler returns answers the server's ack, if it asked for one.
    ///
    /// Events of a namespace are handled one after the other, in order; see [`concurrent`](super::concurrent). A handler
    /// that waits stops neither heartbeats nor other namespaces.
    pub fn on<M>(mut self, event: impl Into<String>, handler: impl OnEvent<Context, M>) -> Self {
        self.handlers.on(event.into(), handler);
        self
    }

    /// Handles every event that has no handler of its own; its name is taken as
    /// [`EventName`](crate::event::EventName).
    pub fn on_any<M>(mut self, handler: impl OnEvent<Context, M>) -> Self {
        self.handlers.on_any(handler);
        self
    }

    /// Runs each time the namespace was joined and is not any more; takes a [`Disconnect`](super::Disconnect).
    pub fn on_disconnect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M, Output = ()>,
    {
        self.handlers.on_disconnect(handler);
        self
    }

    /// Checks the wiring and makes what the client runs. Events without a handler go to the `inbox`, if there is one.
    pub(super) fn build(
        mut self,
        name: &str,
        states: &States,
        inbox: Option<&Inbox>,
    ) -> Result<Member, BuildError> {
        if let Some(inbox) = inbox
            && !self.handlers.has_fallback()
        {
            self.handlers.on_any(inbox.handler());
        }
        let auth = self
            .auth
            .transpose()
            .map_err(|found| BuildError::Auth { namespace: name.to_owned(), found })?;
        let wiring = |Miswired { handler, problem }| BuildError::Wiring {
            namespace: name.to_owned(),
            handler,
            problem,
        };
        let handlers = self.handlers.build(states, None, GIVEN).map_err(wiring)?;
        Ok(Member::new(name, handlers, auth))
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.handlers).finish_non_exhaustive()
    }
}
