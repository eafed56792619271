//! Tasks come in, and whoever gave them is told only what is true.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod http;
mod lines;
mod place;
