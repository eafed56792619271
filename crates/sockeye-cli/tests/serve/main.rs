//! `sockeye serve` as its users meet it: the built binary, its output and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod help;
mod http;
mod limits;
mod log;
mod mistakes;
mod open_files;
mod reload;
mod sandbox;
mod settings;
mod stopping;
mod websocket;
