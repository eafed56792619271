//! Socket.IO server and client, and raw WebSocket, for tokio.

pub mod event;
mod net;
#[cfg(feature = "server")]
pub mod server;
pub mod ws;
