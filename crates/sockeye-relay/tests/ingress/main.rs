//! What the server sends is stored before it is acknowledged, and comes to every sink.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

mod bounds;
mod dead;
mod files;
mod gaps;
mod killed;
mod place;
mod redis;
mod webhook;
