//! `sockeye doctor` as its users meet it: the built binary at servers of every kind, its findings and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;
mod tls;
