//! The chat room that `sockeye serve` runs: rooms, presence, typing, and its page.

pub mod page;
