//! What server and client do with events alike: run their handlers, and see that nothing of it does harm.

mod backlog;
mod call;
pub(crate) mod guard;
mod handlers;
mod runner;
mod send_state;

pub(crate) use backlog::Backlog;
pub(crate) use call::{Awaited, Expected, NoResult, NotExpected};
pub use call::{Call, Calling};
pub(crate) use handlers::{Handlers, HandlersBuilder, Miswired, beginning};
pub(crate) use runner::{RunContext, Runner, run_hook};
pub use send_state::SendState;
