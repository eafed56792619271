//! tokio's side: the driver of a session, its outbox, the timer wheel, and the streams below.

mod conn;
mod dirty;
mod driver;
mod id;
mod outbox;
mod scratch;
mod stream;
mod wheel;

pub(crate) use conn::{AckFailure, Conn, OnAck};
pub(crate) use driver::{Driver, Pressure, Upper};
pub(crate) use id::Id;
pub(crate) use outbox::{Bounds, PushError};
pub(crate) use stream::Stream;
pub(crate) use wheel::Wheel;
