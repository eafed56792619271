//! The client against our own server: what its users rely on.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]

mod blocking;
mod deadlines;
mod dialing;
mod emits;
mod endings;
mod events;
mod first_connection;
mod joining;
mod last_words;
mod odd_servers;
mod reconnecting;
mod requests;
mod server;
mod watching;
