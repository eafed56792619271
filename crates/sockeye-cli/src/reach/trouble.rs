//! Why it does not connect, or does not go on: the exit code by the cause, and which flag to change.

use std::{fmt, sync::Arc, time::Duration};

use sockeye::client::{
    BuildError, CallError, CallErrorKind, CloseReason, DialError, Disconnect, EmitError, Left,
    OpenError, Reason, RemoteError, SendError, Step, Transport, TransportError, Version,
};
use sockeye_proto::wire::words::names_no_namespace;

use crate::{
    exit::Exit,
    failure::Ends,
    values::{printable, quoted},
};

/// What went wrong between us and the server.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It could not even be tried.
    Build(BuildError),
    /// No transport got through.
    Open(Arc<OpenError>),
    /// A connection that was there was lost, and could not be made again.
    NotAgain(Arc<OpenError>),
    /// A namespace is not joined.
    NotJoined { namespace: String, because: Left },
    /// The connection ended before anything was joined.
    NotLetIn { disconnect: Arc<Disconnect>, forced: Option<Version> },
    /// The connection was lost.
    Lost(Arc<Disconnect>),
    /// The client was closed.
    Closed(CloseReason),
    /// The ack did not come.
    Call(CallError),
    /// The ack says no.
    Refused { event: String, error: RemoteError },
    /// Nothing came at all, in a namespace that nobody asked for.
    Silent(Box<Self>),
    /// The event was not sent.
    NotSent { event: String, error: SendError },
    /// The event can't be sent.
    NotEmitted { event: String, error: EmitError },
    /// The event that was waited for did not come.
    NoEvent { event: String, after: Duration },
    /// Fewer events came than were waited for.
    TooFew { found: usize, wanted: usize, after: Duration },
    /// Something came, but not what was expected.
    Unexpected { flag: &'static str, found: String },
    /// The connection ended on the way, for this reason.
    Broken { trouble: Box<Self>, disconnect: Arc<Disconnect> },
    /// Something that a doctor can look into.
    Advised { trouble: Box<Self>, command: String },
}

impl Trouble {
    /// Names the command that finds out more, if it is about connecting, or staying connected.
    pub(crate) fn with_advice(self, server: &str, was_joined: bool) -> Self {
        let has_cause = match &self {
            Self::Open(_) | Self::NotAgain(_) | Self::NotJoined { .. } | Self::NotLetIn { .. } => {
                true
            }
            // If it is what the server sends, that has been said.
            Self::Lost(disconnect) => !disconnect.is_violation,
            _ => false,
        };
        if !has_cause {
            return self;
        }
        let watch = if was_joined { " --watch 3m" } else { "" };
        let command = format!("sockeye doctor {}{watch}", quoted(server));
        Self::Advised { trouble: Box::new(self), command }
    }

    /// Looks at the namespace next, if an answer or an event did not come.
    pub(crate) fn in_silence(self) -> Self {
        let waited = self.is_late() || matches!(self, Self::NoEvent { .. });
        if waited { Self::Silent(Box::new(self)) } else { self }
    }

    /// Whether an ack did not come in time.
    pub(crate) const fn is_late(&self) -> bool {
        matches!(self, Self::Call(CallError { kind: CallErrorKind::Timeout { .. }, .. }))
    }

    pub(crate) fn left(namespace: &str, because: Left) -> Self {
        Self::NotJoined { namespace: namespace.to_owned(), because }
    }
}

impl Ends for Trouble {
    fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => of_build(error),
            Self::Open(error) => of_open(error),
            Self::NotJoined { because, .. } => of_left(because),
            Self::NotLetIn { forced: Some(Version::V3), .. } => Exit::Version,
            Self::NotLetIn { .. } | Self::Lost(_) | Self::NotAgain(_) => Exit::Lost,
            Self::Closed(_) => Exit::Fault,
            Self::Call(error) => match &error.kind {
                CallErrorKind::Timeout { .. } => Exit::NoAnswer,
                CallErrorKind::Disconnected { .. } => Exit::Lost,
                CallErrorKind::Emit(error) => of_emit(error),
                CallErrorKind::Send(error) => of_send(error),
                _ => Exit::Fault,
            },
            Self::NotSent { error, .. } => of_send(error),
            Self::NotEmitted { error, .. } => of_emit(error),
            Self::NoEvent { .. } | Self::TooFew { .. } => Exit::NoAnswer,
            Self::Unexpected { .. } | Self::Refused { .. } => Exit::Assertion,
            Self::Silent(trouble)
            | Self::Broken { trouble, .. }
            | Self::Advised { trouble, .. } => trouble.exit(),
        }
    }
}

/// What to look at where `/` is silent.
pub(crate) const NAME_A_NAMESPACE: &str = "it is joined where none is named: name the server's namespace, as the URL's path or with --nsp (sockeye doctor \
     --explain silent-namespace)";

const fn of_build(error: &BuildError) -> Exit {
    match error {
        BuildError::Certificates(_) => Exit::Tls,
        BuildError::Randomness(_) | BuildError::Thread(_) | BuildError::Wiring { .. } => {
            Exit::Fault
        }
        _ => Exit::Usage,
    }
}

/// Of all transports the one that got furthest tells most; the codes are in that order.
fn of_open(error: &OpenError) -> Exit {
    let exits = error.tried.iter().map(|tried| of_transport(&tried.error));
    // Without any the command for the token failed.
    exits.max_by_key(|exit| *exit as u8).unwrap_or(Exit::Usage)
}

fn of_transport(error: &TransportError) -> Exit {
    match error {
        TransportError::Dial(error) => of_dial(error),
        error if is_of_version(error) => Exit::Version,
        TransportError::Randomness(_) => Exit::Fault,
        TransportError::Request(_) => Exit::Usage,
        _ => Exit::Handshake,
    }
}

/// Whether the server speaks another version.
const fn is_of_version(error: &TransportError) -> bool {
    matches!(error, TransportError::Refused { code: 5, .. } | TransportError::OtherVersion { .. })
}

pub(crate) const fn of_dial(error: &DialError) -> Exit {
    match error {
        DialError::Tls { .. } | DialError::Timeout { step: Step::Tls, .. } => Exit::Tls,
        DialError::Timeout { step: Step::Http | Step::Handshake, .. } => Exit::Handshake,
        _ => Exit::Network,
    }
}

const fn of_left(left: &Left) -> Exit {
    match left {
        Left::Refused { .. } | Left::Unanswered { .. } => Exit::Refused,
        Left::Auth(_) => Exit::Usage,
        Left::ServerDisconnect => Exit::Lost,
        _ => Exit::Fault,
    }
}

const fn of_emit(error: &EmitError) -> Exit {
    match error {
        EmitError::NotJoined { because, .. } => match because {
            Left::Closed | Left::ClientDisconnect => Exit::Lost,
            because => of_left(because),
        },
        EmitError::TooLarge { .. } | EmitError::Encode(_) | EmitError::ReservedName { .. } => {
            Exit::Usage
        }
        _ => Exit::Fault,
    }
}

const fn of_send(error: &SendError) -> Exit {
    match error {
        SendError::Lost { .. } | SendError::NotJoined(_) => Exit::Lost,
        SendError::TooLarge { .. } => Exit::Usage,
        _ => Exit::Fault,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Advised { trouble, command } = self {
            return write!(f, "{trouble}; to find out more: {}", printable(command));
        }
        let (what, hint) = self.say();
        // Servers have their say in it.
        f.write_str(&printable(&what))?;
        if hint.is_empty() { Ok(()) } else { write!(f, "; {hint}") }
    }
}

impl std::error::Error for Trouble {}

impl Trouble {
    /// What happened, and what to change.
    fn say(&self) -> (String, &'static str) {
        match self {
            Self::Build(error) => (error.to_string(), hint_of_build(error)),
            Self::Open(error) => (error.to_string(), hint_of_open(error)),
            Self::NotAgain(error) => (format!("lost, and not connected again: {error}"), ""),
            Self::NotJoined { namespace, because } => {
                let data = match because {
                    Left::Refused { data: Some(data), message } => {
                        let json = serde_json::to_string(data).unwrap_or_default();
                        // Servers of version 2 have one text for both.
                        if json == *message { String::new() } else { format!(" {json}") }
                    }
                    _ => String::new(),
                };
                (format!("{namespace} is not joined: {because}{data}"), hint_of_left(because))
            }
            Self::NotLetIn { disconnect, forced } => (
                format!("the connection ended before the server let us in: {disconnect}"),
                match forced {
                    // No parser and no version breaks the framing.
                    _ if disconnect.is_violation && disconnect.reason == Reason::TransportError => {
                        "the server has to send it right; no option helps"
                    }
                    _ if disconnect.reason == Reason::PingTimeout => {
                        "the pingInterval and pingTimeout of its handshake are times that it does not keep"
                    }
                    Some(_) => {
                        "it may speak another version: leave out --eio, or try the other one"
                    }
                    None => {
                        "it may use another parser (--parser msgpack) or not know the namespace (--nsp)"
                    }
                },
            ),
            // What we can't read comes again.
            Self::Lost(disconnect) if disconnect.is_violation => {
                (format!("the connection was closed by this side: {disconnect}"), "")
            }
            Self::Lost(disconnect) => (
                format!("the connection was lost: {disconnect}"),
                "--reconnect, where there is one, makes it again",
            ),
            Self::Closed(reason) => (reason.to_string(), ""),
            // Where else to look, there is a hint of ours for.
            Self::Call(
                error @ CallError {
                    kind: CallErrorKind::Timeout { after, written: true, .. }, ..
                },
            ) => (
                format!("{:?} on {:?}: no ack after {after:?}", error.event(), error.namespace()),
                "wait longer with --timeout, or leave out --ack if the server never answers it",
            ),
            Self::Call(error) => (error.to_string(), ""),
            Self::Refused { event, error } => {
                let data = error.data.as_ref().and_then(|data| serde_json::to_string(data).ok());
                let data = data.map(|data| format!(" {data}")).unwrap_or_default();
                (format!("{event:?} was refused: {error}{data}"), "--any-ack takes every ack")
            }
            Self::Silent(trouble) => {
                let (what, _) = trouble.say();
                (format!("{what}, and nothing else came on /"), NAME_A_NAMESPACE)
            }
            Self::NotSent { event, error } => (format!("{event:?} was not sent: {error}"), ""),
            Self::NotEmitted { event, error } => (format!("{event:?} was not sent: {error}"), ""),
            Self::NoEvent { event, after } => (
                format!("{event:?} did not come within {after:?}"),
                "wait longer with --timeout, or check --wait-event and the namespace (--nsp)",
            ),
            Self::TooFew { found, wanted, after } => (
                format!("{found} of {wanted} events came within {after:?}"),
                "wait longer with --for, ask for less with --count, or check --event and --nsp",
            ),
            Self::Unexpected { flag, found } => (format!("{flag} does not hold: {found}"), ""),
            Self::Broken { trouble, disconnect } => {
                (format!("{}: {disconnect}", trouble.say().0), "")
            }
            Self::Advised { trouble, .. } => trouble.say(),
        }
    }
}

const fn hint_of_build(error: &BuildError) -> &'static str {
    match error {
        BuildError::Path { .. } => "change --path",
        BuildError::NamespaceName { .. } | BuildError::TwoNamespaces { .. } => {
            "change the URL's path or --nsp"
        }
        BuildError::Certificates(_) => "or name authorities with --cacert FILE",
        BuildError::Proxy(_) => "change -x, or go without a proxy: -x none",
        _ => "",
    }
}

/// By the transport that got furthest.
fn hint_of_open(error: &OpenError) -> &'static str {
    // Of several the first: that a page is not there tells more than that nothing comes.
    let furthest = error.tried.iter().rev().max_by_key(|tried| of_transport(&tried.error) as u8);
    let Some(tried) = furthest else { return "" };
    match &tried.error {
        TransportError::Dial(error) => hint_of_dial(error),
        error if is_of_version(error) => "leave out --eio, or try the other version",
        TransportError::Refused { code: 0, .. } => match tried.transport {
            Transport::Polling => "try --transport websocket",
            _ => "try --transport polling",
        },
        TransportError::Refused { code: 1, .. } => {
            "several servers without sticky sessions? Try --transport websocket"
        }
        TransportError::Refused { code: 4, .. } => {
            "it may want an origin, a cookie or a token: -H, --auth, --bearer-cmd"
        }
        TransportError::Status { status, .. } => hint_of_status(status.as_u16()),
        TransportError::NotEngineIo { .. } => "change --path, or the URL's host and port",
        TransportError::BrokenHandshake(_) => "the server has to send it right; no option helps",
        TransportError::Refused { code: 3, .. }
        | TransportError::Handshake(_)
        | TransportError::Http(_)
            if tried.transport == Transport::WebSocket =>
        {
            "something between may not let WebSocket through: try --transport polling"
        }
        _ => "",
    }
}

const fn hint_of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "use the URL that it redirects to",
        401 | 403 => "it may want an origin, a cookie or a token: -H, --bearer-cmd",
        404 => "change --path; the URL's own path is the namespace",
        429 | 503 => "try again later",
        _ => "check the URL's host and port, and --path",
    }
}

pub(crate) const fn hint_of_dial(error: &DialError) -> &'static str {
    match error {
        DialError::Resolve { .. } => "check the host in the URL, or go through a proxy with -x",
        DialError::Tcp { .. } => "check host and port in the URL, or go through a proxy with -x",
        DialError::Proxy { .. } => "change -x, or go without a proxy: -x none",
        DialError::Tls { .. } => {
            "--cacert FILE believes an authority, --pin a server's key, and -k everybody"
        }
        _ => "wait longer with --timeout, or go through a proxy with -x",
    }
}

fn hint_of_left(left: &Left) -> &'static str {
    match left {
        Left::Refused { message, .. } if names_no_namespace(message) => {
            "change the namespace (the URL's path, or --nsp)"
        }
        Left::Refused { .. } => "change what you come with (--auth, --bearer-cmd, -H)",
        Left::Unanswered { .. } => {
            "change the namespace (the URL's path, or --nsp), try --parser msgpack, leave out --eio, or wait longer with \
             --timeout"
        }
        Left::Auth(_) => "change --auth",
        _ => "",
    }
}
