//! Acks this side waits for: who asked, and until when.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Instant,
};

/// A membership of a namespace and an ack id within it.
type Key = (u32, u64);

/// Acks that are outstanding; each has a deadline, and a token that tells the caller which one it was.
///
/// Empty, it owns no heap memory.
#[derive(Debug)]
pub(super) struct Acks<A> {
    waiting: BTreeMap<Key, (Instant, A)>,
    by_deadline: BTreeSet<(Instant, Key)>,
}

impl<A> Acks<A> {
    pub(super) const fn new() -> Self {
        Self { waiting: BTreeMap::new(), by_deadline: BTreeSet::new() }
    }

    /// Waits for an ack; gives the token back if somebody waits for the same one already.
    pub(super) fn insert(
        &mut self,
        member: u32,
        id: u64,
        deadline: Instant,
        token: A,
    ) -> Result<(), A> {
        match self.waiting.entry((member, id)) {
            Entry::Occupied(_) => Err(token),
            Entry::Vacant(free) => {
                free.insert((deadline, token));
                self.by_deadline.insert((deadline, (member, id)));
                Ok(())
            }
        }
    }

    /// The token of an ack that arrived; `None` if nobody waits for it (any more).
    pub(super) fn take(&mut self, member: u32, id: u64) -> Option<A> {
        let (deadline, token) = self.waiting.remove(&(member, id))?;
        self.by_deadline.remove(&(deadline, (member, id)));
        Some(token)
    }

    /// The token of an ack whose deadline has passed.
    pub(super) fn expired(&mut self, now: Instant) -> Option<A> {
        let (deadline, key) = *self.by_deadline.first()?;
        if now < deadline {
            return None;
        }
        self.take(key.0, key.1)
    }

    /// The token of any ack of one membership, for when it ends.
    pub(super) fn take_any(&mut self, member: u32) -> Option<A> {
        let (&(_, id), _) = self.waiting.range((member, 0)..=(member, u64::MAX)).next()?;
        self.take(member, id)
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_ack_is_taken_once_and_expires_in_order() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut acks = Acks::new();
        acks.insert(1, 0, at(30), "late").unwrap();
        acks.insert(1, 1, at(10), "early").unwrap();
        acks.insert(2, 0, at(20), "other").unwrap();
        assert_eq!(acks.insert(1, 0, at(40), "twice"), Err("twice"));
        assert_eq!(acks.next_deadline(), Some(at(10)));
        assert_eq!(acks.take(1, 7), None, "an unknown id is nobody's");
        assert_eq!(acks.take(2, 0), Some("other"));
        assert_eq!(acks.take(2, 0), None, "an ack counts once");
        assert_eq!(acks.expired(at(9)), None);
        assert_eq!(acks.expired(at(10)), Some("early"));
        assert_eq!(acks.take_any(1), Some("late"));
        assert_eq!((acks.take_any(1), acks.len(), acks.next_deadline()), (None, 0, None));
    }
}
