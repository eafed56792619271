//! A hasher for numbers that this program made itself: nobody outside can choose them so that they collide.

use std::hash::{BuildHasherDefault, Hasher};

pub(super) type Numbered = BuildHasherDefault<Fold>;

/// Folds whole words by a multiplication (as `FxHash` does).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0xf135_7aea_2e62_a9c5);
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64((word >> 64) as u64);
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        // The low bits choose the bucket, and a product's high bits are its best ones.
        self.0.rotate_left(26)
    }
}
