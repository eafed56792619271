//! A Socket.IO server and client, and raw WebSocket at both ends, for tokio.
//!
//! - [`server`]: namespaces, sockets, rooms, broadcasts and acks, as a [tower](https://docs.rs/tower) service for axum or
//!   plain hyper. It serves clients by polling and WebSocket: those of Socket.IO 3 and newer, and older ones if it is told
//!   to. Begin with [`server::Server`].
//! - [`client`]: connects to any Socket.IO server, of Engine.IO 3 or 4, and stays connected; async, or for threads
//!   ([`client::blocking`]). Begin with [`client::Client`].
//! - [`event`]: what handlers are made of. They are async functions that take [`Args`](event::Args),
//!   [`State`](event::State) and the like, and return what to answer. Begin with [`Handler`](event::Handler).
//! - [`ws`]: WebSocket without Socket.IO, as client and as server, with TLS and compression. Begin with
//!   [`ws::connect`] or [`ws::service`](fn@ws::service).
//!
//! ```
//! use sockeye::{event::{Ack, Args}, server::{Namespace, Server}};
//!
//! async fn add(Args((a, b)): Args<(i64, i64)>) -> Ack<i64> {
//!     Ack(a + b) // the answer of `await socket.emitWithAck("add", 1, 2)`
//! }
//!
//! # fn main() -> Result<(), sockeye::server::BuildError> {
//! let server = Server::builder().namespace("/", Namespace::new().on("add", add)).build()?;
//! let app: axum::Router = axum::Router::new().route_service("/socket.io/", server.service());
//! # Ok(())
//! # }
//! ```
//!
//! Whatever a peer can send or leave unread has a bound; [`server::Builder`], [`client::Builder`] and
//! [`ws::Options`] list the bounds with their defaults. Features: `server` (with the answering half of [`ws`]) and
//! `client` (with the dialling half), both on by default; each alone brings only what it needs. The protocols themselves are in [`sockeye_proto`], which does no I/O.

#[macro_use]
mod causes; // first, as its macro is for all that follow

#[cfg(feature = "client")]
pub mod client;
#[cfg_attr(not(all(feature = "client", feature = "server")), allow(dead_code, unused_imports))]
mod dispatch; // each half uses its part of what both share
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub mod event;
#[cfg_attr(not(all(feature = "client", feature = "server")), allow(dead_code, unused_imports))]
mod net;
#[cfg(feature = "server")]
pub mod server;
pub mod ws;

// The examples of the READMEs are doc tests, in the repository only: the published crate has its README elsewhere.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {
    #[doc = include_str!("../../../README.zh-CN.md")]
    mod zh_cn {}
}
