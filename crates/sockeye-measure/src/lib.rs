//! Load and its report: memory per connection, CPU per ack and per delivery.
//!
//! [`run`] starts each server, the [`floor`] among them, in a fresh network
//! namespace, lets a [`load`] act on it, reads what that cost from `/proc` and
//! prints every figure beside its ratio to the floor. `cargo xtask bench` is
//! this crate's binary. [`clients`] does the same for clients, all at one server.
//!
//! Linux only, as `/proc`, epoll and network namespaces are.

pub mod clients;
mod comparison;
pub mod floor;
mod frame;
pub mod load;
pub mod measure;
mod namespace;
mod numbered;
mod order;
pub mod plan;
mod prepare;
mod process;
mod readiness;
pub mod relays;
pub mod report;
pub mod run;
mod server;
pub mod soak;

pub use comparison::Options;
pub use order::Faults;
