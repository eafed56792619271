//! The list of rooms: given once to who asks for it, and from then on told by its changes, at a pace.

use std::{
    cmp::Reverse,
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    contract::Listed,
    pace::{Pace, Used},
    room::Room,
};

/// How often changes are told. Every listener is told of each: a crowd that arrives at once would pay the square.
const TELLING: Pace = Pace { burst: 4, refill: Duration::from_secs(1) };
/// Longest list.
const MAX_LISTED: usize = 100;
/// Changes in one telling; the others wait for the next.
const MAX_CHANGES: usize = 25;

/// The list as all listeners have it.
#[derive(Debug)]
pub(crate) struct Listing {
    told: HashMap<Room, usize>,
    used: Used,
    /// Whether it may differ from the truth.
    stale: bool,
}

impl Listing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { told: HashMap::new(), used: Used::new(now), stale: false }
    }

    /// Somebody has come or gone.
    pub(crate) const fn touch(&mut self) {
        self.stale = true;
    }

    /// Whether there is nothing to tell, whatever time passes.
    pub(crate) const fn is_settled(&self) -> bool {
        !self.stale
    }

    /// The list, the fullest room first.
    pub(crate) fn all(&self) -> Vec<Listed> {
        let all = self.told.iter().map(|(room, people)| (room, *people));
        fullest(all).into_iter().map(|(room, people)| listed(room, people)).collect()
    }

    /// What to tell now, if anything: each room with its people, and with none if it is off the list.
    pub(crate) fn changes<'a>(
        &mut self,
        rooms: impl Iterator<Item = (&'a Room, usize)>,
        now: Instant,
    ) -> Vec<Listed> {
        if !self.stale || TELLING.take(&self.used, now).is_err() {
            return Vec::new();
        }
        let fullest: HashMap<&Room, usize> = fullest(rooms).into_iter().collect();
        let gone = self.told.keys().filter(|room| !fullest.contains_key(room));
        // The gone first, so that what the listeners keep does not grow.
        let mut changes: Vec<_> = gone.map(|room| (room.clone(), 0)).collect();
        let new = fullest.into_iter().filter(|(room, people)| self.told.get(*room) != Some(people));
        changes.extend(new.map(|(room, people)| (room.clone(), people)));
        self.stale = changes.len() > MAX_CHANGES;
        changes.truncate(MAX_CHANGES);
        for (room, people) in &changes {
            match people {
                0 => _ = self.told.remove(room),
                people => _ = self.told.insert(room.clone(), *people),
            }
        }
        changes.iter().map(|(room, people)| listed(room, *people)).collect()
    }
}

fn listed(room: &Room, people: usize) -> Listed {
    Listed { name: room.name().to_owned(), people }
}

fn fullest<'a>(rooms: impl Iterator<Item = (&'a Room, usize)>) -> Vec<(&'a Room, usize)> {
    let mut rooms: Vec<_> = rooms.collect();
    rooms.sort_unstable_by_key(|(room, people)| (Reverse(*people), *room));
    rooms.truncate(MAX_LISTED);
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_follows_the_changes_has_the_list_and_pays_by_the_second() {
        let start = Instant::now();
        let mut listing = Listing::new(start);
        let mut truth: HashMap<Room, usize> = HashMap::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut tell = |listing: &mut Listing, truth: &HashMap<Room, usize>, now| {
            let changes = listing.changes(truth.iter().map(|(room, people)| (room, *people)), now);
            assert!(changes.len() <= MAX_CHANGES);
            for Listed { name, people } in &changes {
                match people {
                    0 => _ = known.remove(name),
                    people => _ = known.insert(name.clone(), *people),
                }
            }
            let list = listing.all().into_iter().map(|listed| (listed.name, listed.people));
            assert_eq!(known, list.collect());
            changes.len()
        };
        // Every second a hundred times somebody moves, and the fullest rooms are others.
        let mut tellings = 0;
        for second in 0..60 {
            for step in 0..100 {
                let room = Room::parse(&format!("{}", (second * 37 + step * 11) % 300)).unwrap();
                *truth.entry(room).or_default() += 1;
                listing.touch();
                let now = start + Duration::from_secs(second) + Duration::from_millis(10 * step);
                tellings += usize::from(tell(&mut listing, &truth, now) > 0);
            }
        }
        assert!(tellings <= 64, "{tellings} tellings in a minute");
        for second in 60..100 {
            tell(&mut listing, &truth, start + Duration::from_secs(second));
        }
        assert!(listing.is_settled());
        let expect = fullest(truth.iter().map(|(room, people)| (room, *people)));
        assert!(expect.iter().all(|(room, people)| listing.told.get(*room) == Some(people)));
        assert_eq!(listing.told.len(), MAX_LISTED);
    }
}
