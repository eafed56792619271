//! Every store keeps the promises of a queue.

#![allow(dead_code, unused_imports, unused_macros)]

mod bench;
mod conformance;
