//! All sessions of a server, so that requests find theirs, their number has a bound, and they can be closed.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sockeye_proto::session::Reason;
use tokio::{
    sync::Notify,
    time::{self, Instant},
};

use crate::{
    net::{Conn, Id},
    server::{address::Household, shared::Shared},
};

/// How long a session that was cut may take to be polled for the last time.
const LAST_POLL: Duration = Duration::from_secs(1);

/// So long after a session was refused for want of a place it is told anew.
const CALM: Duration = Duration::from_secs(10);

/// Why no further session may open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoPlace {
    /// The server is closing.
    Closing,
    /// There are as many as there may be.
    Full,
    /// There are as many of one household as there may be.
    TooMany,
}

/// The open sessions by their secret ids.
///
/// A look into a hash map takes longer or shorter, but its hash is keyed with a secret of its own: how long says nothing
/// about how much of an id was guessed.
#[derive(Debug)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
    max: AtomicUsize,
    /// Of one household.
    max_each: AtomicUsize,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<Id, Open>,
    /// Places of sessions that are about to open.
    reserved: usize,
    /// The places that each household has, open or reserved.
    shares: HashMap<Household, usize>,
    closing: bool,
    /// When a session was refused for want of a place.
    scarce_at: Option<Instant>,
}

#[derive(Debug)]
struct Open {
    conn: Arc<Conn>,
    household: Option<Household>,
}

impl Sessions {
    pub(crate) fn new(max: usize, max_each: usize) -> Self {
        Self {
            inner: Mutex::default(),
            max: AtomicUsize::new(max),
            max_each: AtomicUsize::new(max_each),
            emptied: Notify::new(),
        }
    }

    /// From now on so many; those that are open stay.
    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max.max(1), Relaxed);
    }

    /// From now on so many of one address; those that are open stay.
    pub(crate) fn set_max_each(&self, max: usize) {
        self.max_each.store(max.max(1), Relaxed);
    }

    /// Whether a further session of a household could open now.
    ///
    /// # Errors
    ///
    /// [`NoPlace`].
    pub(crate) fn has_place(&self, household: Option<Household>) -> Result<(), NoPlace> {
        let (max, max_each) = (self.max.load(Relaxed), self.max_each.load(Relaxed));
        let (refused, is_news) = {
            let mut inner = self.inner.lock();
            let Err(refused) = inner.has_place(household, max, max_each) else { return Ok(()) };
            (refused, inner.is_news())
        };
        match refused {
            NoPlace::Full if is_news => {
                tracing::warn!(
                    max,
                    "sessions are refused: there are as many as max_sessions allows"
                );
            }
            NoPlace::TooMany if is_news => tracing::warn!(
                max = max_each,
                "sessions are refused: one address has as many as max_sessions_per_address allows; if it is a proxy's, \
                 name it among the trusted_proxies"
            ),
            _ => {}
        }
        Err(refused)
    }

    pub(crate) fn remove(&self, sid: Id) {
        let mut inner = self.inner.lock();
        let removed = inner.open.remove(&sid);
        inner.give_back(removed.as_ref().and_then(|open| open.household));
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

    pub(crate) fn find(&self, sid: &str) -> Option<Arc<Conn>> {
        let sid = Id::parse(sid)?;
        self.inner.lock().open.get(&sid).map(|open| Arc::clone(&open.conn))
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.lock().open.len()
    }

    /// Closes all sessions and waits until what was queued for them is written, or cuts them; says how many those were.
    pub(crate) async fn close(&self, drain: Duration) -> usize {
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
        self.inner.lock().open.values().map(|open| Arc::clone(&open.conn)).collect()
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
    fn has_place(
        &self,
        household: Option<Household>,
        max: usize,
        max_each: usize,
    ) -> Result<(), NoPlace> {
        let share = household.and_then(|household| self.shares.get(&household));
        if self.closing {
            Err(NoPlace::Closing)
        } else if self.open.len() + self.reserved >= max {
            Err(NoPlace::Full)
        } else if share.is_some_and(|share| *share >= max_each) {
            Err(NoPlace::TooMany)
        } else {
            Ok(())
        }
    }

    /// Whether the last refusal was long ago.
    fn is_news(&mut self) -> bool {
        self.scarce_at.replace(Instant::now()).is_none_or(|at| at.elapsed() > CALM)
    }

    fn give_back(&mut self, household: Option<Household>) {
        let Some(household) = household else { return };
        if let Some(share) = self.shares.get_mut(&household) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&household);
            }
        }
        if self.shares.capacity() > 4 * self.shares.len().max(64) {
            self.shares.shrink_to_fit();
        }
    }
}

/// A place for one session that is about to open; dropped, it is free again.
pub(crate) struct Place {
    /// Where it is, until it is taken.
    shared: Option<Arc<Shared>>,
    household: Option<Household>,
}

impl Place {
    /// Takes one of the places there are.
    ///
    /// # Errors
    ///
    /// As [`Sessions::has_place`].
    pub(crate) fn reserve(
        shared: &Arc<Shared>,
        household: Option<Household>,
    ) -> Result<Self, NoPlace> {
        let sessions = &shared.sessions;
        let (max, max_each) = (sessions.max.load(Relaxed), sessions.max_each.load(Relaxed));
        let mut inner = sessions.inner.lock();
        inner.has_place(household, max, max_each)?;
        inner.reserved += 1;
        if let Some(household) = household {
            *inner.shares.entry(household).or_default() += 1;
        }
        drop(inner);
        Ok(Self { shared: Some(Arc::clone(shared)), household })
    }

    /// Puts the session there; `false` if the server began to close and takes none.
    pub(crate) fn take(mut self, conn: &Arc<Conn>) -> bool {
        let Some(shared) = self.shared.take() else { return false };
        let household = self.household;
        let mut inner = shared.sessions.inner.lock();
        inner.reserved -= 1;
        if inner.closing {
            inner.give_back(household);
        } else {
            inner.open.insert(conn.sid, Open { conn: Arc::clone(conn), household });
        }
        !inner.closing
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            let mut inner = shared.sessions.inner.lock();
            inner.reserved -= 1;
            inner.give_back(self.household);
        }
    }
}
