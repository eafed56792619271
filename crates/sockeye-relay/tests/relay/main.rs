//! The relay from a file to a server, both real.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod connection;
mod delivery;
mod ingress;
mod outage;
mod world;
