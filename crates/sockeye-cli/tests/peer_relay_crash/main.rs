//! Relays die at every stage, and what has come to the server is what the table of their promises says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "the long run prints its table")]

mod cells;
mod chaos;
mod chaos_redis;
mod configured;
mod ingress;
mod judge;
mod matrix;
mod promised;
mod relay;
mod sources;
mod story;
mod world;

fn program() -> String {
    std::env::var("SOCKEYE_STAND_IN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sockeye").to_owned())
}
