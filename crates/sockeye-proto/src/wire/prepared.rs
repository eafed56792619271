//! One emit, encoded once for all its receivers.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    engine,
    packet::{self, Packet},
    ws::{Encoder, Message},
};

/// One packet, encoded once for all its receivers: the finished, unmasked WebSocket frames, shared by reference count.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::{packet::Kind, prepared::Prepared};
///
/// let said = Prepared::packet(Kind::Event, "/", None, r#"["said","hi"]"#, Vec::new());
/// assert_eq!(said.text(), r#"42["said","hi"]"#);
/// assert_eq!(said.slices().collect::<Vec<_>>(), [b"\x81\x0F42[\"said\",\"hi\"]"]);
/// ```
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    /// The text frame, then the header of each attachment's frame.
    frames: Vec<u8>,
    /// Where the text begins and ends in `frames`.
    text: (usize, usize),
    attachments: Vec<Bytes>,
}

impl Prepared {
    /// Encodes a Socket.IO packet with its attachments; an empty `data` stands for none.
    ///
    /// The namespace must fulfil [`packet::is_namespace`].
    #[must_use]
    pub fn packet(
        kind: packet::Kind,
        namespace: &str,
        id: Option<u64>,
        data: &str,
        attachments: Vec<Bytes>,
    ) -> Self {
        let packet = Packet {
            kind,
            // Saturates only beyond 128 GiB of `Bytes` values.
            attachments: u32::try_from(attachments.len()).unwrap_or(u32::MAX),
            namespace,
            id,
            data: Some(data),
        };
        Self::new(engine::Kind::Message, packet::encoded_bytes(&packet), attachments, |out| {
            packet::encode_into(&packet, out);
        })
    }

    /// Encodes an Engine.IO packet.
    #[must_use]
    pub fn engine(kind: engine::Kind, body: &str) -> Self {
        Self::new(kind, body.len(), Vec::new(), |out| out.extend_from_slice(body.as_bytes()))
    }

    /// Encodes a WebSocket message that is no packet: a pong, a close.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{prepared::Prepared, ws::Message};
    ///
    /// let pong = Prepared::websocket(Message::Pong(b"?"));
    /// assert_eq!(pong.slices().next(), Some(&[0x8A, 1, b'?'][..]));
    /// assert_eq!(pong.text(), "");
    /// ```
    #[must_use]
    pub fn websocket(message: Message<'_>) -> Self {
        let mut frames = Vec::new();
        Encoder::new().encode(message, None, &mut frames);
        let text = (frames.len(), frames.len());
        Self(Arc::new(Encoded { frames, text, attachments: Vec::new() }))
    }

    /// The slices to write to a WebSocket, in this order: the text frame, then of each attachment header and content.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let Encoded { frames, text, attachments } = &*self.0;
        let (text_frame, mut headers) = frames.split_at(text.1);
        let attachments = attachments.iter().flat_map(move |attachment| {
            let (header, rest) = headers.split_at(header_bytes(attachment.len()));
            headers = rest;
            [header, attachment]
        });
        std::iter::once(text_frame).chain(attachments)
    }

    /// Number of WebSocket frames: one for the text and one for each attachment.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        1 + self.0.attachments.len()
    }

    /// Number of bytes that [`Self::slices`] hold together.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        self.0.frames.len() + self.0.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The Engine.IO message as text, for polling and for frames that are masked: `42["name"]`.
    #[must_use]
    pub fn text(&self) -> &str {
        let (start, end) = self.0.text;
        #[expect(clippy::expect_used, reason = "one buffer for header and text needs the check")]
        simdutf8::basic::from_utf8(&self.0.frames[start..end]).expect("made of digits and of texts")
    }

    /// The attachments, each a binary message behind [`Self::text`].
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }

    /// Encodes an Engine.IO message, whose body has a length known before: header and text then need one buffer.
    fn new(
        kind: engine::Kind,
        body_bytes: usize,
        attachments: Vec<Bytes>,
        write_body: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let text_bytes = 1 + body_bytes;
        let header_space = header_bytes(text_bytes);
        let attachment_space: usize =
            attachments.iter().map(|attachment| header_bytes(attachment.len())).sum();
        let mut frames = Vec::with_capacity(header_space + text_bytes + attachment_space);
        push_header(TEXT, text_bytes, &mut frames);
        frames.push(kind.digit());
        write_body(&mut frames);
        let text = (header_space, frames.len());
        debug_assert_eq!(text.1 - text.0, text_bytes, "the header announces another length");
        for attachment in &attachments {
            push_header(BINARY, attachment.len(), &mut frames);
        }
        Self(Arc::new(Encoded { frames, text, attachments }))
    }
}

/// First byte of an unfragmented frame of each kind (RFC 6455 §5.2).
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// Length of an unmasked frame's header.
const fn header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

fn push_header(first: u8, payload_bytes: usize, out: &mut Vec<u8>) {
    out.push(first);
    match payload_bytes {
        0..=125 => out.push(payload_bytes as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
}
