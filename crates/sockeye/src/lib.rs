//! Socket.IO server and client, and raw WebSocket, for tokio.

pub mod event;
mod net;
#[cfg(feature = "server")]
pub mod server;
pub mod ws;

// The examples of the READMEs are doc tests, in the repository only: the published crate has its README elsewhere.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {
    #[doc = include_str!("../../../README.zh-CN.md")]
    mod zh_cn {}
}
