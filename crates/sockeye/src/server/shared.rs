//! The server itself: what all its sessions share, and the handle to it.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use sockeye_proto::{
    session::{Config, Pace, websocket},
    wire::{cluster::Message, encoding::Parser},
};

use super::{
    Admission, Broadcast, Builder, Clients, Cookie, LiveNamespace, OriginPolicy, Service, Sessions,
};
use crate::{
    dispatch::Backlog,
    event::States,
    net::{Bounds, Wheel},
};

/// What all sessions of a server share; nothing in it changes after `build`, but the sessions and how many there may be.
pub(crate) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) websocket: websocket::Config,
    pub(super) outbox: Bounds,
    pub(super) write_timeout: Duration,
    /// How slowly a client may read.
    pub(super) pace: Pace,
    pub(super) backlog: Backlog,
    pub(super) keep_handshake: bool,
    pub(super) transports: Transports,
    pub(super) engine_v3: bool,
    pub(super) parser: Parser,
    pub(super) post_timeout: Duration,
    pub(super) origins: OriginPolicy,
    pub(super) cookie: Option<Cookie>,
    pub(super) admission: Option<Admission>,
    pub(super) http_compression: bool,
    pub(super) states: States,
    pub(super) namespaces: HashMap<Box<str>, Arc<LiveNamespace>>,
    pub(super) wheel: Arc<Wheel>,
    pub(super) sessions: Sessions,
    pub(super) clients: Clients,
}

/// The transports that a session may begin on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transports {
    pub(super) polling: bool,
    pub(super) websocket: bool,
}

impl Shared {
    pub(super) fn namespace(&self, name: &str) -> Option<&Arc<LiveNamespace>> {
        self.namespaces.get(name)
    }

    /// The namespaces that have a handler for this event, quoted and sorted.
    pub(super) fn namespaces_with(&self, event: &str) -> Vec<String> {
        let with =
            self.namespaces.values().filter(|namespace| namespace.behaviour.handlers.has(event));
        let mut names: Vec<_> = with.map(|namespace| format!("{:?}", namespace.name)).collect();
        names.sort_unstable();
        names
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("namespaces", &self.namespaces.keys())
            .finish_non_exhaustive()
    }
}

/// A Socket.IO server. Cheap to clone: all clones are the same server.
///
/// # Examples
///
/// ```
/// use sockeye::{event::{Ack, Args}, server::{Namespace, Server}};
///
/// async fn add(Args((a, b)): Args<(i64, i64)>) -> Ack<i64> {
///     Ack(a + b)
/// }
///
/// let server = Server::builder().namespace("/", Namespace::new().on("add", add)).build()?;
/// let app: axum::Router = axum::Router::new()
///     .route_service("/socket.io", server.service())
///     .route_service("/socket.io/", server.service());
/// # Ok::<_, sockeye::server::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Server(pub(super) Arc<Shared>);

impl Server {
    /// Begins to build a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The tower service to mount at `/socket.io` and `/socket.io/`.
    pub fn service(&self) -> Service {
        Service::new(Arc::clone(&self.0))
    }

    /// Everybody in a namespace. A namespace that was not built is empty: what is emitted to it reaches nobody, and
    /// is logged.
    pub fn of(&self, namespace: &str) -> Broadcast {
        self.0.namespace(namespace).map_or_else(
            || {
                tracing::warn!(namespace, "no such namespace was built; nobody is reached");
                Broadcast::of(&Arc::new(LiveNamespace::nowhere(namespace)))
            },
            Broadcast::of,
        )
    }

    /// Carries out here what the node `uid` has told all others of, through a [`Bus`](super::Bus). A namespace that was
    /// not built here is passed over.
    #[doc(hidden)] // until a bus is published
    pub fn receive(&self, uid: &str, message: Message) {
        let Message { namespace, target, action } = message;
        if let Some(namespace) = self.0.namespace(&namespace) {
            namespace.receive(uid, target, action);
        }
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.0.sessions.len()
    }

    /// As [`Builder::max_sessions`], from now on; at least 1. Sessions that are open stay.
    pub fn set_max_sessions(&self, count: usize) {
        self.0.sessions.set_max(count);
    }

    /// As [`Builder::max_sessions_per_address`], from now on; at least 1. Sessions that are open stay.
    pub fn set_max_sessions_per_address(&self, count: usize) {
        self.0.sessions.set_max_each(count);
    }

    /// How many timers wait: about one for each session. That of a session which has ended goes within some
    /// seconds, or when it would have fired.
    pub fn timers(&self) -> usize {
        self.0.wheel.len()
    }

    /// Closes the server: it takes no new session, tells the clients (WebSocket close 1001), writes what is queued, and
    /// cuts after `drain` whoever has not read it; says how many those were. A session whose handler blocks its thread
    /// just then is not waited for.
    ///
    /// Clients see a lost transport, not a Socket.IO DISCONNECT, so that they reconnect: to the next instance.
    ///
    /// # Cancel safety
    ///
    /// Dropped half-way, the sessions go on closing; call it again to wait.
    pub async fn close(&self, drain: Duration) -> usize {
        self.0.sessions.close(drain).await
    }
}
