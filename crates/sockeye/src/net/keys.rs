//! Mask keys that nobody can guess (RFC 6455 §5.3, §10.3).

use std::{fmt, io};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A source of mask keys, seeded by the system for one connection.
///
/// A key that a script could foresee would let it choose the bytes on the wire, and poison caches that take them
/// for HTTP.
pub(crate) struct Keys(Box<StdRng>);

impl Keys {
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub(crate) fn new() -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Self(Box::new(StdRng::from_seed(seed))))
    }

    /// The key of one frame, or the nonce of a handshake.
    pub(crate) fn next<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        self.0.fill_bytes(&mut key);
        key
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys") // whoever reads a log must not learn what comes next
    }
}
