//! What the bytes between two ends look like: version, parser, and the form of the bodies.

use std::collections::VecDeque;

use sockeye_proto::wire::{
    encoding::{Encoding, Parser},
    engine::Version,
    polling::{Body, Format, Item, Packets, encode},
    prepared::Prepared,
};

/// Both versions with both parsers.
pub const ENCODINGS: [Encoding; 4] = [
    Encoding { version: Version::V4, parser: Parser::Json },
    Encoding { version: Version::V4, parser: Parser::MsgPack },
    Encoding { version: Version::V3, parser: Parser::Json },
    Encoding { version: Version::V3, parser: Parser::MsgPack },
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

/// In version 3 the type of a binary message of a WebSocket stands before its data.
pub(crate) const MARK: u8 = 4;

impl Wire {
    /// All that there are.
    pub const ALL: [Self; 6] = [
        Self { encoding: ENCODINGS[0], binary_bodies: false },
        Self { encoding: ENCODINGS[1], binary_bodies: false },
        Self { encoding: ENCODINGS[2], binary_bodies: false },
        Self { encoding: ENCODINGS[2], binary_bodies: true },
        Self { encoding: ENCODINGS[3], binary_bodies: false },
        Self { encoding: ENCODINGS[3], binary_bodies: true },
    ];

    /// The messages of one packet on a WebSocket.
    pub(crate) fn frames(self, packet: Prepared) -> Vec<Frame> {
        let packet = packet.encoded_for(self.encoding);
        let text = Some(packet.text()).filter(|text| !text.is_empty());
        let mark = (self.encoding.version == Version::V3).then_some(MARK);
        let attachments = packet.attachments().iter().map(|attachment| {
            Frame::Binary(mark.into_iter().chain(attachment.iter().copied()).collect())
        });
        text.map(|text| Frame::Text(text.to_owned())).into_iter().chain(attachments).collect()
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
