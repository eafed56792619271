//! Socket.IO server and client, and raw WebSocket, for tokio.
