//! What can go wrong for a client, sorted by blame: caller, network, server.

use std::{fmt, io, sync::Arc, time::Duration};

use http::StatusCode;
use serde_json::Value;
use sockeye_proto::wire::{
    engine::{self, Version},
    words::Refusal,
};
use thiserror::Error;

use super::{CloseReason, Transport};
use crate::{
    event::{ArgsError, EncodeError, EventError, RemoteError},
    net::{
        DialError, HandshakeError, HttpError, OwnHeader, Plain, ProxyError, Response, TimeError,
        TlsError, UrlError, WebSocketError,
    },
};

/// Why a client could not be built. The caller's fault, or the system's.
#[non_exhaustive]
#[derive(Error)]
pub enum BuildError {
    /// The server's URL is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The path of Engine.IO is none.
    #[error("{path:?} is not a path; expected something like \"/socket.io/\"")]
    Path {
        /// What was given.
        path: String,
    },
    /// The name of a namespace is none.
    #[error("{name:?} is not the name of a namespace; expected a \"/\" first, and no comma")]
    NamespaceName {
        /// What was given.
        name: String,
    },
    /// Two namespaces of one name, or handlers for the URL's namespace in two places.
    #[error("the namespace {name:?} is given twice; keep one")]
    TwoNamespaces {
        /// The name.
        name: String,
    },
    /// An auth payload is no JSON object.
    #[error(
        "the auth payload of {namespace:?} is {found}; expected a JSON object, such as a struct or a map"
    )]
    Auth {
        /// The namespace.
        namespace: String,
        /// What it is instead.
        found: String,
    },
    /// A handler can't work as it is wired.
    #[error("{namespace}: the handler of {handler:?} {problem}")]
    Wiring {
        /// The namespace.
        namespace: String,
        /// The event, or the hook's name.
        handler: String,
        /// What it needs, and what to do.
        problem: String,
    },
    /// The system has no randomness to give.
    #[error("no randomness for the client's id: {0}")]
    Randomness(String),
    /// The thread of blocking clients could not be started.
    #[error("no thread for blocking clients: {0}")]
    Thread(#[source] io::Error),
    /// No transport is left to try.
    #[error("no transport is given; allow polling, WebSocket or both")]
    NoTransport,
    /// There are no certificates to check the server's by.
    #[error(transparent)]
    Certificates(#[from] TlsError),
    /// The proxy named is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A time that nothing can be timed by.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// A header that the client has to decide.
    #[error(transparent)]
    Header(#[from] OwnHeader),
}

/// Why a client did not connect.
#[non_exhaustive]
#[derive(Error)]
pub enum ConnectError {
    /// It could not even be tried.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No transport got through.
    #[error(transparent)]
    Open(Arc<OpenError>),
    /// A namespace could not be joined.
    #[error("{namespace:?} was not joined: {because}")]
    NotJoined {
        /// Its name.
        namespace: String,
        /// Why.
        because: Left,
    },
    /// It took too long.
    #[error("not connected after {after:?}: {waiting}")]
    Timeout {
        /// The time that there was.
        after: Duration,
        /// What was still missing, and what had failed before.
        waiting: String,
    },
    /// The client was closed meanwhile.
    #[error("not connected: {0}")]
    Closed(CloseReason),
}

/// Why one attempt to reach the server failed: every transport that was tried, and what became of it.
pub struct OpenError {
    /// What was tried, in this order. Empty if the function that is asked before an attempt failed.
    pub tried: Vec<Tried>,
    /// What that function said.
    pub attempt: Option<String>,
}

/// One transport that did not get through.
#[non_exhaustive]
#[derive(Debug)]
pub struct Tried {
    /// The transport.
    pub transport: Transport,
    /// The version of Engine.IO that was asked for.
    pub version: Version,
    /// What became of it.
    pub error: TransportError,
}

impl OpenError {
    /// The server turned out to speak another version than the one that it has to.
    pub(super) fn other_version(transport: Transport, found: Version) -> Self {
        let version = if found == Version::V3 { Version::V4 } else { Version::V3 };
        let error = TransportError::OtherVersion { found };
        Self { tried: vec![Tried { transport, version, error }], attempt: None }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attempt) = &self.attempt {
            return write!(f, "the function asked before each attempt failed: {attempt}");
        }
        let texts = self.tried.iter().map(|tried| tried.error.to_string()).collect::<Vec<_>>();
        for (index, Tried { transport, version, .. }) in self.tried.iter().enumerate() {
            write!(f, "{transport} (EIO={})", version.to_eio())?;
            // Those that fail alike are told together.
            match texts.get(index + 1) {
                Some(next) if *next == texts[index] => f.write_str(" and ")?,
                Some(_) => write!(f, ": {}; ", texts[index])?,
                None => write!(f, ": {}", texts[index])?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.tried.last().map(|tried| &tried.error as _)
    }
}

/// Why a transport did not get through: the network, or what answers there.
#[non_exhaustive]
#[derive(Error)]
pub enum TransportError {
    /// The server can't be reached: name, TCP, proxy, TLS or time.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The HTTP exchange broke off, or was none.
    #[error("{0}")]
    Http(String),
    /// The server refuses, as servers of Engine.IO do.
    #[error("the server refused with {status}: {message} (code {code})")]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// Engine.IO's number: 0 transport unknown, 1 session unknown, 2 bad method, 3 bad request, 4 forbidden,
        /// 5 version not supported.
        code: u32,
        /// Its text.
        message: String,
    },
    /// The server answered with an HTTP error that is not one of Engine.IO.
    #[error("the server answered {status}{}", Said(.body))]
    Status {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// The server answered, but not as Engine.IO does.
    #[error(
        "what answers there is not Engine.IO but {content_type:?}, and says {:?}; check the URL's host and port, \
         and the path of Engine.IO", Plain(.body).to_string()
    )]
    NotEngineIo {
        /// What the answer is said to be.
        content_type: String,
        /// The beginning of the body.
        body: String,
    },
    /// The server's first packet is a handshake of Engine.IO that can't be read.
    #[error("the server's handshake of Engine.IO can't be read: {0}")]
    BrokenHandshake(#[from] engine::HandshakeError),
    /// The server speaks another version than the one that it has to.
    #[error(
        "the server speaks EIO={}; leave the version to be found out, or ask for that one", .found.to_eio()
    )]
    OtherVersion {
        /// What it speaks.
        found: Version,
    },
    /// The request can't be made. The caller's fault.
    #[error("{0}")]
    Request(String),
    /// The server agreed to a WebSocket, but not as the protocol wants it.
    #[error("the server's WebSocket handshake is wrong: {0}")]
    Handshake(String),
    /// The system has no randomness to give.
    #[error("no randomness for the handshake: {0}")]
    Randomness(#[source] io::Error),
}

/// What the server says, behind a colon, if it says anything.
struct Said<'b>(&'b str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.trim().is_empty() { Ok(()) } else { write!(f, ": {}", Plain(self.0)) }
    }
}

impl TransportError {
    /// What an answer means that opens no session.
    pub(super) fn of_answer(status: StatusCode, content_type: &str, body: &str) -> Self {
        // Words alone may stand on any page.
        if let Some(Refusal { code, message }) = Refusal::decode(body)
            && (!status.is_success() || body.trim_start().starts_with('{'))
        {
            return Self::Refused { status, code, message: message.into_owned() };
        }
        if status.is_success() {
            let content_type = content_type.to_owned();
            return Self::NotEngineIo { content_type, body: body.to_owned() };
        }
        Self::Status { status, body: body.to_owned() }
    }

    /// As [`Self::of_answer`].
    pub(super) fn of_polling(answer: &Response) -> Self {
        Self::of_answer(answer.status, answer.content_type(), &answer.excerpt())
    }

    /// Whether the server speaks another version.
    pub(super) const fn is_of_version(&self) -> bool {
        self.is_unsupported_version() || matches!(self, Self::OtherVersion { .. })
    }

    /// Whether the server says that it does not speak this version.
    pub(super) const fn is_unsupported_version(&self) -> bool {
        matches!(self, Self::Refused { code: 5, .. })
    }
}

impl From<HttpError> for TransportError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Dial(error) => Self::Dial(error),
            HttpError::Target(error) => Self::Request(error.to_string()),
            error => Self::Http(error.to_string()),
        }
    }
}

impl From<WebSocketError> for TransportError {
    fn from(error: WebSocketError) -> Self {
        match error {
            WebSocketError::Randomness(error) => Self::Randomness(error),
            WebSocketError::Dial(error) => Self::Dial(error),
            WebSocketError::Target(error) => Self::Request(error.to_string()),
            WebSocketError::Handshake(HandshakeError::Status(response)) => {
                match Self::of_answer(response.status(), "", response.body()) {
                    // Engine.IO or not, it did not give us a WebSocket.
                    Self::NotEngineIo { body, .. } => {
                        Self::Status { status: response.status(), body }
                    }
                    error => error,
                }
            }
            WebSocketError::Handshake(HandshakeError::Wrong(error)) => {
                Self::Handshake(error.to_string())
            }
            WebSocketError::Handshake(error @ HandshakeError::Http(_)) => {
                Self::Http(error.to_string())
            }
        }
    }
}

/// Why a namespace is not joined.
#[non_exhaustive]
#[derive(Clone, Error)]
pub enum Left {
    /// The server refused.
    #[error("the server refused: {message}")]
    Refused {
        /// Its text.
        message: String,
        /// What else it said.
        data: Option<Value>,
    },
    /// The server did not answer.
    #[error(
        "the server did not answer within {after:?}; some say nothing when they have no such namespace"
    )]
    Unanswered {
        /// The time that it had.
        after: Duration,
    },
    /// The function that gives the auth payload failed.
    #[error("no auth payload: {0}")]
    Auth(String),
    /// The connect handler of this side failed.
    #[error("the connect handler said no: {0}")]
    Handler(String),
    /// The server disconnected it.
    #[error("the server disconnected it")]
    ServerDisconnect,
    /// This side left it.
    #[error("left by this side")]
    ClientDisconnect,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// Why an event was not emitted. Nothing is sent then.
#[non_exhaustive]
#[derive(Error)]
pub enum EmitError {
    /// The namespace is not joined, and not being joined.
    #[error("{namespace:?} is not joined ({because}); joined: {}", list(.joined))]
    NotJoined {
        /// Its name.
        namespace: String,
        /// Why it is not.
        because: Left,
        /// Those that are.
        joined: Vec<String>,
    },
    /// So much waits already that no more is taken.
    #[error(
        "{events} events wait to be sent, as many as may; emit less, wait for `written`, or give the builder a larger `buffer`"
    )]
    BufferFull {
        /// How many wait.
        events: usize,
    },
    /// The event was volatile, and there is no connection, or it is busy.
    #[error("no connection, or a busy one; the volatile event was dropped")]
    Busy,
    /// The server would end the connection because of it.
    #[error("the event has a message of {bytes} bytes; the server takes {max_bytes}")]
    TooLarge {
        /// The largest message of the event.
        bytes: usize,
        /// What the server said in its handshake.
        max_bytes: usize,
    },
    /// The arguments can't be encoded.
    #[error(transparent)]
    Encode(EncodeError),
    /// The event's name is one that Socket.IO keeps for itself.
    #[error("{name:?} is reserved by Socket.IO; emit another event name")]
    ReservedName {
        /// The name.
        name: String,
    },
}

impl From<EncodeError> for EmitError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::ReservedEventName { name } => Self::ReservedName { name },
            error => Self::Encode(error),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Why an emitted event was not sent after all.
#[non_exhaustive]
#[derive(Clone, Error)]
pub enum SendError {
    /// The connection ended, and the event was one for that connection only, or it is not known whether it got through.
    #[error("the connection was lost{}", if *.may_have_arrived { "; the server may have got it" } else { "" })]
    Lost {
        /// Whether the server may have got it.
        may_have_arrived: bool,
    },
    /// The namespace is not joined, and will not be.
    #[error("the namespace is not joined: {0}")]
    NotJoined(Left),
    /// It waited too long for a connection.
    #[error("waited {age:?} for a connection")]
    Expired {
        /// How long it may wait.
        age: Duration,
    },
    /// It had to make room for later ones.
    #[error("dropped to make room for later events")]
    Dropped,
    /// [`Socket::clear`](super::Socket::clear) was called.
    #[error("cleared before it was sent")]
    Cleared,
    /// The server would end the connection because of it.
    #[error("the event has a message of {bytes} bytes; the server takes {max_bytes}")]
    TooLarge {
        /// The largest message of the event.
        bytes: usize,
        /// What the server said in its handshake.
        max_bytes: usize,
    },
    /// It was sent, and never acknowledged.
    #[error("sent {attempts} times and never acknowledged")]
    NoAck {
        /// How often it was sent.
        attempts: u32,
    },
    /// It was sent, not acknowledged, and can't be sent again because of this.
    #[error("sent, not acknowledged, and not to be sent again: {0}")]
    Unacked(Box<Self>),
    /// The server answered with an error.
    #[error("the server refused: {0}")]
    Rejected(RemoteError),
}

impl SendError {
    /// Whether the server may have got the event all the same.
    #[must_use]
    pub const fn may_have_arrived(&self) -> bool {
        match self {
            Self::Lost { may_have_arrived } => *may_have_arrived,
            Self::NoAck { .. } | Self::Unacked(_) | Self::Rejected(_) => true,
            _ => false,
        }
    }
}

/// Why a call has no result, by its event and namespace.
pub type CallError = EventError<CallErrorKind>;

/// Why a call has no result.
#[non_exhaustive]
#[derive(Error)]
pub enum CallErrorKind {
    /// The server did not answer in time.
    #[error(
        "no ack after {after:?}{}{}",
        match (.written, .is_silent) {
            (false, _) => "; the event was not sent",
            (true, false) => "",
            (true, true) => {
                ", and nothing else ever came there; the server may expect another namespace: name it as the path of the URL"
            }
        },
        .outage.as_ref().map_or_else(String::new, |why| format!("; there is no connection: {why}"))
    )]
    Timeout {
        /// How long was waited.
        after: Duration,
        /// Whether the event was sent. If so, the server may have handled it.
        written: bool,
        /// Whether the namespace is `/`, which servers let everybody into, and nothing ever came from the server there.
        is_silent: bool,
        /// Why there was no connection when the time was over, if there was none.
        outage: Option<Box<str>>,
    },
    /// The connection ended first.
    #[error("disconnected before the ack{}", if *.written { "; the server may have got the event" } else { "; the event was not sent" })]
    Disconnected {
        /// Whether the event was sent. If so, the server may have handled it.
        written: bool,
    },
    /// The server answered with an error.
    #[error("the server refused: {0}")]
    Refused(RemoteError),
    /// The server answered something of another type.
    #[error("the ack is not of the expected type: {0}")]
    Type(#[from] ArgsError),
    /// The event was not emitted.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The event was emitted, but not sent.
    #[error("not sent: {0}")]
    Send(#[from] SendError),
}

reads_as_text!(
    BuildError,
    ConnectError,
    OpenError,
    TransportError,
    Left,
    EmitError,
    SendError,
    CallErrorKind
);
