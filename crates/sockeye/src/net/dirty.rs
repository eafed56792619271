//! The sessions that a driver's poll pushed to, flushed together at its end.
//!
//! A handler that emits to a thousand sockets would wake a thousand tasks; written at once, each of four
//! events would cost a thousand system calls. Collected here, each session is flushed once, with one vectored
//! write of all that waits.

use std::{cell::RefCell, sync::Arc};

use super::Conn;

thread_local! {
    /// `Some` while a driver is polled on this thread.
    static DIRTY: RefCell<Option<Vec<Arc<Conn>>>> = const { RefCell::new(None) };
}

/// Begins to collect; what an earlier poll left over comes first.
pub(super) fn begin(left_over: Vec<Arc<Conn>>) {
    DIRTY.set(Some(left_over));
}

/// Ends it and gives the list.
pub(super) fn end() -> Vec<Arc<Conn>> {
    DIRTY.take().unwrap_or_default()
}

/// Puts a session on this thread's list; `false` if no driver is being polled here.
pub(super) fn add(conn: &Arc<Conn>) -> bool {
    DIRTY.with_borrow_mut(|dirty| match dirty {
        Some(list) => {
            list.push(Arc::clone(conn));
            true
        }
        None => false,
    })
}
