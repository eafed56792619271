//! Socket.IO packets: header grammar, decoding and encoding.
