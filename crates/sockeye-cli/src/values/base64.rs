//! Base64 as other people write it: bits that mean nothing need not be zero, and `=` may be missing.

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes.
///
/// # Errors
///
/// [`DecodeError`]: it is no base64.
pub(crate) fn from_base64(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeError> {
    LENIENT.decode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_left_over_mean_nothing() {
        for text in ["AQ==", "AR==", "AQ", "AR"] {
            assert_eq!(from_base64(text).unwrap(), [1], "{text}");
        }
        assert!(from_base64("A").is_err() && from_base64("%%%%").is_err());
    }
}
