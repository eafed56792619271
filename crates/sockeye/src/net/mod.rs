//! tokio's side: the driver of a session, its outbox, the timer wheel, and the streams below.

mod carrier;
mod conn;
#[cfg(feature = "client")]
mod cookies;
#[cfg(feature = "client")]
mod dial;
mod dirty;
mod driver;
#[cfg(feature = "client")]
mod exchange;
mod framed;
#[cfg(feature = "server")]
mod guarded;
#[cfg(feature = "client")]
mod handshake;
#[cfg(feature = "client")]
mod headers;
#[cfg(feature = "client")]
mod http;
mod id;
mod keys;
mod masked;
mod outbox;
#[cfg(feature = "client")]
mod peek;
#[cfg(feature = "client")]
mod plain;
mod polling;
mod probe;
#[cfg(feature = "client")]
mod proxy;
#[cfg(feature = "client")]
mod query;
#[cfg(feature = "client")]
mod remote;
#[cfg(feature = "client")]
mod requesting;
mod requests;
pub(crate) mod scratch;
#[cfg(feature = "client")]
mod seen;
mod stream;
#[cfg(feature = "client")]
mod tap;
mod times;
#[cfg(feature = "client")]
mod tls;
#[cfg(feature = "client")]
mod url;
#[cfg(feature = "client")]
mod watched;
mod wheel;

#[cfg(feature = "client")]
pub(crate) use crate::causes::Causes;
use conn::Driven;
#[cfg(feature = "client")]
pub(crate) use conn::Progress;
pub(crate) use conn::{AckFailure, Conn, OnAck, Wakes};
#[cfg(feature = "client")]
pub(crate) use cookies::Cookies;
#[cfg(feature = "client")]
pub(crate) use dial::{Deadline, Route, RouteError, dial};
#[cfg(feature = "client")]
pub use dial::{DialError, Step};
#[cfg(feature = "client")]
pub(crate) use driver::Start;
pub(crate) use driver::{Driver, Pressure, Upper};
#[cfg(feature = "server")]
pub(crate) use guarded::{Answered, Guarded};
#[cfg(feature = "client")]
pub(crate) use handshake::{HandshakeError, upgrade};
#[cfg(feature = "client")]
pub(crate) use headers::add_header;
#[cfg(feature = "client")]
pub use headers::{OwnHeader, USER_AGENT};
#[cfg(feature = "client")]
pub(crate) use http::{Answer, Http, HttpError, KeepAlive};
pub(crate) use id::Id;
pub(crate) use keys::Keys;
pub(crate) use outbox::{Bounds, PushError};
#[cfg(feature = "client")]
pub(crate) use peek::{refusal, version_of};
#[cfg(feature = "client")]
pub(crate) use plain::Plain;
#[cfg(feature = "client")]
pub use proxy::{Proxy, ProxyError, ProxyFailure};
#[cfg(feature = "client")]
pub use query::Query;
#[cfg(feature = "client")]
pub(crate) use remote::{Offered, Remote, WebSocketError};
#[cfg(feature = "client")]
pub(crate) use requesting::{RequestLimits, Requesting};
pub(crate) use requests::{Candidate, Delivery, PostError};
#[cfg(feature = "client")]
pub use seen::{Direction, Seen};
pub(crate) use stream::Stream;
#[cfg(feature = "client")]
pub(crate) use tap::Tap;
pub use times::TimeError;
pub(crate) use times::{LONGEST, check_times};
#[cfg(feature = "client")]
pub use tls::{Tls, TlsBuilder, TlsError};
#[cfg(feature = "client")]
pub use url::UrlError;
#[cfg(feature = "client")]
pub(crate) use url::{Address, path_of};
#[cfg(feature = "client")]
pub(crate) use watched::Carries;
pub(crate) use wheel::Wheel;
