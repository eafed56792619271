//! The protocol machines of Sockeye, without I/O: WebSocket, Engine.IO and Socket.IO.

pub mod session;
pub mod wire;
