//! A client's configuration, checked once, when it connects.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Serialize;
use sockeye_proto::{
    session::{Config, Delays, websocket},
    wire::{encoding::Parser, engine::Version, packet, ws::deflate},
};

use super::{
    Attempt, Buffer, BuildError, Client, ConnectError, Left, Namespace, Resent, Retries, Transport,
    auth::BoxError,
    blocking,
    events::Inbox,
    member::Bounds as Waiting,
    opener::{Opener, Way},
    receiver::Receiver,
    resent::OnResend,
    shared::{Rejoin, Shared},
};
use crate::{
    dispatch::Backlog,
    event::{OnEvent, States},
    net::{
        Address, Bounds, Cookies, Id, KeepAlive, LONGEST, OwnHeader, Proxy, Query, RequestLimits,
        Route, RouteError, Seen, Tap, Tls, add_header, check_times, path_of,
    },
};

/// Builds a [`Client`]. Defaults are those of npm `socket.io-client`, unless a method says otherwise.
///
/// Handlers, hooks and auth given here are for the namespace that the URL names; [`Self::namespace`] adds others.
#[must_use = "nothing happens until `connect` is called and awaited"]
pub struct Builder {
    url: String,
    own: Namespace,
    others: Vec<(String, Namespace)>,
    states: States,
    way: Way,
    delays: Delays,
    is_patient: bool,
    rejoin: Rejoin,
    waiting: Waiting,
    backlog: Backlog,
    inbox: Option<usize>,
    connect_timeout: Duration,
    path: String,
    has_slash: bool,
}

impl Builder {
    pub(super) fn new(url: String) -> Self {
        let timeout = Duration::from_secs(20);
        Self {
            own: Namespace::new(),
            others: Vec::new(),
            states: States::default(),
            way: Way {
                url: url.clone(),
                headers: HeaderMap::new(),
                query: Query::default(),
                path: Uri::from_static("/socket.io/"),
                tls: None,
                proxy: Proxy::default(),
                tap: None,
                cookies: Some(Cookies::default()),
                keep_alive: KeepAlive::default(),
                deflate: None,
                prepare: None,
                transports: vec![Transport::Polling, Transport::WebSocket],
                version: None,
                parser: Parser::Json,
                timeout,
                config: Arc::new(Config {
                    connect_timeout: timeout,
                    max_acks: usize::MAX,
                    ..Config::default()
                }),
                // Whoever closes a client does not want to wait for a server that is slow to agree.
                websocket: websocket::Config::default()
                    .max_message_bytes(MAX_MESSAGE_BYTES)
                    .close_timeout(Duration::from_secs(2))
                    .linger(Duration::from_millis(100)),
                outbox: Bounds { max_packets: 1_024, max_bytes: 1024 * 1024 },
                limits: RequestLimits {
                    max_answer_bytes: MAX_MESSAGE_BYTES,
                    post_timeout: Duration::from_secs(60),
                    upgrade_timeout: Duration::from_secs(10),
                },
                write_timeout: Duration::from_secs(30),
            },
            delays: Delays::default(),
            is_patient: false,
            rejoin: Box::new(|_| false),
            waiting: Waiting {
                buffer: Buffer::default(),
                retries: Retries::default(),
                call_timeout: Duration::from_secs(60),
                on_resend: OnResend::default(),
            },
            backlog: Backlog {
                max_events: 1_024,
                max_bytes: 1024 * 1024,
                max_pause: Duration::MAX,
            },
            inbox: None,
            connect_timeout: timeout,
            path: "/socket.io/".to_owned(),
            has_slash: true,
            url,
        }
    }

    /// Handles an event of the URL's namespace; see [`Namespace::on`].
    pub fn on<M>(
        mut self,
        event: impl Into<String>,
        handler: impl OnEvent<super::Context, M>,
    ) -> Self {
        self.own = self.own.on(event, handler);
        self
    }

    /// Handles every event of the URL's namespace that has no handler of its own; see [`Namespace::on_any`].
    pub fn on_any<M>(mut self, handler: impl OnEvent<super::Context, M>) -> Self {
        self.own = self.own.on_any(handler);
        self
    }

    /// Runs each time the URL's namespace has been joined; see [`Namespace::on_connect`].
    pub fn on_connect<M, H>(mut self, handler: H) -> Self
    where
        H: crate::event::Handler<super::Context, M>,
        H::Output: super::IntoVerdict,
    {
        self.own = self.own.on_connect(handler);
        self
    }

    /// Runs each time the URL's namespace was joined and is not any more; see [`Namespace::on_disconnect`].
    pub fn on_disconnect<M, H>(mut self, handler: H) -> Self
    where
        H: crate::event::Handler<super::Context, M, Output = ()>,
    {
        self.own = self.own.on_disconnect(handler);
        self
    }

    /// What the server gets to decide by whether we may join the URL's namespace; see [`Namespace::auth`].
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.own = self.own.auth(auth);
        self
    }

    /// As [`Self::auth`], asked for at each attempt to join; see [`Namespace::auth_with`].
    pub fn auth_with<F, Fut, T, E>(mut self, ask: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Serialize,
        E: Into<BoxError>,
    {
        self.own = self.own.auth_with(ask);
        self
    }

    /// Joins one more namespace, on the same connection.
    pub fn namespace(mut self, name: impl Into<String>, namespace: Namespace) -> Self {
        self.others.push((name.into(), namespace));
        self
    }

    /// Provides a value for handlers to take as [`State`](crate::event::State); one for each type. It is cloned for
    /// each handler that takes it: put what is large, or shared, into an `Arc`.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Keeps events that no handler takes, at most so many, for [`Client::events`] and [`Client::next`]. Default: none
    /// are kept; they are counted, and warned of once by name.
    pub fn events(mut self, capacity: usize) -> Self {
        self.inbox = Some(capacity);
        self
    }

    /// Which transports may open a session, in this order; the one that got through last is tried first. Default: polling,
    /// which moves to a WebSocket, then WebSocket alone.
    ///
    /// npm's client tries only the first.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.way.transports.clear();
        for transport in transports {
            if !self.way.transports.contains(&transport) {
                self.way.transports.push(transport);
            }
        }
        self
    }

    /// WebSocket alone: for servers that refuse polling, and clusters without sticky sessions.
    pub fn websocket_only(self) -> Self {
        self.transports([Transport::WebSocket])
    }

    /// Whether a session on polling moves to a WebSocket if the server offers it. Default: yes.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        Arc::make_mut(&mut self.way.config).upgrades = upgrade;
        self
    }

    /// The version of Engine.IO that the server speaks. Default: found out, by how it answers.
    pub fn version(mut self, version: Version) -> Self {
        self.way.version = Some(version);
        self
    }

    /// The parser that the server uses. Default: [`Parser::Json`].
    pub fn parser(mut self, parser: Parser) -> Self {
        self.way.parser = parser;
        self
    }

    /// Where the server's Engine.IO listens; it gets a slash at its end, see [`Self::trailing_slash`]. Default:
    /// `/socket.io/`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Whether there is a slash at the end of [`Self::path`], whatever was given: npm's `addTrailingSlash`. Default: yes.
    pub fn trailing_slash(mut self, has_slash: bool) -> Self {
        self.has_slash = has_slash;
        self
    }

    /// Adds a header to all requests; of `Host` and `User-Agent` ([`USER_AGENT`](super::USER_AGENT) by default) the last
    /// counts, and there is no `User-Agent` if it is empty. Of those that are the client's own to send, `build` says so:
    /// [`OwnHeader`].
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        add_header(&mut self.way.headers, name, value);
        self
    }

    /// Adds a field to the query of all requests, behind those of the URL; see [`Query`] for what is left out.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.way.query.push(&name.into(), &value.into());
        self
    }

    /// Whether cookies that the server sets are sent back, on all transports and after reconnecting. Default: yes, as
    /// load balancers need it; npm's client does not.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.way.cookies = keep.then(Cookies::default);
        self
    }

    /// Lets the server compress what it sends by WebSocket (RFC 7692). Default: no. What this client sends is not
    /// compressed.
    pub fn deflate(mut self, config: deflate::Config) -> Self {
        self.way.deflate = Some(config);
        self
    }

    /// Is asked before each attempt to connect, and may change where to and what with: servers in turn, tokens that run
    /// out. If it fails, so does the attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::client::{Attempt, Client};
    ///
    /// const SERVERS: [&str; 2] = ["https://a.example", "https://b.example"];
    ///
    /// async fn rotate(attempt: Attempt) -> Result<Attempt, std::io::Error> {
    ///     let server = SERVERS[attempt.number() as usize % SERVERS.len()];
    ///     Ok(attempt.url(server))
    /// }
    /// let builder = Client::builder("https://a.example/chat").before_attempt(rotate);
    /// ```
    pub fn before_attempt<F, Fut, E>(mut self, prepare: F) -> Self
    where
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Attempt, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.way.prepare = Some(Box::new(move |attempt| {
            let prepared = prepare(attempt);
            Box::pin(async move { prepared.await.map_err(Into::into) })
        }));
        self
    }

    /// Which certificates an `https://` server may have. Default: [`Tls::platform`].
    pub fn tls(mut self, tls: Tls) -> Self {
        self.way.tls = Some(tls);
        self
    }

    /// Through which proxy to go. Default: [`Proxy::environment`].
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.way.proxy = proxy;
        self
    }

    /// Tells `see` what passes on all connections of this client, layer by layer: how they come about, HTTP, WebSocket, and
    /// the packets of Engine.IO, in the order in which that happens.
    ///
    /// It is called in the middle of the work, so it should be quick. What it sees holds secrets; see [`Seen`]. A client
    /// that is watched reads each message twice; one that is not pays nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::client::{Client, Seen};
    ///
    /// let builder = Client::builder("https://example.com/chat").watch(|seen| match seen {
    ///     Seen::Connected { address, took } => eprintln!("connected to {address} in {took:?}"),
    ///     Seen::Packet { direction, kind, body } => eprintln!("{direction:?} {kind:?} {body}"),
    ///     _ => {}
    /// });
    /// ```
    pub fn watch(mut self, see: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Self {
        self.way.tap = Some(Tap::new(see));
        self
    }

    /// How long connecting may take: an attempt, all transports together; the server's answer when a namespace is joined;
    /// and [`Self::connect`] as a whole. Default: 20 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self.way.timeout = timeout;
        Arc::make_mut(&mut self.way.config).connect_timeout = timeout;
        self
    }

    /// How long to wait between attempts to reconnect, and how many there are. Default: 1 s to 5 s, without end.
    pub fn reconnect(mut self, delays: Delays) -> Self {
        let Delays { first, max, .. } = delays;
        self.delays = Delays { first: first.min(LONGEST), max: max.min(LONGEST), ..delays };
        self
    }

    /// Does not reconnect: the client is closed when its first connection ends.
    pub fn no_reconnect(self) -> Self {
        self.reconnect(Delays { attempts: Some(0), ..Delays::default() })
    }

    /// Whether the first connection is tried again, too, until [`Self::connect_timeout`]. Default: no, it fails with its
    /// reason.
    pub fn retry_first(mut self, retry: bool) -> Self {
        self.is_patient = retry;
        self
    }

    /// Says of a namespace that the server refused, or disconnected, whether to try again, with the delays of
    /// [`Self::reconnect`]. Default: never, since somebody has decided that.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::client::{Client, Left};
    ///
    /// let builder = Client::builder("https://example.com/chat")
    ///     .rejoin_if(|left| matches!(left, Left::ServerDisconnect));
    /// ```
    pub fn rejoin_if(mut self, rejoin: impl Fn(&Left) -> bool + Send + Sync + 'static) -> Self {
        self.rejoin = Box::new(rejoin);
        self
    }

    /// How much may wait while there is no connection, for each namespace. npm's client has no bound.
    pub fn buffer(mut self, buffer: Buffer) -> Self {
        let max_age = buffer.max_age.map(|max_age| max_age.min(LONGEST));
        self.waiting.buffer = Buffer { max_age, ..buffer };
        self
    }

    /// How long a [call](super::Socket::call) waits for its ack, unless [`Call::timeout`](super::Call::timeout) says.
    /// Default: 60 s, as in python-socketio; npm's client waits for ever.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.waiting.call_timeout = timeout;
        self
    }

    /// How often, and how many at a time, [`Socket::deliver`](super::Socket::deliver) sends.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.waiting.retries = retries;
        self
    }

    /// Tells `tell` of each [delivery](super::Socket::deliver) that is sent again: how often by now, and why. The log says it
    /// too, at `info`.
    ///
    /// It is called where the event was sent, so it should be quick.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::client::{Client, Resent};
    ///
    /// let builder = Client::builder("https://example.com/chat").on_resend(|resent: &Resent| {
    ///     eprintln!("{} is sent again (attempt {}): {}", resent.event, resent.attempts, resent.because);
    /// });
    /// ```
    pub fn on_resend(mut self, tell: impl Fn(&Resent) + Send + Sync + 'static) -> Self {
        self.waiting.on_resend = OnResend::new(tell);
        self
    }

    /// Largest message accepted from the server, in bytes. Default: 64 MiB.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.way.websocket = self.way.websocket.max_message_bytes(bytes);
        self.way.limits.max_answer_bytes = bytes;
        self
    }

    /// Bounds on one packet of the server's: attachments (10, together 10,000,000 bytes), arguments, depth of its JSON.
    pub fn packet_limits(mut self, limits: packet::Limits) -> Self {
        Arc::make_mut(&mut self.way.config).packets = limits;
        self
    }

    /// Events of one namespace, and their bytes, that may wait for its handlers. Default: 16,384 and 16 MiB. Past either
    /// the connection ends with the reason `overload`: a server can't be asked to send less.
    pub fn backlog(mut self, events: usize, bytes: usize) -> Self {
        /// What the runner's bounds are multiplied with where reading can't pause.
        const FACTOR: usize = 16;

        self.backlog.max_events = events.div_ceil(FACTOR);
        self.backlog.max_bytes = bytes.div_ceil(FACTOR);
        self
    }

    /// How long a write may make no progress. Default: 30 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.way.write_timeout = timeout;
        self
    }

    /// Connects, and waits until all namespaces are joined.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; nothing is left open or running then.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves nothing behind.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let timeout = self.connect_timeout;
        let client = self.start()?;
        match client.connected_within(timeout, GRACE).await {
            Ok(()) => Ok(client),
            Err(error) => {
                client.close().await;
                Err(error)
            }
        }
    }

    /// As [`Self::connect`], for programs without a runtime; see [`blocking`](super::blocking).
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub fn connect_blocking(self) -> Result<blocking::Client, ConnectError> {
        blocking::Client::connect(self)
    }

    /// Begins to connect, and returns at once: what is emitted waits. [`Client::state`] tells how it goes.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(self) -> Result<Client, BuildError> {
        let (delays, is_patient) = (self.delays, self.is_patient);
        let (shared, way) = self.build()?;
        let receiver = Receiver::new(Arc::clone(&shared), delays, is_patient);
        let opener = Opener::new(way);
        tokio::spawn(super::keeper::keep(receiver, opener, delays, is_patient));
        Ok(Client::new(shared))
    }

    /// Checks everything.
    fn build(self) -> Result<(Arc<Shared>, Way), BuildError> {
        let Self { url, own, others, states, mut way, rejoin, waiting, backlog, .. } = self;
        let address = Address::parse(&url)?;
        Route::new(&address, way.tls.as_ref(), &way.proxy).map_err(|error| match error {
            RouteError::Certificates(error) => BuildError::Certificates(error),
            RouteError::Proxy(error) => BuildError::Proxy(error),
        })?;
        check_times([
            ("connect_timeout", self.connect_timeout),
            ("write_timeout", way.write_timeout),
            ("retries ack_timeout", waiting.retries.ack_timeout),
        ])?;
        if way.transports.is_empty() {
            return Err(BuildError::NoTransport);
        }
        OwnHeader::check_all(&way.headers)?;
        way.path = engine_path(&self.path, self.has_slash)?;
        let mut query = Query::of(&address);
        query.extend(&way.query);
        if !query.left_out().is_empty() {
            let names = query.left_out();
            tracing::warn!(target: "sockeye::engine", ?names, "left out of the query: Engine.IO decides these");
        }
        way.query = query;
        let inbox = self.inbox.map(Inbox::new);
        let mut members = Vec::new();
        let own = (address.path.trim_end_matches('/'), own);
        let own = (if own.0.is_empty() { "/" } else { own.0 }.to_owned(), own.1);
        for (name, namespace) in [own].into_iter().chain(others) {
            if !packet::is_namespace(&name) {
                return Err(BuildError::NamespaceName { name });
            }
            let member = namespace.build(&name, &states, inbox.as_ref())?;
            if members.iter().any(|other: &Arc<super::member::Member>| *other.name == *name) {
                return Err(BuildError::TwoNamespaces { name });
            }
            members.push(Arc::new(member));
        }
        let id = Id::random().map_err(|error| BuildError::Randomness(error.to_string()))?;
        let shared = Shared::new(
            id.as_str(),
            states,
            waiting,
            backlog,
            self.connect_timeout,
            rejoin,
            inbox,
            members,
        );
        Ok((Arc::new(shared), way))
    }
}

/// How much longer [`Builder::connect`] waits than its parts may take, so that it can say which one failed and how.
const GRACE: Duration = Duration::from_millis(500);

/// Largest message accepted from a server, unless the builder says otherwise.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// The path of Engine.IO as a client asks for it, which is as npm's client reads it: encoded, with a slash at its end or
/// without one.
///
/// # Errors
///
/// [`BuildError::Path`].
///
/// # Examples
///
/// ```
/// use sockeye::client::{BuildError, engine_path};
///
/// assert_eq!(engine_path("/é", true)?, "/%C3%A9/");
/// assert_eq!(engine_path("/chat/", false)?, "/chat");
/// # Ok::<_, BuildError>(())
/// ```
pub fn engine_path(path: &str, has_slash: bool) -> Result<Uri, BuildError> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let whole = if has_slash || bare.is_empty() { format!("{bare}/") } else { bare.to_owned() };
    let uri = path_of(&whole).filter(|_| path.starts_with('/'));
    uri.ok_or_else(|| BuildError::Path { path: path.to_owned() })
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("url", &self.url).finish_non_exhaustive()
    }
}
