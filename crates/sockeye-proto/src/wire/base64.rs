//! Base64 as other people write it: read in every form that Node.js reads, and that can't mean something else.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use thiserror::Error;

/// Its padding may be missing, and bits that no byte needs may be set (RFC 4648 §3.2 and §3.5 leave both to the reader).
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads base64 that somebody else has written.
///
/// Taken as it is: padding or none, bits behind the last byte that are not zero, lines (the Java client breaks them), and
/// the alphabet for URLs. What is none of these is an error, and not skipped as Node.js does: then it is no base64.
///
/// # Errors
///
/// [`DecodeError`], the writer's fault.
///
/// # Examples
///
/// ```
/// use sockeye_proto::wire::base64::{DecodeError, decode};
///
/// assert_eq!(decode("AQ==")?, [1]);
/// assert_eq!(decode("AR==")?, [1]); // the last four bits belong to no byte
/// assert_eq!(decode("AQ")?, [1]);
/// assert_eq!(decode("-_8=")?, decode("+/8=")?);
/// assert!(decode("A?==").is_err());
/// # Ok::<_, DecodeError>(())
/// ```
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeError> {
    let text = text.as_ref();
    LENIENT.decode(text).or_else(|error| match standard(text) {
        Cow::Owned(standard) => LENIENT.decode(standard).map_err(DecodeError),
        Cow::Borrowed(_) => Err(DecodeError(error)),
    })
}

/// Why a text is not base64.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("not base64: {0}")]
pub struct DecodeError(base64::DecodeError);

/// The text in one line and in the standard alphabet, if it is not so already.
fn standard(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| matches!(byte, b'-' | b'_' | b'\r' | b'\n')) {
        return Cow::Borrowed(text);
    }
    let standard = text.iter().filter_map(|byte| match byte {
        b'\r' | b'\n' => None,
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        other => Some(*other),
    });
    Cow::Owned(standard.collect())
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    #[track_caller] // a failure points at the row, not at this function
    fn check(text: &str, expect: Option<&[u8]>) {
        assert_eq!(decode(text).ok().as_deref(), expect, "decoding {text:?}");
    }

    #[test]
    fn what_node_js_reads_is_read_alike() {
        check("", Some(b""));
        check("AQID", Some(&[1, 2, 3]));
        check("AQI=", Some(&[1, 2]));
        check("AQI", Some(&[1, 2]));
        check("AQ==", Some(&[1]));
        check("AQ=", Some(&[1]));
        check("AQ", Some(&[1]));
        // Bits that no byte needs.
        check("AR==", Some(&[1]));
        check("AQJ=", Some(&[1, 2]));
        check("//", Some(&[255]));
        // Lines, and the other alphabet.
        check("AQ\r\nID\n", Some(&[1, 2, 3]));
        check("-_-_", Some(&[0xFB, 0xFF, 0xBF]));
        check("-/+_\n", Some(&[0xFB, 0xFF, 0xBF]));
    }

    #[test]
    fn what_is_something_else_is_refused() {
        check("A", None); // six bits are no byte
        check("AQIDA", None);
        check("=", None);
        check("AQ==AQ==", None); // Node.js ends at the first padding
        check("AQ===", None);
        check("AQ ID", None);
        check("AQ?D", None);
        check("é", None);
        check("{\"a\":1}", None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            let text = BASE64_STANDARD.encode(&bytes);
            prop_assert_eq!(decode(text.trim_end_matches('=')), Ok(bytes.clone()));
            prop_assert_eq!(decode(text), Ok(bytes));
        }

        #[test]
        fn decode_never_panics(text: Vec<u8>) {
            let _ = decode(text);
        }
    }
}
