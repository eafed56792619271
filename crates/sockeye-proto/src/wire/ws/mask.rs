//! Masking (RFC 6455 §5.3): the XOR that hides client frames from caches in between.

/// Masks or unmasks `bytes` in place; `offset` is how many payload bytes of the frame came before them.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::ws::apply_mask;
///
/// let mut payload = *b"hello";
/// apply_mask(&mut payload[..3], [1, 2, 3, 4], 0);
/// apply_mask(&mut payload[3..], [1, 2, 3, 4], 3);
/// apply_mask(&mut payload, [1, 2, 3, 4], 0);
/// assert_eq!(&payload, b"hello");
/// ```
pub fn apply_mask(bytes: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    // Whole words without branches are what the compiler turns into vector instructions.
    let word_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_the_formula_of_the_rfc(bytes: Vec<u8>, key: [u8; 4], offset in 0_usize..9) {
            let expect: Vec<u8> =
                bytes.iter().enumerate().map(|(i, byte)| byte ^ key[(i + offset) % 4]).collect();
            let mut masked = bytes.clone();
            apply_mask(&mut masked, key, offset);
            prop_assert_eq!(&masked, &expect);
            apply_mask(&mut masked, key, offset);
            prop_assert_eq!(masked, bytes);
        }
    }
}
