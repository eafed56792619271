//! Bytes of a fuzzer as small decisions: whatever is left out at the end reads as zero.

/// What is left of an input that has the form of operations.
#[derive(Debug)]
pub struct Script<'d>(&'d [u8]);

impl<'d> Script<'d> {
    /// Begins with the whole input.
    pub const fn new(data: &'d [u8]) -> Self {
        Self(data)
    }

    /// The byte that begins the next operation; `None` at the end of the input.
    pub fn operation(&mut self) -> Option<u8> {
        self.0.split_off_first().copied()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.operation().unwrap_or_default()
    }

    /// Two bytes.
    pub fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A length of one byte, then as many bytes or what is left of them.
    pub fn bytes(&mut self) -> &'d [u8] {
        let length = self.byte().into();
        self.take(length)
    }

    /// So many bytes, or what is left of them.
    pub fn take(&mut self, count: usize) -> &'d [u8] {
        let count = count.min(self.0.len());
        self.0.split_off(..count).unwrap_or_default()
    }

    /// All that is left.
    pub const fn rest(self) -> &'d [u8] {
        self.0
    }
}
