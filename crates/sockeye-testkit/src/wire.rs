//! What the bytes between two ends look like: version, parser, and the form of the bodies.

use std::collections::VecDeque;

use sockeye_proto::wire::{
    encoding::{Encoding, Parser},
    engine::Version,
    polling::{Body, Format, Item, Packets, encode},
    prepared::Prepared,
};

/// Both versions with both parsers, and each of these with binary messages as text.
pub const ENCODINGS: [Encoding; 8] = [
    Encoding::new(Version::V4, Parser::Json),
    Encoding::new(Version::V4, Parser::MsgPack),
    Encoding::new(Version::V3, Parser::Json),
    Encoding::new(Version::V3, Parser::MsgPack),
    Encoding { base64: true, ..Encoding::new(Version::V4, Parser::Json) },
    Encoding { base64: true, ..Encoding::new(Version::V4, Parser::MsgPack) },
    Encoding { base64: true, ..Encoding::new(Version::V3, Parser::Json) },
    Encoding { base64: true, ..Encoding::new(Version::V3, Parser::MsgPack) },
];

/// What the bytes between two ends look like.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wire {
    /// Version and parser.
    pub encoding: Encoding,
    /// Whether bodies with binary packets are binary; only version 3 has such.
    pub binary_bodies: bool,
}

/// A message of a WebSocket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

/// The messages of one packet on a WebSocket.
pub(crate) fn frames(encoding: Encoding, packet: Prepared) -> Vec<Frame> {
    let packet = packet.encoded_for(encoding);
    let text = Some(packet.text()).filter(|text| !text.is_empty());
    let attachments = packet.attachments().iter().map(|data| match encoding {
        Encoding { base64: true, version, .. } => {
            let mark = if version == Version::V3 { "b4" } else { "b" };
            Frame::Text(format!("{mark}{}", String::from_utf8_lossy(data)))
        }
        // The type of a message stands before its data.
        Encoding { version: Version::V3, .. } => Frame::Binary([&[4], &**data].concat()),
        Encoding { version: Version::V4, .. } => Frame::Binary(data.to_vec()),
    });
    text.map(|text| Frame::Text(text.to_owned())).into_iter().chain(attachments).collect()
}

impl Wire {
    /// All that there are.
    pub const ALL: [Self; 8] = [
        Self { encoding: ENCODINGS[0], binary_bodies: false },
        Self { encoding: ENCODINGS[1], binary_bodies: false },
        Self { encoding: ENCODINGS[2], binary_bodies: false },
        Self { encoding: ENCODINGS[2], binary_bodies: true },
        Self { encoding: ENCODINGS[3], binary_bodies: false },
        Self { encoding: ENCODINGS[3], binary_bodies: true },
        Self { encoding: ENCODINGS[4], binary_bodies: false },
        Self { encoding: ENCODINGS[6], binary_bodies: false },
    ];

    /// The messages of one packet on a WebSocket.
    pub(crate) fn frames(self, packet: Prepared) -> Vec<Frame> {
        frames(self.encoding, packet)
    }

    /// A body with as many packets as fit, and how many those are.
    pub(crate) fn body(self, packets: &VecDeque<Prepared>, max_bytes: usize) -> (Body, usize) {
        let packets: Vec<_> =
            packets.iter().map(|packet| packet.clone().encoded_for(self.encoding)).collect();
        encode(packets.iter(), self.encoding.version, self.binary_bodies, max_bytes)
    }

    /// The messages in a body, as the session takes them on polling.
    #[expect(clippy::expect_used, reason = "a body of our own that can't be read is a failed test")]
    pub(crate) fn messages(self, body: &Body) -> Vec<Frame> {
        let format = Format::of_request(self.encoding.version, Some(body.content_type));
        let mut packets = Packets::new(format.expect("made by `body`"), &body.bytes);
        let next = || packets.next().expect("made by `body`");
        std::iter::from_fn(next)
            .map(|item| match item {
                Item::Text(text) => Frame::Text(text.to_owned()),
                Item::Binary(bytes) => Frame::Binary(bytes.into_owned()),
            })
            .collect()
    }
}
