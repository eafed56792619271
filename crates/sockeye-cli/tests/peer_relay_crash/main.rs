//! Relays die at every stage, and what has come to the server is what the table of their promises says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the long run prints its table")]

mod cells;
mod chaos;
mod chaos_redis;
mod compare;
mod configured;
mod disconnects;
mod ingress;
mod judge;
mod matrix;
mod promised;
mod relay;
mod sources;
mod story;
mod world;
