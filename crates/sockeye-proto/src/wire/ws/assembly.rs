//! A data message that arrives in pieces: its memory grows with the bytes that came, up to the limit.

use super::{
    DecodeError, Limits, Opcode,
    deflate::{Inflater, max_compressed_bytes},
    growth::grow,
    utf8::Utf8Prefix,
};

/// The pieces of one text or binary message, joined.
#[derive(Debug)]
pub(super) struct Assembly {
    opcode: Opcode,
    /// How many compressed bytes were admitted, if the message is compressed.
    compressed_bytes: Option<usize>,
    bytes: Vec<u8>,
    utf8: Utf8Prefix,
    empty_fragments: u32,
}

impl Assembly {
    /// A message begun by a frame with this opcode.
    pub(super) fn new(opcode: Opcode, compressed: bool) -> Self {
        Self {
            opcode,
            compressed_bytes: compressed.then_some(0),
            bytes: Vec::new(),
            utf8: Utf8Prefix::default(),
            empty_fragments: 0,
        }
    }

    /// Decides from its header whether a fragment may be added, before any of its bytes are kept.
    pub(super) fn admit(&mut self, payload_bytes: u64, limits: &Limits) -> Result<(), DecodeError> {
        if payload_bytes == 0 {
            self.empty_fragments += 1;
            if self.empty_fragments > limits.max_empty_fragments {
                let max_empty_fragments = limits.max_empty_fragments;
                return Err(DecodeError::TooManyEmptyFragments { max_empty_fragments });
            }
        }
        let max_message_bytes = limits.max_message_bytes;
        let room = match self.compressed_bytes {
            Some(admitted) => max_compressed_bytes(max_message_bytes).saturating_sub(admitted),
            None => max_message_bytes.saturating_sub(self.bytes.len()),
        };
        match usize::try_from(payload_bytes) {
            Ok(payload_bytes) if payload_bytes <= room => {
                self.compressed_bytes =
                    self.compressed_bytes.map(|admitted| admitted + payload_bytes);
                Ok(())
            }
            _ => Err(DecodeError::MessageTooBig { max_message_bytes }),
        }
    }

    /// Adds unmasked bytes of an admitted fragment.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        limits: &Limits,
        inflater: Option<&mut Inflater>,
    ) -> Result<(), DecodeError> {
        match inflater {
            Some(inflater) if self.compressed_bytes.is_some() => {
                inflater.push(piece, &mut self.bytes, limits.max_message_bytes)?;
            }
            _ => {
                grow(&mut self.bytes, piece.len(), limits.max_message_bytes);
                self.bytes.extend_from_slice(piece);
            }
        }
        self.check_text()
    }

    /// Ends the message after its last fragment.
    pub(super) fn finish(
        &mut self,
        limits: &Limits,
        inflater: Option<&mut Inflater>,
    ) -> Result<(), DecodeError> {
        if let Some(inflater) = inflater
            && self.compressed_bytes.is_some()
        {
            inflater.finish(&mut self.bytes, limits.max_message_bytes)?;
        }
        self.check_text()
    }

    /// Now and not at the end, so that a wrong byte ends the connection before the rest is read.
    fn check_text(&mut self) -> Result<(), DecodeError> {
        if self.opcode == Opcode::Text {
            self.utf8.extend_over(&self.bytes).map_err(|_| DecodeError::InvalidUtf8)?;
        }
        Ok(())
    }

    /// Whether the message is text or binary.
    pub(super) fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// How many bytes of memory the message holds.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// All bytes so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
