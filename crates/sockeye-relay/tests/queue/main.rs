//! Every store keeps the promises of a queue.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed step is a failed test")]

mod bench;
mod conformance;
mod redis;
mod sqlite;
