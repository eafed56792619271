//! One emit, encoded once for all its receivers.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    engine,
    packet::{self, Packet},
    payload::Payload,
    ws::{Encoder, FrameHeader, Message, Opcode},
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

    /// Encodes the ack `id` with these arguments; the name of an event that they came with is left out.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{packet::Limits, payload::Payload, prepared::Prepared};
    ///
    /// let (_, question) = Payload::event(r#"["question",1,{"a":2}]"#, &Limits::default())?;
    /// assert_eq!(Prepared::ack("/", 7, &question).text(), r#"437[1,{"a":2}]"#);
    /// # Ok::<_, sockeye_proto::wire::packet::DecodeError>(())
    /// ```
    #[must_use]
    pub fn ack(namespace: &str, id: u64, payload: &Payload<'_>) -> Self {
        let attachments = payload.attachments().to_vec();
        let packet = Packet {
            kind: packet::Kind::Ack,
            // Saturates only beyond 128 GiB of `Bytes` values.
            attachments: u32::try_from(attachments.len()).unwrap_or(u32::MAX),
            namespace,
            id: Some(id),
            data: None,
        };
        let args = payload.args_text();
        let body_bytes = packet::encoded_bytes(&packet) + args.len() + 2;
        Self::new(engine::Kind::Message, body_bytes, attachments, |out| {
            packet::encode_into(&packet, out);
            out.push(b'[');
            out.extend_from_slice(args.as_bytes());
            out.push(b']');
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
        #[expect(clippy::expect_used, reason = "one buffer for header and text needs the check")]
        simdutf8::basic::from_utf8(self.text_bytes()).expect("made of digits and of texts")
    }

    /// The bytes of [`Self::text`].
    pub(super) fn text_bytes(&self) -> &[u8] {
        let (start, end) = self.0.text;
        &self.0.frames[start..end]
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
        push_header(Opcode::Text, text_bytes, &mut frames);
        frames.push(kind.digit());
        write_body(&mut frames);
        let text = (header_space, frames.len());
        debug_assert_eq!(text.1 - text.0, text_bytes, "the header announces another length");
        for attachment in &attachments {
            push_header(Opcode::Binary, attachment.len(), &mut frames);
        }
        Self(Arc::new(Encoded { frames, text, attachments }))
    }
}

/// Length of an unmasked frame's header (RFC 6455 §5.2).
const fn header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 2,
        126..=0xFFFF => 4,
        _ => 10,
    }
}

fn push_header(opcode: Opcode, payload_bytes: usize, out: &mut Vec<u8>) {
    let payload_bytes = payload_bytes as u64;
    FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_bytes }.encode_into(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ws::{Decoder, Input, Limits, Message, Role};

    /// What a peer reads from the slices of `prepared`.
    fn received(prepared: &Prepared) -> (String, Vec<Bytes>) {
        let mut wire = prepared.slices().collect::<Vec<_>>().concat();
        assert_eq!(wire.len(), prepared.wire_bytes());
        let limits = Limits { max_message_bytes: 1_000_000, ..Limits::default() };
        let mut decoder = Decoder::new(Role::Client, limits);
        let mut input = Input::new(&mut wire);
        let mut text = None;
        let mut attachments = Vec::new();
        while let Some(message) = decoder.decode(&mut input).unwrap() {
            match message {
                Message::Text(received) if text.is_none() => text = Some(received.to_owned()),
                Message::Binary(received) => attachments.push(Bytes::copy_from_slice(received)),
                unexpected => panic!("{unexpected:?}"),
            }
        }
        assert!(input.is_empty());
        assert_eq!(1 + attachments.len(), prepared.frame_count());
        (text.unwrap(), attachments)
    }

    #[track_caller]
    fn check(prepared: &Prepared, text: &str) {
        let expect = (text.to_owned(), prepared.attachments().to_vec());
        assert_eq!(received(prepared), expect);
        assert_eq!(prepared.text(), text);
    }

    #[test]
    fn a_websocket_peer_reads_what_was_prepared() {
        use packet::Kind;

        let event = |attachments| Prepared::packet(Kind::Event, "/", None, "[1]", attachments);
        check(&event(Vec::new()), "42[1]");
        check(&event(vec![Bytes::new()]), "451-[1]");
        check(&event(vec![Bytes::from_static(b"ab"), vec![7; 70_000].into()]), "452-[1]");
        check(&Prepared::packet(Kind::Ack, "/é", Some(0), "[]", Vec::new()), "43/é,0[]");
        check(&Prepared::packet(Kind::Disconnect, "/a", None, "", Vec::new()), "41/a,");
        check(&Prepared::engine(engine::Kind::Ping, "probe"), "2probe");
        check(&Prepared::engine(engine::Kind::Noop, ""), "6");
        // Around each step of the header's length.
        for bytes in [124, 125, 126, 0xFFFE, 0xFFFF, 0x10000] {
            let body = "x".repeat(bytes);
            check(&Prepared::engine(engine::Kind::Message, &body), &format!("4{body}"));
        }
    }

    #[test]
    fn clones_share_one_encoding_and_cost_a_pointer() {
        let first = Prepared::engine(engine::Kind::Message, "hi");
        let second = first.clone();
        assert!(std::ptr::eq(first.text(), second.text()));
        assert_eq!(size_of::<Prepared>(), size_of::<usize>());
    }
}
