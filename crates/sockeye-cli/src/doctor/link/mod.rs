//! The doctor's own connections: the client hides what differs between servers, and that is what is looked for.

mod beginning;
mod handshake;
mod http;
mod pings;
mod polling;
mod reading;
mod session;
mod websocket;

pub(crate) use self::{
    beginning::Watched,
    http::Prober,
    pings::Pings,
    polling::Polls,
    reading::{Reply, Unanswered},
    session::{Line, Session},
    websocket::Link,
};
