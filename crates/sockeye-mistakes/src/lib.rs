//! What the compiler says to whoever uses Sockeye wrongly: the mistakes are in `tests/mistakes`, its words beside each.
//!
//! A crate of its own, as `trybuild` builds all that the crate under test depends on.
