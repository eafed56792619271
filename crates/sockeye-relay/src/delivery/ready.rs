//! Which tasks could be sent at once: those of targets that are joined, in order of arrival over all of them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::entry::Turn;

/// How long a target is left alone that is joined and takes nothing, the first time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Doubled each time, up to this.
const MAX_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Targets {
    targets: Vec<Target>,
    /// The first ready task of each target that may be used.
    heads: BTreeSet<(Turn, usize)>,
    /// Those that are left alone for a while.
    resting: BTreeSet<(Instant, usize)>,
    joined: usize,
    /// Unsent tasks of those that are not joined.
    parked: usize,
}

#[derive(Clone, Debug, Default)]
struct Target {
    is_joined: bool,
    /// Its unsent tasks, ready or not.
    waiting: usize,
    rests_until: Option<Instant>,
    /// How often it had to rest in a row.
    rests: u32,
    ready: BTreeSet<Turn>,
}

impl Target {
    const fn is_open(&self) -> bool {
        self.is_joined && self.rests_until.is_none()
    }
}

impl Targets {
    pub(super) fn new(count: usize) -> Self {
        Self {
            targets: vec![Target::default(); count],
            heads: BTreeSet::new(),
            resting: BTreeSet::new(),
            joined: 0,
            parked: 0,
        }
    }

    pub(super) fn set_joined(&mut self, target: usize, is_joined: bool) {
        self.change(target, |it| {
            it.is_joined = is_joined;
            it.rests_until = None;
            it.rests = 0;
        });
        let (joined, away): (Vec<_>, Vec<_>) = self.targets.iter().partition(|it| it.is_joined);
        self.joined = joined.len();
        self.parked = away.iter().map(|it| it.waiting).sum();
    }

    /// It took nothing: without a pause the same task would be offered without end.
    pub(super) fn rest(&mut self, now: Instant, target: usize) {
        self.change(target, |it| {
            // What was sent before the pause began comes back in it: that is one refusal.
            if it.is_open() {
                let pause = FIRST_PAUSE.saturating_mul(1 << it.rests.min(10)).min(MAX_PAUSE);
                it.rests_until = Some(now + pause);
                it.rests += 1;
            }
        });
    }

    /// It took something.
    pub(super) fn took(&mut self, target: usize) {
        if let Some(it) = self.targets.get_mut(target) {
            it.rests = 0;
        }
    }

    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(_, target)) = self.resting.first().filter(|(until, _)| *until <= now) {
            self.change(target, |it| it.rests_until = None);
        }
    }

    pub(super) fn insert(&mut self, target: usize, turn: Turn) {
        self.change(target, |it| {
            it.ready.insert(turn);
        });
    }

    pub(super) fn remove(&mut self, target: usize, turn: Turn) {
        self.change(target, |it| {
            it.ready.remove(&turn);
        });
    }

    /// Counts one of its tasks in or out that is not sent.
    pub(super) fn count_waiting(&mut self, target: usize, is_in: bool) {
        let Some(it) = self.targets.get_mut(target) else { return };
        let step = |count: &mut usize| *count = if is_in { *count + 1 } else { *count - 1 };
        step(&mut it.waiting);
        if !it.is_joined {
            step(&mut self.parked);
        }
    }

    /// The oldest that could be sent.
    pub(super) fn first(&self) -> Option<Turn> {
        self.heads.first().map(|&(turn, _)| turn)
    }

    /// When the first target that is left alone is tried again.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.resting.first().map(|&(until, _)| until)
    }

    pub(super) fn is_joined(&self, target: usize) -> bool {
        self.targets.get(target).is_some_and(|it| it.is_joined)
    }

    pub(super) const fn joined(&self) -> usize {
        self.joined
    }

    /// How many unsent tasks there are of targets that are not joined.
    pub(super) const fn parked(&self) -> usize {
        self.parked
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.targets.iter().all(|it| it.ready.is_empty() && it.waiting == 0)
    }

    pub(super) const fn count(&self) -> usize {
        self.targets.len()
    }

    /// Changes one, and keeps the two indexes true.
    fn change(&mut self, target: usize, change: impl FnOnce(&mut Target)) {
        let Some(it) = self.targets.get_mut(target) else { return };
        let head = |it: &Target| it.ready.first().copied().filter(|_| it.is_open());
        let (old_head, old_rest) = (head(it), it.rests_until);
        change(it);
        let (new_head, new_rest) = (head(it), it.rests_until);
        if old_head != new_head {
            old_head.map(|turn| self.heads.remove(&(turn, target)));
            self.heads.extend(new_head.map(|turn| (turn, target)));
        }
        if old_rest != new_rest {
            old_rest.map(|until| self.resting.remove(&(until, target)));
            self.resting.extend(new_rest.map(|until| (until, target)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_all_that_may_be_used_is_first() {
        let now = Instant::now();
        let mut targets = Targets::new(2);
        targets.insert(0, Turn(1));
        targets.insert(1, Turn(2));
        targets.insert(0, Turn(3));
        assert_eq!(targets.first(), None);
        targets.set_joined(1, true);
        assert_eq!(targets.first(), Some(Turn(2)));
        targets.set_joined(0, true);
        assert_eq!(targets.first(), Some(Turn(1)));
        targets.rest(now, 0);
        targets.rest(now, 0);
        assert_eq!(targets.first(), Some(Turn(2)));
        assert_eq!(targets.next_wake(), Some(now + FIRST_PAUSE));
        targets.wake(now + FIRST_PAUSE);
        assert_eq!((targets.first(), targets.next_wake()), (Some(Turn(1)), None));
        targets.remove(0, Turn(1));
        targets.remove(1, Turn(2));
        assert_eq!(targets.first(), Some(Turn(3)));
    }

    #[test]
    fn a_pause_doubles_up_to_a_second_and_begins_anew() {
        let mut now = Instant::now();
        let mut targets = Targets::new(1);
        targets.set_joined(0, true);
        let mut rest = |targets: &mut Targets| {
            targets.rest(now, 0);
            let pause = targets.next_wake().unwrap() - now;
            now += pause;
            targets.wake(now);
            pause.as_millis()
        };
        let pauses: Vec<_> = (0..9).map(|_| rest(&mut targets)).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        targets.took(0);
        assert_eq!(rest(&mut targets), 10);
    }
}
