//! Lines in which tasks of one name wait, each for the one before it: the lanes, and the copies of one id.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use super::entry::Turn;

/// Lines by name. One that is empty is gone; one of a single task allocates nothing but its place here.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: HashMap<Arc<str>, Line>,
    /// How many have somebody behind their head.
    crowded: usize,
    /// How many stand in a line that is held up.
    held_up: usize,
}

#[derive(Debug)]
struct Line {
    head: Turn,
    behind: BTreeSet<Turn>,
    is_held_up: bool,
}

impl Line {
    fn len(&self) -> usize {
        1 + self.behind.len()
    }
}

impl Lines {
    /// Takes the last place; says whether it is the first, too.
    pub(super) fn enter(&mut self, name: &Arc<str>, turn: Turn) -> bool {
        let Some(line) = self.lines.get_mut(name) else {
            let line = Line { head: turn, behind: BTreeSet::new(), is_held_up: false };
            self.lines.insert(Arc::clone(name), line);
            return true;
        };
        self.crowded += usize::from(line.behind.is_empty());
        line.behind.insert(turn);
        self.held_up += usize::from(line.is_held_up);
        false
    }

    /// The head of a line waits, and all behind it with it; or does so no longer.
    pub(super) fn hold_up(&mut self, name: &str, is_held_up: bool) {
        let Some(line) = self.lines.get_mut(name) else { return };
        match (line.is_held_up, is_held_up) {
            (false, true) => self.held_up += line.len(),
            (true, false) => self.held_up -= line.len(),
            _ => return,
        }
        line.is_held_up = is_held_up;
    }

    /// How many stand in lines that are held up.
    pub(super) const fn held_up(&self) -> usize {
        self.held_up
    }

    /// Leaves a line, from any place; says whose turn it is, if that has changed.
    pub(super) fn leave(&mut self, name: &Arc<str>, turn: Turn) -> Option<Turn> {
        let line = self.lines.get_mut(name)?;
        let next = if line.head == turn {
            let Some(next) = line.behind.pop_first() else {
                self.held_up -= usize::from(line.is_held_up);
                self.lines.remove(name);
                return None;
            };
            line.head = next;
            Some(next)
        } else if line.behind.remove(&turn) {
            None
        } else {
            return None;
        };
        self.held_up -= usize::from(line.is_held_up);
        self.crowded -= usize::from(line.behind.is_empty());
        next
    }

    /// Who stands behind this one.
    pub(super) fn next(&self, name: &str, turn: Turn) -> Option<Turn> {
        let line = self.lines.get(name)?;
        line.behind.range((Bound::Excluded(turn), Bound::Unbounded)).next().copied()
    }

    /// Who stands there, in order.
    pub(super) fn all(&self, name: &str) -> Vec<Turn> {
        let Some(line) = self.lines.get(name) else { return Vec::new() };
        std::iter::once(line.head).chain(line.behind.iter().copied()).collect()
    }

    /// How many lines have somebody who waits behind another.
    pub(super) const fn crowded(&self) -> usize {
        self.crowded
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_left_from_any_place_and_vanishes_when_it_is_empty() {
        let mut lines = Lines::default();
        let name: Arc<str> = "k".into();
        assert!(lines.enter(&name, Turn(1)));
        assert_eq!(lines.crowded(), 0);
        assert!(!lines.enter(&name, Turn(2)));
        assert!(!lines.enter(&name, Turn(3)));
        assert_eq!(lines.crowded(), 1);
        assert_eq!(lines.all(&name), [Turn(1), Turn(2), Turn(3)]);
        assert_eq!(lines.next(&name, Turn(1)), Some(Turn(2)));
        assert_eq!(lines.next(&name, Turn(3)), None);
        assert_eq!(lines.leave(&name, Turn(2)), None);
        assert_eq!(lines.leave(&name, Turn(2)), None);
        assert_eq!(lines.leave(&name, Turn(1)), Some(Turn(3)));
        assert_eq!(lines.crowded(), 0);
        assert_eq!(lines.leave(&name, Turn(3)), None);
        assert!(lines.is_empty());
    }

    #[test]
    fn who_is_held_up_is_counted() {
        let mut lines = Lines::default();
        let (held, free): (Arc<str>, Arc<str>) = ("held".into(), "free".into());
        for (name, turn) in [(&held, 1), (&held, 2), (&free, 3)] {
            lines.enter(name, Turn(turn));
        }
        lines.hold_up("held", true);
        lines.hold_up("held", true);
        assert_eq!(lines.held_up(), 2);
        lines.enter(&held, Turn(4));
        lines.enter(&free, Turn(5));
        assert_eq!(lines.held_up(), 3);
        lines.leave(&held, Turn(2));
        assert_eq!(lines.held_up(), 2);
        lines.hold_up("held", false);
        assert_eq!(lines.held_up(), 0);
        lines.hold_up("held", true);
        lines.leave(&held, Turn(1));
        lines.leave(&held, Turn(4));
        assert_eq!(lines.held_up(), 0);
        lines.hold_up("nobody", true);
        assert_eq!(lines.held_up(), 0);
    }
}
