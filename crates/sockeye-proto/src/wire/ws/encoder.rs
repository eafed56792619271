//! Messages to bytes: one message, one frame.

use super::{FrameHeader, MAX_CONTROL_BYTES, Message, Opcode, apply_mask, deflate::Deflater};

/// Writes whole messages as single frames.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::{Encoder, Message};
///
/// let mut out = Vec::new();
/// Encoder::new().encode(Message::Text("hello"), None, &mut out);
/// assert_eq!(out, b"\x81\x05hello");
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    deflater: Option<Box<Deflater>>,
}

impl Encoder {
    /// An encoder that does not compress.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compresses data messages as agreed in the handshake.
    #[must_use]
    pub fn with_deflate(mut self, deflater: Deflater) -> Self {
        self.deflater = Some(Box::new(deflater));
        self
    }

    /// Appends `message` to `out`, masked if a key is given: a client must, a server must not.
    ///
    /// Every frame of a client needs a fresh key from a strong source of randomness (RFC 6455 §5.3).
    /// Control frames hold 125 bytes: of a longer ping or pong only so many are sent, a longer close
    /// reason is cut between two characters.
    pub fn encode(&mut self, message: Message<'_>, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
        match message {
            Message::Text(text) => self.append_data(Opcode::Text, text.as_bytes(), mask, out),
            Message::Binary(bytes) => self.append_data(Opcode::Binary, bytes, mask, out),
            Message::Ping(payload) => append_frame(Opcode::Ping, false, &[cut(payload)], mask, out),
            Message::Pong(payload) => append_frame(Opcode::Pong, false, &[cut(payload)], mask, out),
            Message::Close(None) => append_frame(Opcode::Close, false, &[], mask, out),
            Message::Close(Some(frame)) => {
                let code = frame.code.as_u16().to_be_bytes();
                let reason = frame.fitting_reason().as_bytes();
                append_frame(Opcode::Close, false, &[&code, reason], mask, out);
            }
        }
    }

    fn append_data(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        mask: Option<[u8; 4]>,
        out: &mut Vec<u8>,
    ) {
        match self.deflater.as_mut().and_then(|deflater| deflater.deflate(payload)) {
            Some(compressed) => append_frame(opcode, true, &[&compressed], mask, out),
            None => append_frame(opcode, false, &[payload], mask, out),
        }
    }
}

fn cut(control_payload: &[u8]) -> &[u8] {
    &control_payload[..control_payload.len().min(MAX_CONTROL_BYTES)]
}

fn append_frame(
    opcode: Opcode,
    rsv1: bool,
    payload: &[&[u8]],
    mask: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    let payload_bytes: usize = payload.iter().map(|part| part.len()).sum();
    let header = FrameHeader { fin: true, rsv1, opcode, mask, payload_bytes: payload_bytes as u64 };
    out.reserve(header.encoded_bytes() + payload_bytes);
    header.encode_into(out);
    let start = out.len();
    for part in payload {
        out.extend_from_slice(part);
    }
    if let Some(key) = mask {
        apply_mask(&mut out[start..], key, 0);
    }
}
