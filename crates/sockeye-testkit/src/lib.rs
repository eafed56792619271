//! Machines in virtual time over a faulty link, a test client, and real peers as child processes.

pub mod client;
mod end;
mod heard;
mod link;
pub mod matrix;
mod pair;
mod peer;
pub mod pinned;
mod rng;
pub mod spec;

pub use end::End;
pub use heard::Heard;
pub use link::{Fault, Weather};
pub use pair::Pair;
pub use peer::{Peer, PeerError};
pub use rng::Rng;
