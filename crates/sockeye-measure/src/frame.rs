//! Just enough of RFC 6455 for the loads: whole frames, no fragments, no extensions.
//!
//! The bench has its own so that it does not measure, or check, a server with that server's code.

use std::ops::Range;

use thiserror::Error;

/// A whole frame at the start of some bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Where the payload lies; the frame ends where it does.
    pub(crate) payload: Range<usize>,
}

pub(crate) const TEXT: u8 = 0x1;

/// Bytes a frame spends before its payload, at most.
pub(crate) const MAX_HEADER_BYTES: usize = 8;

/// The peer sent a frame that no server needs for these loads.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("frame starts with {first:#04x}; expected a whole message without extensions")]
pub(crate) struct UnexpectedFrame {
    first: u8,
}

/// Finds the frame that `bytes` start with; `None` while it is incomplete.
pub(crate) fn split(bytes: &[u8]) -> Result<Option<Frame>, UnexpectedFrame> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    let (fin, reserved, opcode) = (first & 0x80 != 0, first & 0x70, first & 0x0f);
    if !fin || reserved != 0 || opcode == 0 {
        return Err(UnexpectedFrame { first });
    }
    let mut at = 2;
    let payload_bytes = match second & 0x7f {
        126 => {
            let Some(&length) = bytes[at..].first_chunk() else { return Ok(None) };
            at += 2;
            usize::from(u16::from_be_bytes(length))
        }
        // Over 64 KiB: longer than any message of the loads.
        127 => return Err(UnexpectedFrame { first }),
        short => usize::from(short),
    };
    let mut mask = None;
    if second & 0x80 != 0 {
        let Some(&key) = bytes[at..].first_chunk() else { return Ok(None) };
        mask = Some(key);
        at += 4;
    }
    let payload = at..at + payload_bytes;
    Ok((payload.end <= bytes.len()).then_some(Frame { opcode, mask, payload }))
}

/// Appends the header of a text frame; the caller appends (and masks) the payload.
///
/// `payload_bytes` fits in 16 bits, as all messages of the loads do.
pub(crate) fn push_text_header(payload_bytes: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    debug_assert!(payload_bytes <= usize::from(u16::MAX));
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | TEXT);
    if payload_bytes < 126 {
        out.push(masked | payload_bytes as u8);
    } else {
        out.push(masked | 126);
        out.extend((payload_bytes as u16).to_be_bytes());
    }
    out.extend(mask.iter().flatten());
}

/// Masks or unmasks a payload, eight bytes at a time.
pub(crate) fn apply_mask(payload: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expect: Result<Option<Frame>, UnexpectedFrame>) {
        assert_eq!(split(bytes), expect, "splitting {bytes:x?}");
    }

    #[test]
    fn frames_are_found_or_refused() {
        let key = [1, 2, 3, 4];
        check(&[], Ok(None));
        check(&[0x81], Ok(None));
        check(&[0x81, 2, b'4'], Ok(None));
        check(&[0x81, 0], Ok(Some(Frame { opcode: TEXT, mask: None, payload: 2..2 })));
        check(&[0x81, 1, b'2', 9], Ok(Some(Frame { opcode: TEXT, mask: None, payload: 2..3 })));
        check(&[0x88, 0x80, 1, 2, 3], Ok(None));
        check(
            &[0x88, 0x80, 1, 2, 3, 4],
            Ok(Some(Frame { opcode: 0x8, mask: Some(key), payload: 6..6 })),
        );
        check(&[0x81, 126, 0], Ok(None));
        check(&[0x81, 127], Err(UnexpectedFrame { first: 0x81 }));
        check(&[0x01, 0], Err(UnexpectedFrame { first: 0x01 })); // a fragment
        check(&[0xc1, 0], Err(UnexpectedFrame { first: 0xc1 })); // compressed
    }

    #[test]
    fn a_written_frame_is_read_back() {
        for payload_bytes in [0, 1, 7, 8, 125, 126, 4_200] {
            for mask in [None, Some([7, 0, 255, 1])] {
                let payload: Vec<u8> = (0..payload_bytes).map(|at| at as u8).collect();
                let mut bytes = Vec::new();
                push_text_header(payload_bytes, mask, &mut bytes);
                bytes.extend(&payload);
                let header_bytes = bytes.len() - payload_bytes;
                assert!(header_bytes <= MAX_HEADER_BYTES);
                if let Some(key) = mask {
                    apply_mask(&mut bytes[header_bytes..], key);
                }
                let frame = split(&bytes).unwrap().unwrap();
                assert_eq!(frame, Frame { opcode: TEXT, mask, payload: header_bytes..bytes.len() });
                if let Some(key) = mask {
                    apply_mask(&mut bytes[header_bytes..], key);
                }
                assert_eq!(bytes[header_bytes..], payload);
            }
        }
    }
}
