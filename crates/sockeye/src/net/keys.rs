//! Mask keys that nobody can guess (RFC 6455 §5.3, §10.3).

use std::{cell::RefCell, io};

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A source of mask keys.
///
/// A key that a script could foresee would let it choose the bytes on the wire, and poison caches that take them
/// for HTTP. What the connections of a thread share can't be foreseen either, and an idle one owns nothing of it.
#[derive(Debug)]
pub(crate) struct Keys(());

/// Seeds the threads' generators; seeded by the system, once it could be.
static SEEDS: Mutex<Option<StdRng>> = Mutex::new(None);

thread_local! {
    static KEYS: RefCell<Option<StdRng>> = const { RefCell::new(None) };
}

impl Keys {
    /// # Errors
    ///
    /// The system has no randomness to give.
    pub(crate) fn new() -> io::Result<Self> {
        let mut seeds = SEEDS.lock();
        if seeds.is_none() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(io::Error::other)?;
            *seeds = Some(StdRng::from_seed(seed));
        }
        Ok(Self(()))
    }

    /// The key of one frame, or the nonce of a handshake.
    pub(crate) fn next<const BYTES: usize>(&mut self) -> [u8; BYTES] {
        let mut key = [0; BYTES];
        KEYS.with_borrow_mut(|keys| keys.get_or_insert_with(seeded).fill_bytes(&mut key));
        key
    }
}

/// This thread's own generator.
fn seeded() -> StdRng {
    let mut seed = [0; 32];
    #[expect(clippy::expect_used, reason = "whoever has keys has called `Keys::new`")]
    SEEDS.lock().as_mut().expect("seeded").fill_bytes(&mut seed);
    StdRng::from_seed(seed)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn no_two_keys_are_the_same_whatever_the_connection_or_the_thread() {
        let some_keys = || {
            let (mut one, mut other) = (Keys::new().unwrap(), Keys::new().unwrap());
            let keys = (0..100).flat_map(|_| [one.next::<16>(), other.next()]);
            keys.collect::<Vec<_>>()
        };
        let threads = [thread::spawn(some_keys), thread::spawn(some_keys)];
        let mut keys = some_keys();
        keys.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 600);
    }
}
