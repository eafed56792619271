//! What the bytes of one session look like: its version, and how its packets are written.

use super::engine::Version;

/// How the packets of one session are written. The default is what most clients speak.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{encoding::{Encoding, Parser}, engine::Version};
///
/// assert_eq!(Encoding::default(), Encoding { version: Version::V4, parser: Parser::Json });
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Encoding {
    /// The version of Engine.IO, and with it of Socket.IO.
    pub version: Version,
    /// How a Socket.IO packet is written.
    pub parser: Parser,
}

/// How a Socket.IO packet is written. Both sides must be told the same; it is not negotiated.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Parser {
    /// As text with JSON in it, and binary attachments behind it: npm `socket.io-parser`.
    #[default]
    Json,
    /// As one binary message: npm `socket.io-msgpack-parser`.
    MsgPack,
}
