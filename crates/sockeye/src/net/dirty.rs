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

/// A driver's poll, during which this thread collects.
#[must_use = "it ends when it is dropped"]
pub(super) struct Collecting(());

/// Begins to collect; what an earlier poll left over comes first.
pub(super) fn begin(left_over: Vec<Arc<Conn>>) -> Collecting {
    DIRTY.set(Some(left_over));
    Collecting(())
}

impl Collecting {
    /// Ends it and gives the list.
    pub(super) fn end(self) -> Vec<Arc<Conn>> {
        DIRTY.take().unwrap_or_default()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        // Something is left only if the poll panicked: then each session's own driver has to flush it.
        for conn in DIRTY.take().unwrap_or_default() {
            conn.wake();
        }
    }
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
