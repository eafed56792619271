//! How a relay treats what comes: everything about it that can change while it runs.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::Routes;
use crate::{
    delivery::{Limits, Policy},
    task::Task,
};

/// Everything about a relay that can change while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many tasks at a time, and how fast.
    pub limits: Limits,
    /// Which connection a task goes to.
    pub routes: Routes,
    /// How tasks are read, and what is promised for them.
    pub reader: Reader,
    /// Whether ids that were done not long ago are looked up. Default: yes.
    pub dedupes: bool,
    /// How long what was sent is waited for at the end. Default: 30 s.
    pub grace: Duration,
}

/// Reads a task, and says what is promised for it.
#[derive(Clone)]
pub struct Reader(Arc<Read>);

type Read = dyn Fn(&Bytes) -> Result<(Task, Arc<Policy>), String> + Send + Sync;

impl Reader {
    /// One that reads so; the error says what was found and what was expected.
    pub fn new(
        read: impl Fn(&Bytes) -> Result<(Task, Arc<Policy>), String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(read))
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// It is no task: what was found, and what was expected.
    pub fn read(&self, body: &Bytes) -> Result<(Task, Arc<Policy>), String> {
        (self.0)(body)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader(..)")
    }
}
