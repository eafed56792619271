//! A client's half: the way to a server, and the requests on it.

mod cookies;
mod dial;
mod exchange;
mod handshake;
mod headers;
mod http;
mod peek;
mod plain;
mod proxy;
mod query;
mod remote;
mod requesting;
mod seen;
mod tap;
mod tls;
mod url;
mod watched;

pub(super) use self::requesting::Requested;
pub(crate) use self::{
    cookies::Cookies,
    dial::{Deadline, Route, RouteError, dial},
    handshake::{HandshakeError, upgrade},
    headers::add_header,
    http::{Http, HttpError, KeepAlive, Response},
    peek::{refusal, version_of},
    plain::Plain,
    remote::{Offered, Remote, WebSocketError},
    requesting::{RequestLimits, Requesting},
    tap::Tap,
    url::{Address, path_of},
    watched::Carries,
};
pub use self::{
    dial::{DialError, Step},
    headers::{OwnHeader, USER_AGENT},
    proxy::{Proxy, ProxyError, ProxyFailure},
    query::Query,
    seen::{Direction, Seen},
    tls::{Tls, TlsBuilder, TlsError},
    url::UrlError,
};
use super::{Driven, Keys, Stream, Upper};
pub(crate) use crate::causes::Causes;
