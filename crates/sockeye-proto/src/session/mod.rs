//! Machines: values and the time in, values and a deadline out. No I/O, no clock, no randomness.
//!
//! A [`Session`] is one Engine.IO session with the Socket.IO namespaces on it. Its owner
//!
//! 1. feeds each message of the transport to [`Session::receive_text`] or [`Session::receive_binary`],
//! 2. calls [`Session::handle_timeout`] when [`Session::next_deadline`] has passed,
//! 3. gives commands ([`Session::accept`], [`Session::leave`], [`Session::close`], …),
//!
//! and after each of these drains [`Session::poll_output`].

mod acks;
mod backoff;
mod config;
mod deadline;
mod engine;
mod heartbeat;
mod mux;
mod pace;
mod reason;
mod received;
mod transport;
mod violation;
pub mod websocket;

pub use backoff::{Backoff, Delays};
pub use config::Config;
pub use engine::{Opening, Output, Session};
pub use heartbeat::{Beat, Heartbeat, Timing};
pub use pace::Pace;
pub use reason::Reason;
pub use received::Received;
pub use transport::{Probe, Refused, Transport};
pub use violation::Violation;

pub use crate::wire::ws::Role;
