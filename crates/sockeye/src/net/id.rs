//! Random identifiers: 20 characters of `[A-Za-z0-9_-]`, 120 bits from the system's generator.

use std::{fmt, str};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A session's or socket's id.
///
/// Sticky-session helpers and the official cluster adapters rely on this length and alphabet.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Id([u8; 20]);

impl Id {
    /// A new id that nobody can guess.
    ///
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut id = [0; 20];
        getrandom::fill(&mut id)?;
        Ok(Self::of(id))
    }

    /// The id that these bytes make.
    pub(crate) fn of(bytes: [u8; 20]) -> Self {
        Self(bytes.map(|byte| ALPHABET[usize::from(byte & 63)]))
    }

    /// The id that this text is, if it is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id: [u8; 20] = text.as_bytes().try_into().ok()?;
        id.iter().all(|byte| ALPHABET.contains(byte)).then_some(Self(id))
    }

    /// Enough of it to tell sessions apart in a log, too little to take one over.
    pub(crate) fn hint(&self) -> &str {
        self.as_str().get(..6).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default() // the alphabet is ASCII
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_safe_characters_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1_000).map(|_| Id::random().unwrap()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!(Id::parse(id.as_str()), Some(id));
        }
        assert_eq!(Id::parse("short"), None);
        assert_eq!(Id::parse("twenty characters, !"), None);
    }
}
