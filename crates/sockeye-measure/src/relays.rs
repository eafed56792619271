//! Relays side by side: from a queue to a Socket.IO server, by ours, by a bare loop, and by two programs in Python.
//!
//! All take the same tasks to one and the same [`server`], which acknowledges each and counts them. The bare loops are
//! what no relay can do without: [`bare`] takes tasks off a list in Redis, emits each with an ack, and removes it;
//! [`store`] takes rows of a table and deletes them, without any server.

pub mod bare;
mod figures;
mod measure;
mod plan;
mod prepare;
mod queue;
mod run;
pub mod server;
pub mod store;

pub use plan::{Kind, Way};
pub use run::{Options, run};
