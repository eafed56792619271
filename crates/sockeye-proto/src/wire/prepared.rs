//! One emit, encoded once for all its receivers.

use std::sync::{Arc, OnceLock};

use ::base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;

use super::{
    encoding::{Encoding, Parser},
    engine::{self, Version},
    msgpack,
    packet::{self, Limits, Packet},
    payload::Payload,
    ws::{Encoder, FrameHeader, Message, Opcode, apply_mask},
};

/// One packet, encoded once for all its receivers: the finished, unmasked WebSocket frames, shared by reference count.
///
/// It is made for the default [`Encoding`]; [`Self::encoded_for`] gives the same packet in another.
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
    /// The text frame, then the header of each attachment's frame. In msgpack there is no text frame.
    frames: Vec<u8>,
    /// Where the text begins and ends in `frames`.
    text: (usize, usize),
    attachments: Vec<Bytes>,
    form: Form,
    /// The same in other encodings, once somebody has asked for them.
    variants: OnceLock<Box<Variants>>,
}

/// What [`Encoded`] holds, and in which encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// A Socket.IO packet in the default encoding: the only form that has variants.
    Packet,
    /// What is the same in every encoding: an Engine.IO packet, a message that is no packet, or a variant.
    Final,
    /// A variant for Engine.IO 3. The type of a binary message, always "message", stands before its data: it ends each
    /// attachment's header.
    Marked,
    /// A variant whose attachments are text. What says so, and in version 3 the type, ends each one's header.
    Base64(Version),
}

/// How much longer a masked frame is.
pub const MASK_BYTES: usize = 4;

/// The bit of a header's second byte that says so.
const MASKED: u8 = 0x80;

#[derive(Debug, Default)]
struct Variants {
    json_v3: OnceLock<Prepared>,
    msgpack_v4: OnceLock<Prepared>,
    msgpack_v3: OnceLock<Prepared>,
    /// Of any of these, and of the packet itself.
    base64: OnceLock<Prepared>,
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
        let body_bytes = packet::encoded_bytes(&packet);
        Self::new(engine::Kind::Message, body_bytes, attachments, Form::Packet, |out| {
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
        Self::new(engine::Kind::Message, body_bytes, attachments, Form::Packet, |out| {
            packet::encode_into(&packet, out);
            out.push(b'[');
            out.extend_from_slice(args.as_bytes());
            out.push(b']');
        })
    }

    /// Encodes an Engine.IO packet.
    #[must_use]
    pub fn engine(kind: engine::Kind, body: &str) -> Self {
        Self::new(kind, body.len(), Vec::new(), Form::Final, |out| {
            out.extend_from_slice(body.as_bytes());
        })
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
        Self::of(frames, text, Vec::new(), Form::Final)
    }

    /// The same packet in another encoding, made when it is first asked for and shared from then on.
    ///
    /// Engine.IO packets and WebSocket messages are the same in all of them. In msgpack a Socket.IO packet is one
    /// attachment and has no [`text`](Self::text). What is in another encoding already can still be given in its base64.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{encoding::{Encoding, Parser}, engine::Version, packet::Kind, prepared::Prepared};
    ///
    /// let photo = r#"["photo",{"_placeholder":true,"num":0}]"#;
    /// let photo = Prepared::packet(Kind::Event, "/", None, photo, vec![vec![0xFF, 0xD8].into()]);
    /// let last_frame = |photo: &Prepared| photo.slices().skip(1).collect::<Vec<_>>().concat();
    /// assert_eq!(last_frame(&photo), b"\x82\x02\xFF\xD8");
    ///
    /// let v3 = photo.encoded_for(Encoding { version: Version::V3, ..Encoding::default() });
    /// assert_eq!(last_frame(&v3), b"\x82\x03\x04\xFF\xD8");
    /// ```
    // By value: what is in the right encoding already is passed on without a look at its reference count.
    #[must_use]
    pub fn encoded_for(self, encoding: Encoding) -> Self {
        if encoding == Encoding::default() {
            return self;
        }
        let packet = if self.0.form == Form::Packet { self.variant(encoding) } else { self };
        if encoding.base64 { packet.in_base64(encoding.version) } else { packet }
    }

    /// The slices to write to a WebSocket, in this order: the text frame, then of each attachment header and content.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (text_frame, attachments) = self.frames();
        text_frame.into_iter().chain(attachments.flatten())
    }

    /// The text frame, if there is one, and those of the attachments, each as its header and its content.
    fn frames(&self) -> (Option<&[u8]>, impl Iterator<Item = [&[u8]; 2]>) {
        let Encoded { frames, text, attachments, form, .. } = &*self.0;
        let (text_frame, mut headers) = frames.split_at(text.1);
        let mark_bytes = form.mark().len();
        let attachments = attachments.iter().map(move |attachment| {
            let header_bytes = header_bytes(mark_bytes + attachment.len()) + mark_bytes;
            let (header, rest) = headers.split_at(header_bytes);
            headers = rest;
            [header, &**attachment]
        });
        (Some(text_frame).filter(|frame| !frame.is_empty()), attachments)
    }

    /// Appends the frames as a client sends them: each masked with the next of `keys` (RFC 6455 §5.3). They are 4 bytes
    /// longer than those of [`Self::slices`], each.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::{engine::Kind, prepared::Prepared, ws::apply_mask};
    ///
    /// let mut frames = Vec::new();
    /// Prepared::engine(Kind::Pong, "probe").masked_into(|| [1, 2, 3, 4], &mut frames);
    /// apply_mask(&mut frames[6..], [1, 2, 3, 4], 0);
    /// assert_eq!(frames, b"\x81\x86\x01\x02\x03\x043probe");
    /// ```
    pub fn masked_into(&self, mut keys: impl FnMut() -> [u8; 4], out: &mut Vec<u8>) {
        out.reserve(self.wire_bytes() + MASK_BYTES * self.frame_count());
        let (text_frame, attachments) = self.frames();
        let text_frame = text_frame.map(|frame| [frame, &[]]);
        for [front, content] in text_frame.into_iter().chain(attachments) {
            // What the second byte says (RFC 6455 §5.2) is ours: it was written by `push_header` or the encoder.
            let (header, begin) = front.split_at(match front[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            });
            let (key, start) = (keys(), out.len());
            out.extend_from_slice(header);
            out[start + 1] |= MASKED;
            out.extend_from_slice(&key);
            let payload = out.len();
            out.extend_from_slice(begin);
            out.extend_from_slice(content);
            apply_mask(&mut out[payload..], key, 0);
        }
    }

    /// Number of WebSocket frames: one for the text, if there is one, and one for each attachment.
    #[must_use]
    pub fn frame_count(&self) -> usize {
        usize::from(self.0.text.1 > 0) + self.0.attachments.len()
    }

    /// Bytes of its largest WebSocket message.
    #[must_use]
    pub fn largest_message_bytes(&self) -> usize {
        let mark_bytes = self.0.form.mark().len();
        let attachments = self.0.attachments.iter().map(|attachment| mark_bytes + attachment.len());
        attachments.chain([self.text_bytes().len()]).max().unwrap_or_default()
    }

    /// Number of bytes that [`Self::slices`] hold together.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        self.0.frames.len() + self.0.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The Engine.IO message as text, for polling and for frames that are masked: `42["name"]`. Empty if there is none.
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

    /// Whether its attachments are in base64.
    pub(crate) fn is_base64(&self) -> bool {
        matches!(self.0.form, Form::Base64(_))
    }

    /// The attachments, each a binary message behind [`Self::text`]; only their data, in Engine.IO 3 too, or the base64
    /// of it.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }

    /// Encodes an Engine.IO message, whose body has a length known before: header and text then need one buffer.
    fn new(
        kind: engine::Kind,
        body_bytes: usize,
        attachments: Vec<Bytes>,
        form: Form,
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
        Self::of(frames, text, attachments, form)
    }

    fn of(frames: Vec<u8>, text: (usize, usize), attachments: Vec<Bytes>, form: Form) -> Self {
        let variants = OnceLock::new();
        Self(Arc::new(Encoded { frames, text, attachments, form, variants }))
    }

    fn variants(&self) -> &Variants {
        self.0.variants.get_or_init(Box::default)
    }

    /// This packet, which is in the default encoding, in another, but for base64.
    #[cold]
    fn variant(self, encoding: Encoding) -> Self {
        match (encoding.parser, encoding.version) {
            (Parser::Json, Version::V4) => self,
            // What is only text is the same in both versions.
            (Parser::Json, Version::V3) if self.0.attachments.is_empty() => self,
            (Parser::Json, Version::V3) => {
                let marked = || self.with_attachments(self.0.attachments.clone(), Form::Marked);
                self.variants().json_v3.get_or_init(marked).clone()
            }
            (Parser::MsgPack, Version::V4) => {
                let unmarked =
                    || Self::with_headers(&[], (0, 0), vec![self.to_msgpack()], Form::Final);
                self.variants().msgpack_v4.get_or_init(unmarked).clone()
            }
            (Parser::MsgPack, Version::V3) => {
                let marked =
                    || Self::with_headers(&[], (0, 0), vec![self.to_msgpack()], Form::Marked);
                self.variants().msgpack_v3.get_or_init(marked).clone()
            }
        }
    }

    /// This packet, in whichever encoding, with its binary messages as text.
    #[cold]
    fn in_base64(self, version: Version) -> Self {
        let Encoded { attachments, form, .. } = &*self.0;
        if attachments.is_empty() || matches!(form, Form::Base64(_)) {
            return self;
        }
        let as_text = || {
            let in_base64 = |attachment| BASE64_STANDARD.encode(attachment).into();
            self.with_attachments(
                attachments.iter().map(in_base64).collect(),
                Form::Base64(version),
            )
        };
        self.variants().base64.get_or_init(as_text).clone()
    }

    /// The same text, with these attachments behind it.
    fn with_attachments(&self, attachments: Vec<Bytes>, form: Form) -> Self {
        let Encoded { frames, text, .. } = &*self.0;
        Self::with_headers(&frames[..text.1], *text, attachments, form)
    }

    /// A text frame, and these attachments behind it.
    fn with_headers(
        text_frame: &[u8],
        text: (usize, usize),
        attachments: Vec<Bytes>,
        form: Form,
    ) -> Self {
        let mark = form.mark();
        let header_space = |data: &Bytes| header_bytes(mark.len() + data.len()) + mark.len();
        let header_space: usize = attachments.iter().map(header_space).sum();
        let mut frames = Vec::with_capacity(text_frame.len() + header_space);
        frames.extend_from_slice(text_frame);
        for attachment in &attachments {
            push_header(form.opcode(), mark.len() + attachment.len(), &mut frames);
            frames.extend_from_slice(mark);
        }
        Self::of(frames, text, attachments, form)
    }

    /// The Socket.IO packet that was prepared, split but not checked again; `None` if it is another message, or a variant.
    pub(super) fn as_packet(&self) -> Option<Packet<'_>> {
        const NONE: Limits = Limits {
            max_attachments: u32::MAX,
            max_attachments_bytes: usize::MAX,
            max_args: usize::MAX,
            max_depth: u32::MAX,
        };
        if self.0.form != Form::Packet {
            return None;
        }
        // Behind the digit of an Engine.IO message. What `packet` or `ack` wrote can be split, unless the namespace is none.
        let packet = packet::split(&self.text()[1..], &NONE);
        debug_assert!(packet.is_ok(), "{packet:?} in {:?}; not a namespace?", self.text());
        packet.ok()
    }

    /// The whole packet in msgpack, its attachments included.
    fn to_msgpack(&self) -> Bytes {
        // Without a namespace the peer gets a message that it refuses, as it would refuse the text.
        let packet = self.as_packet();
        packet
            .map_or_else(Bytes::new, |packet| msgpack::encode(&packet, &self.0.attachments).into())
    }
}

impl Form {
    /// What stands between the header of an attachment's frame and its data.
    const fn mark(self) -> &'static [u8] {
        match self {
            Self::Packet | Self::Final => b"",
            Self::Marked => &[4],
            Self::Base64(Version::V4) => b"b",
            Self::Base64(Version::V3) => b"b4",
        }
    }

    /// Of an attachment's frame.
    const fn opcode(self) -> Opcode {
        match self {
            Self::Base64(_) => Opcode::Text,
            Self::Packet | Self::Final | Self::Marked => Opcode::Binary,
        }
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

    /// What a peer reads from the slices of `prepared`: the text, if there is one, and the binary messages.
    fn received(prepared: &Prepared) -> (Option<String>, Vec<Bytes>) {
        let (mut texts, messages) = received_all(prepared);
        assert!(texts.len() <= 1);
        (texts.pop(), messages)
    }

    fn received_all(prepared: &Prepared) -> (Vec<String>, Vec<Bytes>) {
        assert!(prepared.slices().next().is_some_and(|first| !first.is_empty()));
        let mut wire = prepared.slices().collect::<Vec<_>>().concat();
        assert_eq!(wire.len(), prepared.wire_bytes());
        let limits = Limits { max_message_bytes: 1_000_000, ..Limits::default() };
        let mut decoder = Decoder::new(Role::Client, limits);
        let mut input = Input::new(&mut wire);
        let mut texts = Vec::new();
        let mut messages = Vec::new();
        while let Some(message) = decoder.decode(&mut input).unwrap() {
            match message {
                Message::Text(received) if messages.is_empty() => texts.push(received.to_owned()),
                Message::Binary(received) => messages.push(Bytes::copy_from_slice(received)),
                unexpected => panic!("{unexpected:?}"),
            }
        }
        assert!(input.is_empty());
        assert_eq!(texts.len() + messages.len(), prepared.frame_count());
        (texts, messages)
    }

    #[track_caller]
    fn check(prepared: &Prepared, text: &str) {
        let expect = (Some(text.to_owned()), prepared.attachments().to_vec());
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
    fn masked_frames_say_the_same() {
        use packet::Kind;

        #[track_caller]
        fn check(prepared: &Prepared) {
            let plain: Vec<u8> = prepared.slices().flatten().copied().collect();
            let (mut masked, mut key) = (Vec::new(), 0_u32);
            let keys = || {
                key += 0x0102_0304;
                key.to_be_bytes()
            };
            prepared.masked_into(keys, &mut masked);
            let masked_bytes = prepared.wire_bytes() + MASK_BYTES * prepared.frame_count();
            assert_eq!(masked.len(), masked_bytes, "{prepared:?}");
            let mut unmasked = Vec::new();
            while !masked.is_empty() {
                let (header, header_bytes) = FrameHeader::decode(&masked).unwrap().unwrap();
                let mut payload = masked.split_off(header_bytes);
                masked = payload.split_off(usize::try_from(header.payload_bytes).unwrap());
                apply_mask(&mut payload, header.mask.unwrap(), 0);
                FrameHeader { mask: None, ..header }.encode_into(&mut unmasked);
                unmasked.extend(payload);
            }
            assert_eq!(unmasked, plain, "{prepared:?}");
        }
        let event = |attachments| Prepared::packet(Kind::Event, "/", None, "[1]", attachments);
        let photos = event(vec![Bytes::new(), Bytes::from_static(b"ab"), vec![7; 70_000].into()]);
        for encoding in [Encoding::default(), V3, MSGPACK, MSGPACK_V3] {
            for encoding in [encoding, in_base64(encoding)] {
                check(&photos.clone().encoded_for(encoding));
                check(&event(Vec::new()).encoded_for(encoding));
            }
        }
        for bytes in [124, 125, 126, 0xFFFE, 0xFFFF, 0x10000] {
            check(&Prepared::engine(engine::Kind::Message, &"x".repeat(bytes)));
        }
        check(&Prepared::websocket(Message::Pong(b"?")));
        check(&Prepared::websocket(Message::Close(None)));
    }

    #[test]
    fn clones_share_one_encoding_and_cost_a_pointer() {
        let first = Prepared::engine(engine::Kind::Message, "hi");
        let second = first.clone();
        assert!(std::ptr::eq(first.text(), second.text()));
        assert_eq!(size_of::<Prepared>(), size_of::<usize>());
    }

    const V3: Encoding = Encoding::new(Version::V3, Parser::Json);
    const MSGPACK: Encoding = Encoding::new(Version::V4, Parser::MsgPack);
    const MSGPACK_V3: Encoding = Encoding::new(Version::V3, Parser::MsgPack);

    fn in_base64(encoding: Encoding) -> Encoding {
        Encoding { base64: true, ..encoding }
    }

    fn marked(data: &[u8]) -> Bytes {
        [&[4], data].concat().into()
    }

    /// A Socket.IO packet in every encoding, as a peer sees it.
    #[track_caller]
    fn check_encodings(prepared: &Prepared, in_msgpack: &[u8]) {
        let (text, attachments) = received(prepared);
        assert_eq!(received(&prepared.clone().encoded_for(Encoding::default())).0, text);

        let v3 = prepared.clone().encoded_for(V3);
        let in_v3 = attachments.iter().map(|data| marked(data)).collect();
        assert_eq!(received(&v3), (text.clone(), in_v3));
        assert_eq!((v3.text(), v3.attachments()), (&*text.unwrap(), &*attachments));

        let msgpack = prepared.clone().encoded_for(MSGPACK);
        assert_eq!(received(&msgpack), (None, vec![Bytes::copy_from_slice(in_msgpack)]));
        let msgpack_v3 = prepared.clone().encoded_for(MSGPACK_V3);
        assert_eq!(received(&msgpack_v3), (None, vec![marked(in_msgpack)]));
        for variant in [msgpack, msgpack_v3] {
            assert_eq!(
                (variant.text(), variant.attachments()),
                ("", &[in_msgpack.to_vec().into()][..])
            );
        }
    }

    #[test]
    fn every_encoding_says_the_same() {
        use packet::Kind;

        let event = |namespace, id, data: &str, attachments: &[&[u8]]| {
            let attachments = attachments.iter().map(|data| Bytes::copy_from_slice(data)).collect();
            Prepared::packet(Kind::Event, namespace, id, data, attachments)
        };
        check_encodings(
            &event("/", None, r#"["a",1]"#, &[]),
            b"\x83\xA4type\x02\xA4data\x92\xA1a\x01\xA3nsp\xA1/",
        );
        check_encodings(
            &event("/é", Some(0), r#"["1"]"#, &[]),
            b"\x84\xA4type\x02\xA4data\x91\xA11\xA2id\x00\xA3nsp\xA3/\xC3\xA9",
        );
        let two = r#"["b",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
        check_encodings(
            &event("/", None, two, &[b"", b"\x04\x01"]),
            b"\x83\xA4type\x02\xA4data\x93\xA1b\xC4\x02\x04\x01\xC4\x00\xA3nsp\xA1/",
        );
        check_encodings(
            &Prepared::packet(Kind::Connect, "/", None, r#"{"sid":"x"}"#, Vec::new()),
            b"\x83\xA4type\x00\xA4data\x81\xA3sid\xA1x\xA3nsp\xA1/",
        );
        check_encodings(
            &Prepared::packet(Kind::Connect, "/a", None, "", Vec::new()),
            b"\x82\xA4type\x00\xA3nsp\xA2/a",
        );
        check_encodings(
            &Prepared::packet(Kind::ConnectError, "/", None, r#""no""#, Vec::new()),
            b"\x83\xA4type\x04\xA4data\xA2no\xA3nsp\xA1/",
        );
        check_encodings(
            &Prepared::packet(Kind::Disconnect, "/", None, "", Vec::new()),
            b"\x82\xA4type\x01\xA3nsp\xA1/",
        );
        let payload = Payload::ack("[1]", &packet::Limits::default()).unwrap();
        check_encodings(
            &Prepared::ack("/", u64::MAX, &payload),
            b"\x84\xA4type\x03\xA4data\x91\x01\xA2id\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xA3nsp\xA1/",
        );
        // Deeper than any parser of JSON goes: it is our own, so it is written all the same.
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let deep = Prepared::packet(Kind::ConnectError, "/", None, &deep, Vec::new());
        let in_msgpack =
            [&b"\x83\xA4type\x04\xA4data\x81\xA1a"[..], &[0x91; 199], b"\x90\xA3nsp\xA1/"];
        check_encodings(&deep, &in_msgpack.concat());
    }

    #[test]
    fn the_mark_of_engine_io_3_counts_in_the_length() {
        for bytes in [124, 125, 126, 0xFFFE, 0xFFFF, 0x10000] {
            let data = vec![7; bytes];
            let attachments = vec![data.clone().into(), Bytes::new(), data.clone().into()];
            let event = Prepared::packet(packet::Kind::Event, "/", None, "[1]", attachments);
            let expect = vec![marked(&data), marked(b""), marked(&data)];
            assert_eq!(received(&event.encoded_for(V3)), (Some("453-[1]".to_owned()), expect));
        }
    }

    #[test]
    fn in_base64_every_message_is_text() {
        #[track_caller]
        fn check(prepared: &Prepared, encoding: Encoding, expect: &[&str]) {
            let plain = prepared.clone().encoded_for(encoding);
            // In one step, and as a session does that moves to a WebSocket with packets waiting.
            for from in [prepared, &plain] {
                let found = from.clone().encoded_for(in_base64(encoding));
                let expect = expect.iter().map(|&text| text.to_owned()).collect();
                assert_eq!(received_all(&found), (expect, Vec::new()), "{encoding:?}");
                assert_eq!(found.text(), plain.text());
            }
        }
        let event = |attachments: &[&[u8]]| {
            let attachments = attachments.iter().map(|data| Bytes::copy_from_slice(data)).collect();
            Prepared::packet(packet::Kind::Event, "/", None, "[1]", attachments)
        };
        let photos = event(&[&[1, 2, 3], b"", &[0xFB, 0xFF]]);
        check(&photos, Encoding::default(), &["453-[1]", "bAQID", "b", "b+/8="]);
        check(&photos, V3, &["453-[1]", "b4AQID", "b4", "b4+/8="]);
        let text = event(&[]);
        check(&text, Encoding::default(), &["42[1]"]);
        check(&text, V3, &["42[1]"]);
        check(&text, MSGPACK, &["bg6R0eXBlAqRkYXRhkQGjbnNwoS8="]);
        check(&text, MSGPACK_V3, &["b4g6R0eXBlAqRkYXRhkQGjbnNwoS8="]);
        check(&Prepared::engine(engine::Kind::Ping, ""), V3, &["2"]);
        // Around each step of the header's length: three bytes are four letters, behind a mark of one or two.
        for bytes in [91, 92, 93, 94, 49_147, 49_149, 49_150, 49_153] {
            let data = vec![7; bytes];
            let text = BASE64_STANDARD.encode(&data);
            check(&event(&[&data]), Encoding::default(), &["451-[1]", &format!("b{text}")]);
            check(&event(&[&data]), V3, &["451-[1]", &format!("b4{text}")]);
        }
    }

    #[test]
    fn variants_are_made_once_and_only_where_something_differs() {
        let is_same = |a: &Prepared, b: &Prepared| Arc::ptr_eq(&a.0, &b.0);

        let text = Prepared::packet(packet::Kind::Event, "/", None, "[1]", Vec::new());
        let binary = Prepared::packet(packet::Kind::Event, "/", None, "[1]", vec![Bytes::new()]);
        let fixed = [
            Prepared::engine(engine::Kind::Ping, ""),
            Prepared::engine(engine::Kind::Message, "hi"),
            Prepared::websocket(Message::Ping(b"?")),
            Prepared::websocket(Message::Close(None)),
        ];
        for encoding in [V3, MSGPACK, MSGPACK_V3] {
            for same in &fixed {
                assert!(is_same(same, &same.clone().encoded_for(in_base64(encoding))));
                assert!(
                    is_same(same, &same.clone().encoded_for(encoding)),
                    "{encoding:?} {same:?}"
                );
            }
            for packet in [&text, &binary] {
                let variant = packet.clone().encoded_for(encoding);
                assert!(is_same(&variant, &packet.clone().encoded_for(encoding)));
                assert_eq!(is_same(&variant, packet), encoding == V3 && is_same(packet, &text));
                // A variant stays what it is.
                assert!(is_same(&variant, &variant.clone().encoded_for(encoding)));
                let text = packet.clone().encoded_for(in_base64(encoding));
                assert!(is_same(&text, &packet.clone().encoded_for(in_base64(encoding))));
                assert!(is_same(&text, &variant.clone().encoded_for(in_base64(encoding))));
                assert!(is_same(&text, &text.clone().encoded_for(in_base64(encoding))));
                assert_eq!(is_same(&text, &variant), variant.attachments().is_empty());
            }
        }
        assert!(is_same(&text, &text.clone().encoded_for(Encoding::default())));
    }
}
