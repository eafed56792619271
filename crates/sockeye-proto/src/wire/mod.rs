//! Bytes to values and back: WebSocket frames, Engine.IO messages, Socket.IO packets.

pub mod attachment;
pub mod base64;
pub mod cluster;
pub mod encoding;
pub mod engine;
mod json;
pub mod msgpack;
pub mod packet;
pub mod payload;
pub mod polling;
pub mod prepared;
pub mod reassembly;
pub mod words;
pub mod ws;
