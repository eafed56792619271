//! All sessions of a server, so that requests find theirs, their number has a bound, and they can be closed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sockeye_proto::session::Reason;
use tokio::{sync::Notify, time};

use super::{refused::Refused, shared::Shared};
use crate::net::{Conn, Id};

/// How long a session that was cut may take to be polled for the last time.
const LAST_POLL: Duration = Duration::from_secs(1);

/// The open sessions by their secret ids.
///
/// A look into a hash map takes longer or shorter, but its hash is keyed with a secret of its own: how long says nothing
/// about how much of an id was guessed.
#[derive(Debug)]
pub(super) struct Sessions {
    inner: Mutex<Inner>,
    max: usize,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<Id, Arc<Conn>>,
    /// Places of sessions that are about to open.
    reserved: usize,
    closing: bool,
}

impl Sessions {
    pub(super) fn new(max: usize) -> Self {
        Self { inner: Mutex::default(), max, emptied: Notify::new() }
    }

    /// Whether a further session could open now.
    ///
    /// # Errors
    ///
    /// [`Refused::Closing`], [`Refused::Full`].
    pub(super) fn has_place(&self) -> Result<(), Refused> {
        self.inner.lock().has_place(self.max)
    }

    pub(super) fn remove(&self, sid: Id) {
        let mut inner = self.inner.lock();
        let removed = inner.open.remove(&sid);
        let empty = inner.open.is_empty();
        if inner.open.capacity() > 4 * inner.open.len().max(64) {
            inner.open.shrink_to_fit(); // a crowd that has gone leaves no memory behind
        }
        drop(inner);
        drop(removed);
        if empty {
            self.emptied.notify_waiters();
        }
    }

    pub(super) fn find(&self, sid: &str) -> Option<Arc<Conn>> {
        let sid = Id::parse(sid)?;
        self.inner.lock().open.get(&sid).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().open.len()
    }

    /// Closes all sessions and waits until what was queued for them is written, or cuts them; says how many those were.
    pub(super) async fn close(&self, drain: Duration) -> usize {
        self.inner.lock().closing = true;
        for conn in self.list() {
            conn.command(|machine| machine.close(Reason::ServerShuttingDown));
        }
        if time::timeout(drain, self.all_gone()).await.is_ok() {
            return 0;
        }
        let cut = self.list();
        for conn in &cut {
            conn.cut();
        }
        // A cut session only has to be polled once more; but a handler may be blocking its thread.
        if time::timeout(LAST_POLL, self.all_gone()).await.is_err() {
            let left = self.len();
            tracing::warn!(
                left,
                "sessions are left whose handlers block; they end when those return"
            );
        }
        cut.len()
    }

    fn list(&self) -> Vec<Arc<Conn>> {
        self.inner.lock().open.values().cloned().collect()
    }

    async fn all_gone(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable(); // before the look, or the last one is missed
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Inner {
    fn has_place(&self, max: usize) -> Result<(), Refused> {
        if self.closing {
            Err(Refused::Closing)
        } else if self.open.len() + self.reserved >= max {
            Err(Refused::Full)
        } else {
            Ok(())
        }
    }
}

/// A place for one session that is about to open; dropped, it is free again.
pub(super) struct Place(Option<Arc<Shared>>);

impl Place {
    /// Takes one of the places there are.
    ///
    /// # Errors
    ///
    /// [`Refused::Closing`], [`Refused::Full`].
    pub(super) fn reserve(shared: &Arc<Shared>) -> Result<Self, Refused> {
        let mut inner = shared.sessions.inner.lock();
        inner.has_place(shared.sessions.max)?;
        inner.reserved += 1;
        drop(inner);
        Ok(Self(Some(Arc::clone(shared))))
    }

    /// Puts the session there; `false` if the server began to close and takes none.
    pub(super) fn take(mut self, conn: &Arc<Conn>) -> bool {
        let Some(shared) = self.0.take() else { return false };
        let mut inner = shared.sessions.inner.lock();
        inner.reserved -= 1;
        if !inner.closing {
            inner.open.insert(conn.sid, Arc::clone(conn));
        }
        !inner.closing
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.sessions.inner.lock().reserved -= 1;
        }
    }
}
