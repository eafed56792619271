//! What has been seen so far, for completion: names of events and of joined namespaces.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::wanted::word_of;

/// So many names are kept; a server that makes up ever new ones is not followed.
const MAX_EVENTS: usize = 1_000;

/// Shared by who sees them and who completes.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<Mutex<Names>>);

#[derive(Debug, Default)]
struct Names {
    /// As words of a line.
    events: BTreeSet<String>,
    namespaces: Vec<String>,
}

impl Known {
    /// An event of this name came or went.
    pub(super) fn see(&self, event: &str) {
        let mut names = self.lock();
        if names.events.len() < MAX_EVENTS
            && let Some(word) = word_of(event)
        {
            names.events.insert(word);
        }
    }

    /// These namespaces are joined.
    pub(super) fn set_namespaces(&self, namespaces: Vec<String>) {
        self.lock().namespaces = namespaces;
    }

    pub(super) fn events_like(&self, begin: &str) -> Vec<String> {
        let names = self.lock();
        names.events.iter().filter(|name| name.starts_with(begin)).cloned().collect()
    }

    pub(super) fn namespaces_like(&self, begin: &str) -> Vec<String> {
        let names = self.lock();
        names.namespaces.iter().filter(|name| name.starts_with(begin)).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
