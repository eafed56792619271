//! A server's configuration, checked once, when it is built.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sockeye_proto::{
    session::{Config, Pace, websocket},
    wire::{encoding::Parser, packet},
};
use thiserror::Error;

use super::{
    Bus, Cookie, Handshake, Namespace, Origins, PacketLimits, Server,
    address::Network,
    group::LiveNamespace,
    http::{Admission, OriginsError},
    session::{Clients, Sessions},
    shared::{Shared, Transports},
};
use crate::{
    dispatch::{Backlog, Miswired},
    event::{Refusal, States},
    net::{Bounds, TimeError, Wheel, check_times},
};

/// How long a call waits, where the backlog's pause allows it.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Builds a [`Server`]. Defaults are those of the reference server, unless a method says otherwise.
#[must_use = "nothing is served until it is built"]
#[derive(Debug)]
pub struct Builder {
    pub(super) config: Config,
    pub(super) outbox: Bounds,
    pub(super) write_timeout: Duration,
    pub(super) progress: (usize, Duration),
    pub(super) backlog: Backlog,
    call_timeout: Option<Duration>,
    keep_handshake: bool,
    transports: Transports,
    engine_v3: bool,
    parser: Parser,
    post_timeout: Duration,
    origins: Origins,
    cookie: Option<Cookie>,
    admission: Option<Admission>,
    http_compression: bool,
    pub(super) max_sessions: usize,
    pub(super) max_sessions_per_address: usize,
    trusted_proxies: Vec<String>,
    states: States,
    namespaces: Vec<(String, Namespace)>,
    bus: Option<Arc<dyn Bus>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            outbox: Bounds { max_packets: 65_536, max_bytes: 16 * 1024 * 1024 },
            write_timeout: Duration::from_secs(30),
            progress: (16 * 1024, Duration::from_secs(30)),
            backlog: Backlog {
                max_events: 256,
                max_bytes: 1024 * 1024,
                max_pause: Duration::from_secs(60),
            },
            call_timeout: None,
            keep_handshake: false,
            transports: Transports { polling: true, websocket: true },
            engine_v3: false,
            parser: Parser::Json,
            post_timeout: Duration::from_secs(60),
            origins: Origins::same_origin(),
            cookie: None,
            admission: None,
            http_compression: true,
            max_sessions: 100_000,
            max_sessions_per_address: 10_000,
            trusted_proxies: Vec::new(),
            states: States::default(),
            namespaces: Vec::new(),
            bus: None,
        }
    }
}

impl Builder {
    /// Adds a namespace. There is none by default, not even `/`.
    pub fn namespace(mut self, name: impl Into<String>, namespace: Namespace) -> Self {
        self.namespaces.push((name.into(), namespace));
        self
    }

    /// Provides a value for handlers to take as [`State`](crate::event::State); one for each type. It is cloned for
    /// each handler that takes it: put what is large, or shared, into an `Arc`.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// From a client's pong to the next ping. Default: 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.timing.ping_interval = interval;
        self
    }

    /// How long a client may take to answer a ping. Default: 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.timing.ping_timeout = timeout;
        self
    }

    /// Largest message accepted from a client, in bytes. Default: 1,000,000.
    ///
    /// All attachments of one packet together are bounded by [`Self::packet_limits`].
    pub fn max_payload_bytes(mut self, bytes: usize) -> Self {
        self.config.max_payload_bytes = bytes;
        self
    }

    /// Until a client must have joined a namespace. Default: 45 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// Until the attachments that a packet announced must have arrived. Default: 60 s; the reference server waits for
    /// ever.
    pub fn attachments_timeout(mut self, timeout: Duration) -> Self {
        self.config.attachments_timeout = timeout;
        self
    }

    /// Bounds on one packet: attachments (10, together 10,000,000 bytes), arguments (1,000), depth of its JSON (127).
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::server::{Namespace, PacketLimits, Server};
    ///
    /// let limits = PacketLimits { max_attachments: 100, ..PacketLimits::default() };
    /// let server = Server::builder().packet_limits(limits).namespace("/", Namespace::new()).build()?;
    /// # Ok::<_, sockeye::server::BuildError>(())
    /// ```
    pub fn packet_limits(mut self, limits: PacketLimits) -> Self {
        self.config.packets = limits;
        self
    }

    /// Acks that one client may owe this side at a time. Default: 10,000; the reference server has no limit.
    pub fn max_acks(mut self, count: usize) -> Self {
        self.config.max_acks = count;
        self
    }

    /// Namespaces that one client may join at a time. Default: 100; the reference server has no limit.
    pub fn max_namespaces(mut self, count: usize) -> Self {
        self.config.max_namespaces = count;
        self
    }

    /// What may wait for a client that reads slowly: packets and bytes. Past either, its session is cut with the
    /// reason `slow consumer`. Default: 65,536 packets, 16 MiB; the reference server has no limit.
    pub fn outbox(mut self, max_packets: usize, max_bytes: usize) -> Self {
        self.outbox = Bounds { max_packets, max_bytes };
        self
    }

    /// How long a write may make no progress before the session is cut as a slow consumer. Default: 30 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How slowly a client may send a message that it has begun, or read what it is sent: so many bytes within so long.
    /// Default: 16 KiB within 30 s; the reference server has no limit.
    ///
    /// A client that is silent is cut after that time, or the [`write_timeout`](Self::write_timeout); one that dribbles
    /// not long after it; one that keeps the pace never. On polling the time of a body is the
    /// [`post_timeout`](Self::post_timeout), and the HTTP server watches how answers are read.
    pub fn progress(mut self, bytes: usize, within: Duration) -> Self {
        self.progress = (bytes, within);
        self
    }

    /// Events of one socket that may wait for the handler before them: number, bytes, and how long reading from the
    /// client may pause then before its session is closed with the reason `overload`. Default: 256, 1 MiB, 60 s.
    ///
    /// The number also bounds the [`concurrent`](super::concurrent) handlers at work for one socket, and the handlers
    /// that a client leaves at work when it leaves namespaces: one that has more of those is closed with the reason
    /// `overload` at once.
    pub fn backlog(mut self, max_events: usize, max_bytes: usize, max_pause: Duration) -> Self {
        self.backlog = Backlog { max_events, max_bytes, max_pause };
        self
    }

    /// How long a [call](super::Socket::call) waits for its ack, unless [`Call::timeout`](super::Call::timeout) says.
    /// Default: 20 s, or half the [backlog](Self::backlog)'s pause if that is shorter; the reference server waits for ever.
    ///
    /// It has to be shorter than that pause: a handler that waits for an ack holds the later events of its socket, and a
    /// client that sends on would have its session closed before the handler hears that there is no ack.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Whether sessions may begin on HTTP polling. Default: yes.
    pub fn polling(mut self, allowed: bool) -> Self {
        self.transports.polling = allowed;
        self
    }

    /// Whether sessions may begin on WebSocket, or move to it. Default: yes.
    pub fn websocket(mut self, allowed: bool) -> Self {
        self.transports.websocket = allowed;
        self
    }

    /// Whether sessions on polling may move to WebSocket. Default: yes.
    pub fn upgrades(mut self, allowed: bool) -> Self {
        self.config.upgrades = allowed;
        self
    }

    /// Until a WebSocket that offers itself must have carried over a session on polling; else the session stays where
    /// it is. Default: 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.upgrade_timeout = timeout;
        self
    }

    /// Whether clients of Engine.IO 3 are served, too: npm `socket.io-client` 1 and 2, and those made after them.
    /// Default: no, as in the reference server.
    ///
    /// Their sockets have the ids that such clients compute themselves, which hold the session's secret id.
    pub fn engine_v3(mut self, allowed: bool) -> Self {
        self.engine_v3 = allowed;
        self
    }

    /// How Socket.IO packets are written. All clients must be told the same; it is not negotiated. Default: JSON.
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// How long the body of a POST may take to arrive; past that the request is answered 408, and its session is over,
    /// as packets are lost with it. Default: 60 s; the reference server waits as long as Node.js does, five minutes.
    pub fn post_timeout(mut self, timeout: Duration) -> Self {
        self.post_timeout = timeout;
        self
    }

    /// The web pages that may connect. Default: [`Origins::same_origin`]; the reference server lets every page open a
    /// WebSocket.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Sets a cookie with the session's id when a session is opened on polling. Default: none.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.cookie = Some(cookie);
        self
    }

    /// Asks the application before a session is opened, be it on polling or WebSocket; requests of a session that is
    /// open are not asked for.
    ///
    /// A [`Refusal`] is answered with 403 and its message; its code and data are not sent. A panic, or no answer
    /// within the [`connect_timeout`](Self::connect_timeout), costs this request a 500 and is logged. If the client
    /// gives up, the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sockeye::{event::Refusal, server::{Handshake, Namespace, Server}};
    ///
    /// async fn has_ticket(request: Arc<Handshake>) -> Result<(), Refusal> {
    ///     match request.headers.get("x-ticket") {
    ///         Some(_) => Ok(()),
    ///         None => Err(Refusal::new("buy a ticket first")),
    ///     }
    /// }
    ///
    /// let server =
    ///     Server::builder().allow_request(has_ticket).namespace("/", Namespace::new()).build()?;
    /// # Ok::<_, sockeye::server::BuildError>(())
    /// ```
    pub fn allow_request<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn(Arc<Handshake>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.admission = Some(Admission::new(ask));
        self
    }

    /// Sessions that may be open at a time; further ones are refused with 503 and `Retry-After`. Default: 100,000,
    /// which need about 200 MiB while they are idle; the reference server has no bound.
    pub fn max_sessions(mut self, count: usize) -> Self {
        self.max_sessions = count;
        self
    }

    /// How many of them one address may have (of IPv6, one network of 64 bits); further ones are refused with 429 and
    /// `Retry-After`. Default: 10,000, as many may be behind one address; the reference server has no bound.
    ///
    /// The address is the [`PeerAddress`](super::PeerAddress) that [`serve`](fn@super::serve) tells of, or, with the feature
    /// `axum`, a `ConnectInfo<SocketAddr>`; where there is none, nothing is counted. Nor is it for addresses of this
    /// machine and of local networks, unless [`trusted_proxies`](Self::trusted_proxies) are named: a proxy may be there.
    pub fn max_sessions_per_address(mut self, count: usize) -> Self {
        self.max_sessions_per_address = count;
        self
    }

    /// The proxies in front of this server, as addresses or networks: `127.0.0.1`, `10.0.0.0/8`. From these, and from
    /// nobody else, it believes whose request it is: the last address in `X-Forwarded-For`, or in `Forwarded`, that is not
    /// a proxy's itself. Default: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye::server::{Namespace, Server};
    ///
    /// let server = Server::builder()
    ///     .trusted_proxies(["127.0.0.1", "::1", "10.0.0.0/8"])
    ///     .max_sessions_per_address(500)
    ///     .namespace("/", Namespace::new())
    ///     .build()?;
    /// # Ok::<_, sockeye::server::BuildError>(())
    /// ```
    pub fn trusted_proxies<P: Into<String>>(
        mut self,
        proxies: impl IntoIterator<Item = P>,
    ) -> Self {
        self.trusted_proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// Compresses answers to polling requests from 1 KiB on, by gzip or deflate, for clients that accept it.
    /// Default: yes.
    pub fn http_compression(mut self, compress: bool) -> Self {
        self.http_compression = compress;
        self
    }

    /// Keeps the opening request's URI, headers and extensions for [`Socket::handshake`](super::Socket::handshake). Default: no; it
    /// costs memory for each session.
    pub fn keep_handshake(mut self, keep: bool) -> Self {
        self.keep_handshake = keep;
        self
    }

    /// What tells the other nodes of what is done to groups here.
    #[doc(hidden)] // until a bus is published
    pub fn bus(mut self, bus: Arc<dyn Bus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Checks everything and makes the server.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: what is wrong in the configuration or the wiring. All of it is the caller's to mend.
    pub fn build(mut self) -> Result<Server, BuildError> {
        if !self.transports.polling && !self.transports.websocket {
            return Err(BuildError::NoTransport);
        }
        self.config.upgrades &= self.transports.websocket;
        let Self { config, outbox, write_timeout, backlog, states, .. } = self;
        let longest_call = CALL_TIMEOUT.min(backlog.max_pause / 2);
        let call_timeout = self.call_timeout.unwrap_or(longest_call);
        check_times([
            ("ping_interval", config.timing.ping_interval),
            ("ping_timeout", config.timing.ping_timeout),
            ("connect_timeout", config.connect_timeout),
            ("upgrade_timeout", config.upgrade_timeout),
            ("post_timeout", self.post_timeout),
            ("attachments_timeout", config.attachments_timeout),
            ("write_timeout", write_timeout),
            ("progress within", self.progress.1),
            ("backlog max_pause", backlog.max_pause),
            ("call_timeout", self.call_timeout.unwrap_or(CALL_TIMEOUT)),
        ])?;
        if call_timeout >= backlog.max_pause {
            let max_pause = backlog.max_pause;
            return Err(BuildError::CallTimeout { call_timeout, max_pause });
        }
        for (option, number) in [
            ("max_payload_bytes", config.max_payload_bytes),
            ("max_namespaces", config.max_namespaces),
            ("max_acks", config.max_acks),
            ("max_sessions", self.max_sessions),
            ("max_sessions_per_address", self.max_sessions_per_address),
            ("progress bytes", self.progress.0),
            ("outbox max_packets", outbox.max_packets),
            ("outbox max_bytes", outbox.max_bytes),
            ("backlog max_events", backlog.max_events),
            ("backlog max_bytes", backlog.max_bytes),
        ] {
            if number == 0 {
                return Err(BuildError::Zero { option });
            }
        }
        if self.namespaces.is_empty() {
            return Err(BuildError::NoNamespace);
        }
        let mut namespaces = HashMap::new();
        for (name, namespace) in self.namespaces {
            if !packet::is_namespace(&name) {
                return Err(BuildError::NamespaceName { name });
            }
            let behaviour = namespace.build(&states, call_timeout);
            let behaviour = behaviour.map_err(|Miswired { handler, problem }| {
                BuildError::Wiring { namespace: name.clone(), handler, problem }
            })?;
            let live = LiveNamespace::new(&name, Arc::new(behaviour), self.bus.clone());
            if namespaces.insert(name.clone().into_boxed_str(), Arc::new(live)).is_some() {
                return Err(BuildError::NamespaceTwice { name });
            }
        }
        if let Some(problem) = self.cookie.as_ref().and_then(Cookie::problem) {
            return Err(BuildError::Cookie { problem });
        }
        let mut proxies = Vec::new();
        for proxy in self.trusted_proxies {
            let Some(network) = Network::parse(&proxy) else {
                return Err(BuildError::Proxy { proxy });
            };
            proxies.push(network);
        }
        let origins = self.origins.build().map_err(|error| match error {
            OriginsError::Unusable { origin, problem } => BuildError::Origin { origin, problem },
            OriginsError::AnyWithCredentials => BuildError::AnyOriginWithCredentials,
        })?;
        let pace = Pace::new(self.progress.0, self.progress.1);
        let websocket =
            websocket::Config::default().max_message_bytes(config.max_payload_bytes).pace(pace);
        Ok(Server::new(Arc::new(Shared {
            config: Arc::new(config),
            websocket,
            outbox,
            write_timeout,
            pace: pace.with_patience(write_timeout),
            backlog,
            keep_handshake: self.keep_handshake,
            transports: self.transports,
            engine_v3: self.engine_v3,
            parser: self.parser,
            post_timeout: self.post_timeout,
            origins,
            cookie: self.cookie,
            admission: self.admission,
            http_compression: self.http_compression,
            states,
            namespaces,
            wheel: Arc::new(Wheel::new(tokio::time::Instant::now().into_std())),
            sessions: Sessions::new(self.max_sessions, self.max_sessions_per_address),
            clients: Clients::behind(proxies),
        })))
    }
}

/// What is wrong with a server's configuration. The caller's fault.
#[non_exhaustive]
#[derive(Error)]
pub enum BuildError {
    /// A handler can't work as it is wired.
    #[error("the handler of {handler:?} on namespace {namespace:?} {problem}")]
    Wiring {
        /// The namespace.
        namespace: String,
        /// The event, or `connect`, `disconnect`, `any event`.
        handler: String,
        /// What it needs, and what to do.
        problem: String,
    },
    /// The name can't stand in a packet.
    #[error("namespace {name:?} must begin with \"/\" and have no comma")]
    NamespaceName {
        /// The name found.
        name: String,
    },
    /// Two namespaces of one name.
    #[error("namespace {name:?} is given twice; put its handlers into one `Namespace`")]
    NamespaceTwice {
        /// The name found.
        name: String,
    },
    /// A server without a namespace refuses everybody.
    #[error("no namespace is given; add one, e.g. `.namespace(\"/\", Namespace::new())`")]
    NoNamespace,
    /// Nobody could connect.
    #[error("both polling and websocket are switched off; leave one of them on")]
    NoTransport,
    /// A cookie that browsers drop, or read otherwise.
    #[error("the cookie {problem}")]
    Cookie {
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// No browser sends this origin, or every page can.
    #[error("origin {origin:?} {problem}")]
    Origin {
        /// What was listed.
        origin: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Not where a proxy could be.
    #[error(
        "trusted proxy {proxy:?} is not an address or a network; give it as \"10.0.0.1\", \"10.0.0.0/8\" or \"2001:db8::/32\""
    )]
    Proxy {
        /// What was given.
        proxy: String,
    },
    /// Every page of the web could act as the visitor.
    #[error(
        "Origins::any() together with credentials would let every page act as its visitor; list the origins, or \
         leave out the credentials"
    )]
    AnyOriginWithCredentials,
    /// A time that nothing can be timed by.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// A handler that waits for a call would have its session closed before the call ends.
    #[error(
        "call_timeout is {call_timeout:?}, and backlog max_pause {max_pause:?}; make call_timeout the shorter one, since a \
         handler that waits for an ack holds the events of its socket"
    )]
    CallTimeout {
        /// How long a call waits.
        call_timeout: Duration,
        /// How long a handler may hold the events of its socket.
        max_pause: Duration,
    },
    /// A bound that lets nothing through.
    #[error("{option} is 0; it must be at least 1")]
    Zero {
        /// The builder's method.
        option: &'static str,
    },
}

reads_as_text!(BuildError);
