//! Bytes from the transport on their way through a decoder.

/// Bytes read from the transport and not yet decoded; a decoder unmasks them in place.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::Input;
///
/// let mut buffer = *b"\x81\x05hello";
/// let input = Input::new(&mut buffer);
/// assert_eq!(input.remaining().len(), 7);
/// ```
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
    read: usize,
}

impl<'b> Input<'b> {
    /// Wraps bytes just read from the transport.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    /// Drops all that is left.
    pub fn discard(&mut self) {
        self.take_rest();
    }

    /// Whether every byte was decoded or kept by the decoder.
    pub fn is_empty(&self) -> bool {
        self.read == self.bytes.len()
    }

    /// The bytes no decoder has looked at yet, as they came from the transport.
    pub fn remaining(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// Gives out all that is left, and none of it again.
    pub(super) fn take_rest(&mut self) -> &mut [u8] {
        self.take(u64::MAX)
    }

    /// Gives out the next `count` bytes, or all that is left if that is less.
    pub(super) fn take(&mut self, count: u64) -> &mut [u8] {
        let start = self.read;
        let left = self.bytes.len() - start;
        self.read += usize::try_from(count).map_or(left, |count| count.min(left));
        &mut self.bytes[start..self.read]
    }

    /// The last `count` bytes given out.
    pub(super) fn taken(&self, count: usize) -> &[u8] {
        &self.bytes[self.read.saturating_sub(count)..self.read]
    }
}
