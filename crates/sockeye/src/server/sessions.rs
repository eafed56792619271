//! All sessions of a server, so that it can be closed.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sockeye_proto::session::Reason;
use tokio::{sync::Notify, time};

use crate::net::{Conn, Id};

/// The open sessions by their secret ids.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    inner: Mutex<Inner>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<Id, Arc<Conn>>,
    closing: bool,
}

impl Sessions {
    /// Adds a session; `false` if the server is closing and takes none.
    pub(super) fn insert(&self, conn: &Arc<Conn>) -> bool {
        let mut inner = self.inner.lock();
        if !inner.closing {
            inner.open.insert(conn.sid, Arc::clone(conn));
        }
        !inner.closing
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

    pub(super) fn contains(&self, sid: &str) -> bool {
        Id::parse(sid).is_some_and(|sid| self.inner.lock().open.contains_key(&sid))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.inner.lock().closing
    }

    pub(super) fn len(&self) -> usize {
        self.inner.lock().open.len()
    }

    /// Closes all sessions and waits until what was queued for them is written; says how many had to be cut.
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
        // A cut session only has to be polled once more.
        self.all_gone().await;
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
