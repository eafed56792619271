//! How a claim stood, and the wait for the next one that all who wait share.

use std::time::Duration;

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;

/// How the last claim stood.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Stand {
    /// It took what there was, and the next is due after so long.
    #[default]
    Open,
    Due(Duration),
    /// Paused, or its place is gone.
    Shut,
    /// Another instance has the order.
    Behind,
}

/// A wait that all who wait share, so that one that is dropped half-way leaves no second one behind.
#[derive(Default)]
pub(super) struct Watch(Mutex<Option<Shared<BoxFuture<'static, ()>>>>);

impl Watch {
    pub(super) fn wait(
        &self,
        begin: impl FnOnce() -> BoxFuture<'static, ()>,
    ) -> Shared<BoxFuture<'static, ()>> {
        let mut current = self.0.lock();
        match &*current {
            Some(wait) if wait.peek().is_none() => wait.clone(),
            _ => current.insert(begin().shared()).clone(),
        }
    }
}
