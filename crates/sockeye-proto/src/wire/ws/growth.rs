//! How the memory of a message grows: with the bytes that came, up to its limit.

/// Makes room for `more` bytes by doubling, without the last doubling going far beyond `max_bytes`.
pub(super) fn grow(bytes: &mut Vec<u8>, more: usize, max_bytes: usize) {
    if bytes.capacity() - bytes.len() < more {
        let doubled = (bytes.capacity() * 2).min(max_bytes);
        bytes.reserve_exact(doubled.saturating_sub(bytes.len()).max(more));
    }
}
