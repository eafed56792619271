//! The header of one frame (RFC 6455 §5.2): fixed bits, opcode, length in its shortest form, mask key.

use super::ProtocolError;

/// Largest payload of a ping, pong or close frame, in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_BYTES: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Opcode {
    /// A further fragment of the message begun before.
    Continuation,
    /// The first fragment of a text message.
    Text,
    /// The first fragment of a binary message.
    Binary,
    /// The last frame of its sender.
    Close,
    /// Asks for a pong with the same payload.
    Ping,
    /// Answers a ping, or is sent unasked as a sign of life.
    Pong,
}

impl Opcode {
    /// Whether this is a control frame: never fragmented, at most [`MAX_CONTROL_BYTES`] long.
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }
}

/// Everything a frame says before its payload.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FrameHeader {
    /// Whether this frame ends its message.
    pub fin: bool,
    /// Whether the message is compressed (RFC 7692 §6); set on its first frame only.
    pub rsv1: bool,
    /// What the frame is for.
    pub opcode: Opcode,
    /// The key its payload is masked with, if it is.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload that follows, in bytes; below 2^63.
    pub payload_bytes: u64,
}

impl FrameHeader {
    /// Length of the longest header, in bytes.
    pub const MAX_BYTES: usize = 14;

    /// Reads one header from the start of `bytes` and says how long it is; `None` needs more bytes.
    ///
    /// # Errors
    ///
    /// Every [`ProtocolError`] is the peer's fault and is reported as soon as the byte that proves it is
    /// there: close the connection with 1002.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::ws::{FrameHeader, Opcode};
    ///
    /// let (header, header_bytes) = FrameHeader::decode(b"\x81\x05hello")?.expect("complete");
    /// assert_eq!((header.opcode, header.payload_bytes, header_bytes), (Opcode::Text, 5, 2));
    /// assert_eq!(FrameHeader::decode(b"\x81")?, None);
    /// # Ok::<_, sockeye_proto::wire::ws::ProtocolError>(())
    /// ```
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & RSV2_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0f)
            .ok_or(ProtocolError::ReservedOpcode { opcode: first & 0x0f })?;
        let (fin, rsv1) = (first & FIN != 0, first & RSV1 != 0);
        if opcode.is_control() && !fin {
            return Err(ProtocolError::FragmentedControl);
        }

        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > MAX_CONTROL_BYTES {
            return Err(ProtocolError::ControlTooLong);
        }
        let (payload_bytes, length_end) = match short {
            LENGTH_16 => {
                let Some(length) = chunk_at(bytes, 2) else { return Ok(None) };
                (u64::from(u16::from_be_bytes(length)), 4)
            }
            LENGTH_64 => {
                let Some(length) = chunk_at(bytes, 2) else { return Ok(None) };
                (u64::from_be_bytes(length), 10)
            }
            short => (u64::from(short), 2),
        };
        if payload_bytes > i64::MAX as u64 {
            return Err(ProtocolError::LengthTooLarge { payload_bytes });
        }
        if length_end != length_end_of(payload_bytes) {
            return Err(ProtocolError::LengthNotMinimal { payload_bytes });
        }

        let mask = if second & MASKED == 0 {
            None
        } else {
            let Some(key) = chunk_at(bytes, length_end) else { return Ok(None) };
            Some(key)
        };
        let header = Self { fin, rsv1, opcode, mask, payload_bytes };
        Ok(Some((header, header.encoded_bytes())))
    }

    /// Appends the header to `out`; the payload, masked if [`Self::mask`] says so, goes behind it.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_proto::wire::ws::{FrameHeader, Opcode};
    ///
    /// let header =
    ///     FrameHeader { fin: true, rsv1: false, opcode: Opcode::Text, mask: None, payload_bytes: 5 };
    /// let mut frame = Vec::new();
    /// header.encode_into(&mut frame);
    /// frame.extend_from_slice(b"hello");
    /// assert_eq!(frame, b"\x81\x05hello");
    /// ```
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.rsv1 { RSV1 } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        let first = fin | rsv1 | self.opcode.bits();
        match self.payload_bytes {
            length @ 0..=125 => out.extend_from_slice(&[first, masked | length as u8]),
            length @ 126..=0xffff => {
                let [a, b] = (length as u16).to_be_bytes();
                out.extend_from_slice(&[first, masked | LENGTH_16, a, b]);
            }
            length => {
                out.extend_from_slice(&[first, masked | LENGTH_64]);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }

    /// Length of this header on the wire, in bytes.
    pub const fn encoded_bytes(&self) -> usize {
        length_end_of(self.payload_bytes) + if self.mask.is_some() { 4 } else { 0 }
    }
}

/// Where the shortest form of this length ends in a header.
const fn length_end_of(payload_bytes: u64) -> usize {
    match payload_bytes {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

fn chunk_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn refuse(bytes: &[u8], expect: ProtocolError) {
        assert_eq!(FrameHeader::decode(bytes), Err(expect), "{bytes:x?}");
    }

    #[test]
    fn headers_against_the_rules() {
        refuse(b"\xa1", ProtocolError::ReservedBits);
        refuse(b"\x91\x00", ProtocolError::ReservedBits);
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            refuse(&[0x80 | opcode], ProtocolError::ReservedOpcode { opcode });
        }
        refuse(b"\x09", ProtocolError::FragmentedControl);
        refuse(b"\x08\x80", ProtocolError::FragmentedControl);
        refuse(b"\x89\x7e", ProtocolError::ControlTooLong);
        refuse(b"\x88\xff", ProtocolError::ControlTooLong);
        refuse(b"\x82\x7e\x00\x7d", ProtocolError::LengthNotMinimal { payload_bytes: 125 });
        refuse(b"\x82\x7e\x00\x00", ProtocolError::LengthNotMinimal { payload_bytes: 0 });
        refuse(
            b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
            ProtocolError::LengthNotMinimal { payload_bytes: 0xffff },
        );
        refuse(
            b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00",
            ProtocolError::LengthTooLarge { payload_bytes: 1 << 63 },
        );
        refuse(&[0xff; 10], ProtocolError::ReservedBits);
    }

    #[test]
    fn the_largest_length_is_a_header() {
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode: Opcode::Binary,
            mask: Some([0xff; 4]),
            payload_bytes: i64::MAX as u64,
        };
        let mut bytes = Vec::new();
        header.encode_into(&mut bytes);
        assert_eq!(bytes.len(), FrameHeader::MAX_BYTES);
        assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, FrameHeader::MAX_BYTES))));
    }

    fn any_header() -> impl Strategy<Value = FrameHeader> {
        let length = prop_oneof![
            0_u64..300,
            65_530_u64..65_540,
            any::<u64>().prop_map(|length| length >> 1)
        ];
        let opcode = prop_oneof![
            Just(Opcode::Continuation),
            Just(Opcode::Text),
            Just(Opcode::Binary),
            Just(Opcode::Close),
            Just(Opcode::Ping),
            Just(Opcode::Pong),
        ];
        (any::<bool>(), any::<bool>(), opcode, any::<Option<[u8; 4]>>(), length).prop_map(
            |(fin, rsv1, opcode, mask, length)| {
                let control = opcode.is_control();
                let payload_bytes = if control { length % 126 } else { length };
                FrameHeader { fin: fin || control, rsv1, opcode, mask, payload_bytes }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_and_every_prefix_waits(header in any_header()) {
            let mut bytes = Vec::new();
            header.encode_into(&mut bytes);
            prop_assert_eq!(bytes.len(), header.encoded_bytes());
            for end in 0..bytes.len() {
                prop_assert_eq!(FrameHeader::decode(&bytes[..end]), Ok(None));
            }
            prop_assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, bytes.len()))));
        }

        #[test]
        fn what_is_decoded_is_encoded_the_same(bytes: [u8; FrameHeader::MAX_BYTES]) {
            if let Ok(Some((header, header_bytes))) = FrameHeader::decode(&bytes) {
                let mut again = Vec::new();
                header.encode_into(&mut again);
                prop_assert_eq!(&again, &bytes[..header_bytes]);
            }
        }
    }
}
