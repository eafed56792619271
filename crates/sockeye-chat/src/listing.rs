//! The list of rooms, told to everybody when it has changed, but not at every change.

use std::{
    cmp::Reverse,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sockeye::server::Server;

use crate::{NAMESPACE, contract::Listed, room::Room};

/// How long changes are gathered. Everybody is told of each: a crowd that arrives at once would pay the square.
const GATHER: Duration = Duration::from_millis(250);
/// Longest list that is told.
const MAX_LISTED: usize = 100;

/// Whether the next telling is on its way.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    due: AtomicBool,
}

impl Listing {
    /// Tells everybody in a moment.
    pub(crate) fn changed(self: &Arc<Self>, server: &Server) {
        if self.due.swap(true, Ordering::AcqRel) {
            return;
        }
        let (listing, server) = (Arc::clone(self), server.clone());
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            // Before the list is read: a change during the telling asks for the next one.
            listing.due.store(false, Ordering::Release);
            crate::hall::tell(&server.of(NAMESPACE), "rooms", rooms(&server));
        });
    }
}

/// The rooms that somebody is in, the fullest first.
pub(crate) fn rooms(server: &Server) -> Vec<Listed> {
    let all = server.of(NAMESPACE).rooms();
    let mut rooms: Vec<_> = all
        .iter()
        .filter_map(|(key, people)| {
            Room::of(key).map(|room| Listed { name: room.name().to_owned(), people: *people })
        })
        .collect();
    rooms.sort_unstable_by(|a, b| (Reverse(a.people), &a.name).cmp(&(Reverse(b.people), &b.name)));
    rooms.truncate(MAX_LISTED);
    rooms
}
