//! UTF-8 of text that arrives in pieces: wrong bytes are refused at once, each byte is read about once.

/// The text so far is not UTF-8 and no further byte can mend it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvalidUtf8;

/// How much of a growing buffer is known to be UTF-8.
///
/// It remembers a length instead of a decoder state: the at most three bytes of a split character are
/// still in the buffer and are simply read again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8Prefix {
    checked_bytes: usize,
}

impl Utf8Prefix {
    /// Checks what `text` gained since the last call; a character may still be incomplete at its end.
    pub(super) fn extend_over(&mut self, text: &[u8]) -> Result<(), InvalidUtf8> {
        match simdutf8::compat::from_utf8(text.get(self.checked_bytes..).unwrap_or_default()) {
            Ok(_) => self.checked_bytes = text.len(),
            Err(error) if error.error_len().is_none() => self.checked_bytes += error.valid_up_to(),
            Err(_) => return Err(InvalidUtf8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Index of the first byte after which the prefix is refused.
    fn refused_at(text: &[u8]) -> Option<usize> {
        let mut prefix = Utf8Prefix::default();
        (0..text.len()).find(|&at| prefix.extend_over(&text[..=at]).is_err())
    }

    #[test]
    fn wrong_bytes_are_refused_at_the_first_of_them() {
        #[track_caller]
        fn check(text: &[u8], expect: Option<usize>) {
            assert_eq!(refused_at(text), expect, "{text:x?}");
        }
        check("κόσμε 🐟".as_bytes(), None);
        check(b"\xf0\x9f\x90", None); // incomplete, not wrong
        check(b"a\xff", Some(1));
        check(b"\xc0\xaf", Some(0)); // overlong
        check(b"\xe0\x80\xaf", Some(1)); // overlong
        check(b"\xed\xa0\x80", Some(1)); // surrogate
        check(b"\xf4\x90\x80\x80", Some(1)); // above U+10FFFF
        check(b"\xce\x61", Some(1)); // character cut short by another
    }

    proptest! {
        #[test]
        fn agrees_with_std_on_the_whole(text: Vec<u8>) {
            let expect = match std::str::from_utf8(&text) {
                Ok(_) => None,
                Err(error) => error.error_len().map(|_| error.valid_up_to()),
            };
            // std names the start of the wrong sequence, we name the byte that made it wrong.
            let found = refused_at(&text);
            prop_assert_eq!(found.is_some(), expect.is_some());
            if let (Some(found), Some(start)) = (found, expect) {
                prop_assert!((start..start + 4).contains(&found));
            }
        }
    }
}
