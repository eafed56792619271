//! The handlers of a namespace, as the author states them, and as the server runs them.

use std::{any::TypeId, fmt, time::Duration};

use crate::{
    dispatch::{Handlers, HandlersBuilder, Miswired},
    event::{Handler, OnEvent, Refusal, States},
    server::{
        extract::{Context, GIVEN},
        welcome::{IntoWelcome, SocketData},
    },
};

/// What a connect handler comes to.
pub(crate) type Verdict = Result<Option<SocketData>, Refusal>;

/// Handlers for the sockets of one namespace. Handlers belong to the namespace, so a socket that is idle carries none.
///
/// # Examples
///
/// ```
/// use sockeye::{event::{Ack, Args, Refusal}, server::{Auth, Data, Namespace, Socket}};
///
/// #[derive(serde::Deserialize)]
/// struct Login { name: String }
/// struct User { name: String }
///
/// async fn joined(Auth(login): Auth<Login>) -> Result<User, Refusal> {
///     if login.name.is_empty() {
///         return Err(Refusal::new("a name is needed"));
///     }
///     Ok(User { name: login.name })
/// }
///
/// async fn say(socket: Socket, user: Data<User>, Args((text,)): Args<(String,)>) -> Ack<usize> {
///     let _ = socket.broadcast().emit("said", (&user.name, &text)); // no name that is reserved
///     Ack(text.len())
/// }
///
/// let chat = Namespace::new().on_connect(joined).on("say", say);
/// ```
#[derive(Default)]
#[must_use = "a namespace does nothing until it is given to a server's builder"]
pub struct Namespace {
    data: Option<(TypeId, &'static str)>,
    handlers: HandlersBuilder<Context, Verdict>,
}

impl Namespace {
    /// A namespace that lets everybody in and handles nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides who joins. Returns `()`, or `Result<T, Refusal>`: the `T` becomes the socket's [`Data`](crate::server::Data).
    pub fn on_connect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M>,
        H::Output: IntoWelcome,
    {
        self.data = H::Output::data_type();
        self.handlers.on_connect(handler, |output| output.into_welcome());
        self
    }

    /// Handles an event. What the handler returns answers the client's ack, if it asked for one.
    ///
    /// Events of one socket are handled one after the other, in order; see [`concurrent`](crate::server::concurrent).
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

    /// Runs after a socket has gone, once the handler that was running for it is done.
    pub fn on_disconnect<M, H>(mut self, handler: H) -> Self
    where
        H: Handler<Context, M, Output = ()>,
    {
        self.handlers.on_disconnect(handler);
        self
    }

    /// Checks the wiring and makes what the server runs.
    ///
    /// # Errors
    ///
    /// [`Miswired`]: a handler can't work.
    pub(crate) fn build(
        self,
        states: &States,
        call_timeout: Duration,
    ) -> Result<Behaviour, Miswired> {
        let handlers = self.handlers.build(states, self.data, GIVEN)?;
        Ok(Behaviour { handlers, call_timeout })
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.handlers).finish_non_exhaustive()
    }
}

/// What happens to the sockets of a namespace, whatever it is called.
#[derive(Default)]
pub(crate) struct Behaviour {
    pub(crate) handlers: Handlers<Context, Verdict>,
    /// How long a call waits that does not say.
    pub(crate) call_timeout: Duration,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Behaviour")
    }
}
