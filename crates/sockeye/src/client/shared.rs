//! What the handles of a client and its keeper share.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    CloseReason, ConnectionState, EmitError, Left,
    events::Inbox,
    member::{Bounds, Member},
};
use crate::{dispatch::Backlog, event::States};

/// Whether to try again to join a namespace that was refused, or that the server disconnected.
pub(super) type Rejoin = Box<dyn Fn(&Left) -> bool + Send + Sync>;

/// One client, as its handles see it.
pub(super) struct Shared {
    /// Tells its deliveries from those of other clients.
    pub(super) name: Box<str>,
    pub(super) states: States,
    pub(super) bounds: Bounds,
    pub(super) backlog: Backlog,
    /// How long the server may take to let us into a namespace.
    pub(super) join_timeout: Duration,
    pub(super) rejoin: Rejoin,
    pub(super) inbox: Option<Inbox>,
    pub(super) state: watch::Sender<ConnectionState>,
    /// The last state of the last session that said so.
    pub(super) last_connected: Mutex<Option<ConnectionState>>,
    /// Events that nobody handled.
    pub(super) unhandled: AtomicU64,
    /// In the order in which they were joined; the first is the URL's.
    members: Mutex<Vec<Arc<Member>>>,
    orders: Mutex<Vec<Order>>,
    /// Wakes the keeper, wherever it is.
    pub(super) keeper: AtomicWaker,
}

/// What the handles want of the keeper.
#[derive(Debug)]
pub(super) enum Order {
    Join(Arc<Member>),
    Leave(Arc<Member>),
    /// Ends the session, if there is one, and makes another.
    Reconnect,
    Close,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "called in one place, by the builder")]
    pub(super) fn new(
        name: &str,
        states: States,
        bounds: Bounds,
        backlog: Backlog,
        join_timeout: Duration,
        rejoin: Rejoin,
        inbox: Option<Inbox>,
        members: Vec<Arc<Member>>,
    ) -> Self {
        let connecting =
            ConnectionState::Connecting { attempt: 1, next_delay: None, last_error: None };
        Self {
            name: name.into(),
            states,
            bounds,
            backlog,
            join_timeout,
            rejoin,
            inbox,
            state: watch::channel(connecting).0,
            last_connected: Mutex::new(None),
            unhandled: AtomicU64::new(0),
            members: Mutex::new(members),
            orders: Mutex::default(),
            keeper: AtomicWaker::new(),
        }
    }

    pub(super) fn order(&self, order: Order) {
        self.orders.lock().push(order);
        self.keeper.wake();
    }

    pub(super) fn take_orders(&self) -> Vec<Order> {
        std::mem::take(&mut *self.orders.lock())
    }

    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        self.members.lock().clone()
    }

    pub(super) fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.members.lock().iter().find(|member| &*member.name == name).cloned()
    }

    /// Adds one; the place of an earlier one of that name is taken.
    pub(super) fn add(&self, member: &Arc<Member>) {
        let mut members = self.members.lock();
        match members.iter_mut().find(|other| other.name == member.name) {
            Some(other) => *other = Arc::clone(member),
            None => members.push(Arc::clone(member)),
        }
    }

    pub(super) fn is_closed(&self) -> Option<CloseReason> {
        match &*self.state.borrow() {
            ConnectionState::Closed { reason } => Some(reason.clone()),
            _ => None,
        }
    }

    /// Why there is no connection, if there is none.
    pub(super) fn outage(&self) -> Option<String> {
        match &*self.state.borrow() {
            ConnectionState::Connecting { last_error: Some(error), .. }
            | ConnectionState::Reconnecting { last_error: Some(error), .. } => {
                Some(error.to_string())
            }
            ConnectionState::Reconnecting { because, .. } => Some(because.to_string()),
            _ => None,
        }
    }

    pub(super) fn count_unhandled(&self) {
        self.unhandled.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn joined(&self) -> Vec<String> {
        let members = self.members();
        members.iter().filter(|member| member.is_joined()).map(|m| m.name.to_string()).collect()
    }

    /// Says which namespaces are joined, if that is what the error is about.
    pub(super) fn explain(&self, error: EmitError) -> EmitError {
        match error {
            EmitError::NotJoined { namespace, because, .. } => {
                EmitError::NotJoined { namespace, because, joined: self.joined() }
            }
            error => error,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}
