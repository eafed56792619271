//! What people do with the command, from beginning to end: scripts and pipes around the built binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod ci_job;
mod cron_job;
mod first_user;
#[path = "../docs/old_server.rs"]
mod old_server;
mod pipes;
#[allow(dead_code, reason = "it is made for `serve`")]
#[path = "../serve/sandbox.rs"]
mod sandbox;
#[allow(dead_code, reason = "it is made for the commands that connect")]
#[path = "../client/server.rs"]
mod server;
mod shell;
