//! Decompression with bounded output: a bomb costs the bytes of the limit, not those it claims.

use flate2::{Decompress, FlushDecompress, Status};

use super::TAIL;
use crate::wire::ws::{DecodeError, growth::grow};

/// Decompresses the messages of one direction of a connection.
///
/// The state of zlib, about 40 KB, exists from the first compressed message on; without context takeover
/// only while a message is being read.
#[derive(Debug)]
pub struct Inflater {
    window_bits: u8,
    keeps_context: bool,
    stream: Option<Decompress>,
    /// Whether the last block said it is final; what follows is a stream of its own (§7.2.3.4).
    ended: bool,
}

impl Inflater {
    pub(super) fn new(window_bits: u8, keeps_context: bool) -> Self {
        Self { window_bits, keeps_context, stream: None, ended: false }
    }

    /// Appends what a piece of a compressed message stands for to `out`, which holds the message so far
    /// and never grows beyond `max_message_bytes` and one.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidDeflate`] and [`DecodeError::MessageTooBig`] are the peer's fault.
    pub fn push(
        &mut self,
        mut compressed: &[u8],
        out: &mut Vec<u8>,
        max_message_bytes: usize,
    ) -> Result<(), DecodeError> {
        let window_bits = self.window_bits;
        let stream =
            self.stream.get_or_insert_with(|| Decompress::new_with_window_bits(false, window_bits));
        while !compressed.is_empty() {
            if self.ended {
                stream.reset(false);
                self.ended = false;
            }
            loop {
                if out.len() == out.capacity() {
                    // One byte more than allowed, to tell a full message from one that is too big.
                    let max_bytes = max_message_bytes.saturating_add(1);
                    let guess = compressed.len().saturating_mul(2).max(64);
                    grow(out, guess.min(max_bytes - out.len()), max_bytes);
                }
                let consumed_before = stream.total_in();
                let status = stream
                    .decompress_vec(compressed, out, FlushDecompress::None)
                    .map_err(|_| DecodeError::InvalidDeflate)?;
                compressed = &compressed[(stream.total_in() - consumed_before) as usize..];
                if out.len() > max_message_bytes {
                    return Err(DecodeError::MessageTooBig { max_message_bytes });
                }
                match status {
                    Status::StreamEnd => {
                        self.ended = true;
                        break;
                    }
                    // Room was left, so zlib holds nothing back and waits for more.
                    _ if out.len() < out.capacity() => {
                        if compressed.is_empty() {
                            break;
                        }
                        return Err(DecodeError::InvalidDeflate);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Ends the message whose last piece was pushed.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn finish(
        &mut self,
        out: &mut Vec<u8>,
        max_message_bytes: usize,
    ) -> Result<(), DecodeError> {
        // Some senders end with a final block and nothing behind it: the tail would be garbage then.
        if !self.ended {
            self.push(&TAIL, out, max_message_bytes)?;
        }
        if !self.keeps_context {
            self.stream = None;
            self.ended = false;
        }
        Ok(())
    }
}

/// Most bytes a peer may send for a message of `message_bytes`: what deflate needs for noise, and some.
///
/// Without it a message of empty blocks could go on for ever.
pub(in crate::wire::ws) fn max_compressed_bytes(message_bytes: usize) -> usize {
    message_bytes.saturating_add(message_bytes / 1_000).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    fn inflate(pieces: &[&[u8]], max_message_bytes: usize) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        let mut inflater = Inflater::new(15, true);
        for piece in pieces {
            inflater.push(piece, &mut out, max_message_bytes)?;
        }
        inflater.finish(&mut out, max_message_bytes)?;
        assert!(out.capacity() <= max_message_bytes + 1);
        Ok(out)
    }

    #[test]
    fn examples_of_the_rfc() {
        #[track_caller]
        fn check(compressed: &[u8]) {
            assert_eq!(inflate(&[compressed], 5).unwrap(), b"Hello");
            let (a, b) = compressed.split_at(3);
            assert_eq!(inflate(&[a, b], 5).unwrap(), b"Hello");
            let max_message_bytes = 4;
            let too_big = DecodeError::MessageTooBig { max_message_bytes };
            assert_eq!(inflate(&[compressed], 4), Err(too_big));
        }
        check(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]); // §7.2.3.1
        check(&[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]); // §7.2.3.3
        check(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]); // §7.2.3.4, BFINAL
        check(&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]); // the same from a sender that forgets the pad
        let two_blocks =
            [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        check(&two_blocks); // §7.2.3.5
    }

    #[test]
    fn the_context_is_taken_over_if_agreed() {
        let first = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00]; // §7.2.3.2: a reference into the first
        for (keeps_context, expect) in
            [(true, Ok(b"HelloHello".to_vec())), (false, Err(DecodeError::InvalidDeflate))]
        {
            let mut inflater = Inflater::new(15, keeps_context);
            let mut out = Vec::new();
            inflater.push(&first, &mut out, 100).unwrap();
            inflater.finish(&mut out, 100).unwrap();
            assert_eq!(inflater.stream.is_some(), keeps_context, "no context, no memory");
            let result = inflater.push(&second, &mut out, 100);
            assert_eq!(result.and_then(|()| inflater.finish(&mut out, 100)).map(|()| out), expect);
        }
    }

    #[test]
    fn a_bomb_costs_the_limit() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![0; 2 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        for max_message_bytes in [0, 1, 1_000, 1 << 20] {
            let mut out = Vec::new();
            let found = Inflater::new(15, true).push(&bomb, &mut out, max_message_bytes);
            assert_eq!(found, Err(DecodeError::MessageTooBig { max_message_bytes }));
            assert!(out.capacity() <= max_message_bytes + 1);
        }
    }

    #[test]
    fn garbage_is_refused() {
        assert_eq!(inflate(&[&[0xff; 20]], 100), Err(DecodeError::InvalidDeflate));
        assert_eq!(inflate(&[], 0), Ok(Vec::new()));
    }
}
