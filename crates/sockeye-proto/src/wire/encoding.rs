//! What the bytes of one session look like: its version, and how its packets are written.

use super::engine::Version;

/// How the packets of one session are written. The default is what most clients speak.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{encoding::{Encoding, Parser}, engine::Version};
///
/// assert_eq!(Encoding::default(), Encoding::new(Version::V4, Parser::Json));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Encoding {
    /// The version of Engine.IO, and with it of Socket.IO.
    pub version: Version,
    /// How a Socket.IO packet is written.
    pub parser: Parser,
    /// Whether a binary message on a WebSocket is sent as text, in base64: the wish of a client that says `b64=1`. Either
    /// side reads both, whatever it sends.
    pub base64: bool,
}

impl Encoding {
    /// Of this version and parser, with binary messages as they are.
    #[must_use]
    pub const fn new(version: Version, parser: Parser) -> Self {
        Self { version, parser, base64: false }
    }
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
