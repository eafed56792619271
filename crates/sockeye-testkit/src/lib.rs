//! Machines in virtual time over a faulty link, and real peers as child processes.

mod peer;
pub mod pinned;

pub use peer::{Peer, PeerError};
