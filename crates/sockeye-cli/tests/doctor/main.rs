//! `sockeye doctor` as its users meet it: the built binary at servers of every kind, its findings and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod examined;
mod flood;
mod front;
mod joining;
mod network;
mod paths;
mod report;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;
mod secrets;
#[allow(dead_code, reason = "it is made for clients")]
#[path = "../client/server.rs"]
mod server;
mod stub;
#[allow(dead_code, reason = "it is made for the prompt")]
#[path = "../client/terminal.rs"]
mod terminal;
mod tls;
mod transports;
mod versions;
mod watch;
