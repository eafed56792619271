//! The handle of a client: what keeps it connected, and what is asked of it.

use std::{ops::Deref, sync::Arc, time::Duration};

use tokio::{sync::watch, time};

use super::{
    BuildError, Builder, CloseReason, ConnectError, ConnectionState, Events, Incoming, Left,
    Membership, Namespace, NextError, Socket,
    shared::{Order, Shared},
};

/// A Socket.IO client. It stays connected, and reconnects, until it is [closed](Self::close) or its last clone dropped.
///
/// It dereferences to the [`Socket`] of the namespace that its URL names.
///
/// # Examples
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use sockeye::{client::Client, event::{Ack, Args}};
///
/// async fn chat(Args((from, text)): Args<(String, String)>) -> Ack<bool> {
///     println!("{from}: {text}");
///     Ack(true) // if the server asks for an ack
/// }
///
/// let client = Client::builder("https://example.com/imchat")
///     .auth([("token", "secret")].into_iter().collect::<std::collections::HashMap<_, _>>())
///     .on("chat", chat)
///     .connect()
///     .await?; // joined, or why not
/// client.emit("message", ("hello",))?;
/// let room: String = client.call("join", ("lobby",)).await?;
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client(Arc<Handle>);

/// What all clones have together: when it is dropped, the client is closed.
#[derive(Debug)]
struct Handle {
    socket: Socket,
}

impl Client {
    /// A client of the server at this URL, such as `https://example.com/chat?room=1`. Its path names the namespace (none
    /// is `/`), its query goes along with all requests.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    #[expect(clippy::expect_used, reason = "the builder gives at least the URL's")]
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let member = shared.members().into_iter().next().expect("a namespace");
        Self(Arc::new(Handle { socket: Socket::new(shared, member) }))
    }

    /// The socket of the namespace that the URL names.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.0.socket
    }

    /// The socket of this namespace, if it was ever given to the client.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Option<Socket> {
        let shared = self.shared();
        shared.member(namespace).map(|member| Socket::new(Arc::clone(shared), member))
    }

    /// Joins one more namespace, on the same connection, and on all that follow. To join one again that was left, give its
    /// handlers again.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; whether it could be joined, [`Socket::joined`] tells.
    pub fn join(
        &self,
        name: impl Into<String>,
        namespace: Namespace,
    ) -> Result<Socket, BuildError> {
        let (shared, name) = (self.shared(), name.into());
        if !sockeye_proto::wire::packet::is_namespace(&name) {
            return Err(BuildError::NamespaceName { name });
        }
        let is_in = |left: &Membership| !matches!(left, Membership::Left(_));
        if shared.member(&name).is_some_and(|member| is_in(&member.membership.borrow())) {
            return Err(BuildError::TwoNamespaces { name });
        }
        let member = Arc::new(namespace.build(&name, &shared.states, shared.inbox.as_ref())?);
        shared.add(&member);
        if shared.is_closed().is_some() {
            member.out(&Left::Closed);
        } else {
            shared.order(Order::Join(Arc::clone(&member)));
        }
        Ok(Socket::new(Arc::clone(shared), member))
    }

    /// Where the connection stands, as a value that can be waited on. While a borrow of it is held, the connection can't go
    /// on: clone what is needed.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.shared().state.subscribe()
    }

    /// How the last connection was [`Connected`](ConnectionState::Connected), also if it is over; `None` if it never was.
    /// [`Self::state`] holds one state, so that of a connection that ended at once nobody may see more than the end.
    #[must_use]
    pub fn last_connected(&self) -> Option<ConnectionState> {
        self.shared().last_connected.lock().clone()
    }

    /// Whether all namespaces that could be joined are.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared().state.borrow().is_connected()
    }

    /// The events that no handler takes, if the builder's [`events`](Builder::events) asks to keep them.
    ///
    /// # Errors
    ///
    /// [`NextError::Off`]: it does not.
    pub fn events(&self) -> Result<Events, NextError> {
        self.shared().inbox.clone().map(Events).ok_or(NextError::Off)
    }

    /// Waits for the next event of this name that no handler takes; see [`Events::next`].
    ///
    /// # Errors
    ///
    /// [`NextError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&self, event: &str) -> Result<Incoming, NextError> {
        self.events()?.next(event).await
    }

    /// How many events arrived that nobody handled, in all namespaces.
    #[must_use]
    pub fn unhandled(&self) -> u64 {
        self.shared().unhandled.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Ends the connection and makes another, at once.
    pub fn reconnect(&self) {
        self.shared().order(Order::Reconnect);
    }

    /// Closes the client: leaves all namespaces, sends what the connection has already taken, and ends. While it
    /// reconnects, that ends too. What waits for a connection fails.
    ///
    /// An event that asks for no ack is given 50 ms after it was written, since a server may drop what somebody sent who
    /// has left by the time its handler is to begin (npm's does). Only an ack says that it was handled.
    ///
    /// # Cancel safety
    ///
    /// It is closed all the same; only the waiting ends.
    pub async fn close(&self) -> CloseReason {
        self.shared().order(Order::Close);
        self.closed().await
    }

    /// Waits until the client is closed for good, and says why.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> CloseReason {
        let mut state = self.state();
        let closed = state.wait_for(|state| matches!(state, ConnectionState::Closed { .. })).await;
        match closed.as_deref() {
            Ok(ConnectionState::Closed { reason }) => reason.clone(),
            _ => CloseReason::Closed, // never: the sender is ours
        }
    }

    /// Waits until all namespaces are joined, so long, and a little longer for what has to end in that time.
    pub(super) async fn connected_within(
        &self,
        timeout: Duration,
        grace: Duration,
    ) -> Result<(), ConnectError> {
        match time::timeout(timeout.saturating_add(grace), self.connected()).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::Timeout { after: timeout, waiting: self.waiting() }),
        }
    }

    async fn connected(&self) -> Result<(), ConnectError> {
        for member in self.shared().members() {
            let socket = Socket::new(Arc::clone(self.shared()), member);
            let Err(because) = socket.joined().await else { continue };
            if socket.last_id().is_some() {
                continue; // in, and out again: what came between is there to be taken
            }
            if matches!(because, Left::Closed) {
                return Err(match self.closed().await {
                    CloseReason::GaveUp(error) => ConnectError::Open(error),
                    reason => ConnectError::Closed(reason),
                });
            }
            let namespace = socket.namespace().to_owned();
            return Err(ConnectError::NotJoined { namespace, because });
        }
        Ok(())
    }

    /// What is missing for a connection, for people.
    fn waiting(&self) -> String {
        let (attempt, last_error) = match &*self.shared().state.borrow() {
            ConnectionState::Connecting { attempt, last_error, .. }
            | ConnectionState::Reconnecting { attempt, last_error, .. } => {
                (*attempt, last_error.clone())
            }
            ConnectionState::Connected { .. } => (0, None),
            ConnectionState::Closed { reason } => return reason.to_string(),
        };
        if let Some(error) = last_error {
            return format!("attempt {attempt} was under way; the one before failed: {error}");
        }
        let missing = self.shared().members().into_iter().find_map(|member| {
            let last_failure = match &*member.membership.borrow() {
                Membership::Joining { last_failure } => last_failure.clone(),
                _ => return None,
            };
            let why = last_failure.map_or_else(String::new, |left| format!(" ({left})"));
            Some(format!("{:?} was not joined{why}", member.name))
        });
        missing.unwrap_or_else(|| "nothing answered".to_owned())
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.socket.shared
    }
}

impl Deref for Client {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        self.socket()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.socket.shared.order(Order::Close);
    }
}
