//! The options of `serve`, and the configuration they become together with environment and file.

use clap::Args;
use sockeye::server::{Builder, Server, serve::Limits};

use super::{pages::Pages, progress::Progress, proxies::Proxies, tls};
use crate::{
    bind::Listen,
    config::{ConfigError, Effective, Layers, PathSetting},
    log::{Filter, Format},
    output::Color,
    units::{Bytes, Count, Time},
};

/// Serve the chat room and its page
///
/// When it listens it prints `listening on http://ADDRESS` to standard output; all else goes to standard error.
///
/// Each setting is taken from the first of these that has it: the option; the environment variable of the same
/// name (--ping-interval is SOCKEYE_PING_INTERVAL); the key of the same name in the configuration file (ping-interval
/// = "25s"); the default. Times are written as 500ms, 25s, 1m or 2h; sizes as 4096, 64KiB or 1MB.
///
/// Ctrl-C closes every session in good order and ends with exit code 130, SIGTERM does the same with exit code 0; a
/// second signal cuts at once. SIGHUP reads certificates and settings again: tls-cert, tls-key, header-timeout,
/// max-connections, max-sessions (both also per address) and log change at once, the others at the next start.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Read settings from this TOML file [default: sockeye.toml, if there is one here]
    #[arg(long, value_name = "FILE", help_heading = "Configuration")]
    config: Option<PathSetting>,
    /// Print the effective settings and where each comes from, as TOML that --config can read, and end
    #[arg(long, help_heading = "Configuration")]
    pub(super) print_config: bool,

    /// Serve a server for tests instead of the chat, to old clients (Engine.IO 3) too: `message` comes back as
    /// `message-back`, `echo` is answered with its arguments, `/auth` wants {"token":"secret"}
    #[arg(long)]
    pub(super) echo: bool,

    #[command(flatten, next_help_heading = "Listening")]
    listening: Listening,
    #[command(flatten, next_help_heading = "Sessions")]
    sessions: Sessions,
    #[command(flatten, next_help_heading = "Talk")]
    talk: Talk,
}

#[derive(Clone, Debug, Args)]
struct Listening {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<Listen>,
    /// Serve https with this certificate chain (PEM); needs --tls-key
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathSetting>,
    /// Private key of the certificate (PEM, not encrypted)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathSetting>,
    /// How long a client may take to agree on TLS, to send the headers of a request, or to begin the next one [default:
    /// 10s]
    #[arg(long, value_name = "TIME")]
    header_timeout: Option<Time>,
    /// How long a client may take nothing of what it is sent; past that it is cut [default: 30s]
    #[arg(long, value_name = "TIME")]
    write_timeout: Option<Time>,
    /// How slowly a client may send a body or a message, or take what it is sent: a size within a time; past that it is
    /// cut [default: 16KiB/30s]
    #[arg(long, value_name = "SIZE/TIME")]
    progress: Option<Progress>,
    /// Connections that may be open at a time, WebSockets aside; further ones get 503 [default: no bound]
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<Count>,
    /// The same for those of one address; further ones get 429. Trusted-proxies are not counted, nor, as long as none is
    /// named, addresses of this machine and of local networks [default: no bound]
    #[arg(long, value_name = "COUNT")]
    max_connections_per_address: Option<Count>,
    /// The proxies in front, addresses or networks with commas between; only what these say in X-Forwarded-For or
    /// Forwarded is believed [default: none]
    #[arg(long, value_name = "ADDRESSES")]
    trusted_proxies: Option<Proxies>,
    /// How long sessions may take to end when the server is told to stop [default: 10s]
    #[arg(long, value_name = "TIME")]
    drain: Option<Time>,
}

#[derive(Clone, Debug, Args)]
struct Sessions {
    /// Sessions that may be open at a time; further ones get 503 [default: 100000]
    #[arg(long, value_name = "COUNT")]
    max_sessions: Option<Count>,
    /// The same for those of one address; further ones get 429. Addresses of this machine and of local networks are not
    /// counted, unless trusted-proxies says which of them are proxies [default: 10000]
    #[arg(long, value_name = "COUNT")]
    max_sessions_per_address: Option<Count>,
    /// Which web pages may connect: same (those of the server's own host and port), any, or a list of origins; a proxy
    /// that changes the Host header needs the list [default: same]
    #[arg(long, value_name = "ORIGINS")]
    origins: Option<Pages>,
    /// Time from a pong to the next ping [default: 25s]
    #[arg(long, value_name = "TIME")]
    ping_interval: Option<Time>,
    /// How long a pong may take [default: 20s]
    #[arg(long, value_name = "TIME")]
    ping_timeout: Option<Time>,
    /// How long a client may take to join a namespace [default: 45s]
    #[arg(long, value_name = "TIME")]
    connect_timeout: Option<Time>,
    /// Largest message taken from a client [default: 1MB]
    #[arg(long, value_name = "SIZE")]
    max_payload: Option<Bytes>,
    /// Namespaces that one client may join [default: 100]
    #[arg(long, value_name = "COUNT")]
    max_namespaces: Option<Count>,
    /// Packets that may wait for a client that reads slowly; past that it is cut [default: 65536]
    #[arg(long, value_name = "COUNT")]
    outbox_packets: Option<Count>,
    /// Bytes that may wait for a client that reads slowly; past that it is cut [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    outbox_bytes: Option<Bytes>,
    /// Events of one client that may wait for a slow handler; past that it is not read [default: 256]
    #[arg(long, value_name = "COUNT")]
    backlog_events: Option<Count>,
    /// Bytes of the events that may wait for a slow handler; past that it is not read [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    backlog_bytes: Option<Bytes>,
    /// How long a client may stay unread for a slow handler; past that it is cut [default: 1m]
    #[arg(long, value_name = "TIME")]
    backlog_pause: Option<Time>,
}

#[derive(Clone, Debug, Args)]
struct Talk {
    /// Which log lines to write: off, error, warn, info, debug, trace; or by target, as in
    /// warn,sockeye::engine=debug [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<Filter>,
    /// Form of log lines: text or json (one object a line) [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<Format>,
    /// When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never [default: auto]
    #[arg(long, value_name = "WHEN")]
    color: Option<Color>,
}

/// The effective configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) listen: Listen,
    pub(super) tls: Option<tls::Files>,
    header_timeout: Time,
    write_timeout: Time,
    progress: Progress,
    max_connections: Option<Count>,
    max_connections_per_address: Option<Count>,
    pub(super) trusted_proxies: Proxies,
    pub(super) drain: Time,
    pub(super) max_sessions: Count,
    pub(super) max_sessions_per_address: Count,
    pages: Pages,
    ping_interval: Time,
    ping_timeout: Time,
    connect_timeout: Time,
    max_payload: Bytes,
    max_namespaces: Count,
    outbox: (Count, Bytes),
    backlog: (Count, Bytes, Time),
    pub(super) log: Filter,
    pub(super) log_format: Format,
    pub(super) color: Color,
}

impl Config {
    /// Lays the sources over each other.
    pub(super) fn new(options: Options) -> Result<(Self, Effective), ConfigError> {
        let Options { config, listening, sessions, talk, .. } = options;
        let mut from = Layers::open(config)?;
        let defaults = Server::builder().settings();
        let listen = from.pick("listen", listening.listen, Listen::default())?;
        let cert = from.pick_optional("tls-cert", listening.tls_cert)?;
        let key = from.pick_optional("tls-key", listening.tls_key)?;
        let config = Self {
            listen,
            tls: tls::Files::pair(cert, key)?,
            header_timeout: from.pick(
                "header-timeout",
                listening.header_timeout,
                Time::seconds(10),
            )?,
            write_timeout: from.pick(
                "write-timeout",
                listening.write_timeout,
                defaults.write_timeout.into(),
            )?,
            progress: from.pick("progress", listening.progress, defaults.progress.into())?,
            max_connections: from.pick_optional("max-connections", listening.max_connections)?,
            max_connections_per_address: from.pick_optional(
                "max-connections-per-address",
                listening.max_connections_per_address,
            )?,
            trusted_proxies: from.pick(
                "trusted-proxies",
                listening.trusted_proxies,
                Proxies::default(),
            )?,
            drain: from.pick("drain", listening.drain, Time::seconds(10))?,
            max_sessions: from.pick(
                "max-sessions",
                sessions.max_sessions,
                Count::of(defaults.max_sessions),
            )?,
            max_sessions_per_address: from.pick(
                "max-sessions-per-address",
                sessions.max_sessions_per_address,
                Count::of(defaults.max_sessions_per_address),
            )?,
            pages: from.pick("origins", sessions.origins, Pages::Same)?,
            ping_interval: from.pick(
                "ping-interval",
                sessions.ping_interval,
                defaults.ping_interval.into(),
            )?,
            ping_timeout: from.pick(
                "ping-timeout",
                sessions.ping_timeout,
                defaults.ping_timeout.into(),
            )?,
            connect_timeout: from.pick(
                "connect-timeout",
                sessions.connect_timeout,
                defaults.connect_timeout.into(),
            )?,
            max_payload: from.pick(
                "max-payload",
                sessions.max_payload,
                Bytes::of(defaults.max_payload_bytes),
            )?,
            max_namespaces: from.pick(
                "max-namespaces",
                sessions.max_namespaces,
                Count::of(defaults.max_namespaces),
            )?,
            outbox: (
                from.pick("outbox-packets", sessions.outbox_packets, Count::of(defaults.outbox.0))?,
                from.pick("outbox-bytes", sessions.outbox_bytes, Bytes::of(defaults.outbox.1))?,
            ),
            backlog: (
                from.pick(
                    "backlog-events",
                    sessions.backlog_events,
                    Count::of(defaults.backlog.0),
                )?,
                from.pick("backlog-bytes", sessions.backlog_bytes, Bytes::of(defaults.backlog.1))?,
                from.pick("backlog-pause", sessions.backlog_pause, defaults.backlog.2.into())?,
            ),
            log: from.pick("log", talk.log, Filter::info())?,
            log_format: from.pick("log-format", talk.log_format, Format::Text)?,
            color: from.pick("color", talk.color, Color::Auto)?,
        };
        Ok((config, from.finish()?))
    }

    /// The limits of connections.
    pub(super) fn limits(&self) -> Limits {
        let (bytes, within) = self.progress.get();
        let bound = |count: Option<Count>| count.map_or(usize::MAX, Count::get);
        Limits::default()
            .header_timeout(self.header_timeout.get())
            .write_timeout(self.write_timeout.get())
            .progress(bytes, within)
            .max_connections(bound(self.max_connections))
            .max_connections_per_address(bound(self.max_connections_per_address))
    }

    /// A server with the settings of its sessions.
    pub(super) fn builder(&self) -> Builder {
        let (packets, bytes) = self.outbox;
        let (events, event_bytes, pause) = self.backlog;
        let (progress, within) = self.progress.get();
        Server::builder()
            .origins(self.pages.origins())
            .ping_interval(self.ping_interval.get())
            .ping_timeout(self.ping_timeout.get())
            .connect_timeout(self.connect_timeout.get())
            .max_payload_bytes(self.max_payload.get())
            .max_namespaces(self.max_namespaces.get())
            .outbox(packets.get(), bytes.get())
            .write_timeout(self.write_timeout.get())
            .progress(progress, within)
            .max_sessions(self.max_sessions.get())
            .max_sessions_per_address(self.max_sessions_per_address.get())
            .trusted_proxies(self.trusted_proxies.list())
            .backlog(events.get(), event_bytes.get(), pause.get())
    }
}
