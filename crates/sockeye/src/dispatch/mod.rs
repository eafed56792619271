//! What server and client do with events alike: run their handlers, and see that nothing of it does harm.

mod backlog;
pub(crate) mod guard;

pub(crate) use backlog::{Backlog, Queue};
