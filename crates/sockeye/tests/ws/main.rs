//! Raw WebSocket holds the protocol, its limits and its promises, in both roles.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod bounds;
mod closing;
mod connecting;
mod frames;
mod raw;
mod serving;
