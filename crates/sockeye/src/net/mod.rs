//! tokio's side: the driver of a session, its outbox, the timer wheel, and the streams below.

mod carrier;
#[cfg(feature = "client")]
mod client;
mod conn;
mod dirty;
mod driver;
mod framed;
#[cfg(feature = "server")]
mod guarded;
mod id;
mod keys;
mod masked;
mod outbox;
mod polling;
mod probe;
mod requests;
pub(crate) mod scratch;
mod stream;
mod times;
mod wheel;

#[cfg(feature = "client")]
pub use client::*;
use conn::Driven;
#[cfg(feature = "client")]
pub(crate) use conn::Progress;
pub(crate) use conn::{AckFailure, Conn, OnAck, Wakes};
#[cfg(feature = "client")]
pub(crate) use driver::Start;
pub(crate) use driver::{Driver, Pressure, Upper};
#[cfg(feature = "server")]
pub(crate) use guarded::{Answered, Guarded};
pub(crate) use id::Id;
pub(crate) use keys::Keys;
pub(crate) use outbox::{Bounds, PushError};
pub(crate) use requests::{Candidate, Delivery, PostError};
pub(crate) use stream::Stream;
pub use times::TimeError;
pub(crate) use times::{LONGEST, check_times};
pub(crate) use wheel::Wheel;
