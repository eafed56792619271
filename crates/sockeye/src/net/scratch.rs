//! One read buffer per thread, so that an idle connection owns none.

use std::cell::Cell;

/// Large enough that a burst is read at once; each worker thread has one.
const BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Lends this thread's buffer to `f`.
///
/// The buffer is taken out of its slot, not borrowed: user code that runs inside `f` and comes back here
/// gets a buffer of its own.
pub(crate) fn with<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = SCRATCH.take().unwrap_or_else(|| vec![0; BYTES].into_boxed_slice());
    let result = f(&mut buffer);
    SCRATCH.set(Some(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn a_nested_loan_is_another_buffer() {
        with(|outer| {
            outer[0] = 1;
            with(|inner| inner[0] = 2);
            assert_eq!(outer[0], 1);
        });
    }
}
