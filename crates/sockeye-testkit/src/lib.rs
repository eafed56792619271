//! Machines in virtual time over a faulty link, a test client, and real peers as child processes behind a proxy.

pub mod client;
mod crossing;
mod end;
mod heard;
mod host;
pub mod host_peer;
mod http;
pub mod ledger;
mod link;
pub mod matrix;
mod pair;
mod peer;
pub mod pinned;
mod poller;
pub mod proxy;
mod redis_server;
mod rng;
mod sight;
pub mod spec;
pub mod stub;
mod wire;

pub use crossing::Crossing;
pub use end::End;
pub use heard::Heard;
pub use host::Host;
pub use http::{Mishap, Roads};
pub use link::{Fault, Weather};
pub use pair::Pair;
pub use peer::{Peer, PeerError};
pub use poller::Poller;
pub use redis_server::RedisServer;
pub use rng::Rng;
pub use sight::Sight;
pub use wire::{ENCODINGS, Wire};
