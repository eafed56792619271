//! Tells what happens again and again: the first of a kind at once, then how many more there were, every ten seconds at most.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A kind is told no more often.
const EVERY: Duration = Duration::from_secs(10);

/// When each kind was told last. There are few kinds.
#[derive(Debug)]
pub(crate) struct Alarms<K> {
    kinds: BTreeMap<K, Told>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl<K> Default for Alarms<K> {
    fn default() -> Self {
        Self { kinds: BTreeMap::new() }
    }
}

impl<K: Ord> Alarms<K> {
    /// Says what belongs behind what is told of this one; `None` if one like it was told just now.
    pub(crate) fn raise(&mut self, now: Instant, kind: K) -> Option<String> {
        let untold = match self.kinds.get_mut(&kind) {
            Some(told) if now.duration_since(told.at) < EVERY => {
                told.untold += 1;
                return None;
            }
            Some(told) => {
                told.at = now;
                std::mem::take(&mut told.untold)
            }
            None => {
                self.kinds.insert(kind, Told { at: now, untold: 0 });
                0
            }
        };
        Some(match untold {
            0 => String::new(),
            untold => format!(" (and {untold} more since the last such line)"),
        })
    }
}

/// A text of the peer's on one line, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_told_and_the_others_are_counted() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let mut raise = |after_s, kind| alarms.raise(now + Duration::from_secs(after_s), kind);
        assert_eq!(raise(0, 'a').as_deref(), Some(""));
        assert_eq!(raise(1, 'a'), None);
        assert_eq!(raise(9, 'a'), None);
        // Another kind has its own time.
        assert_eq!(raise(9, 'b').as_deref(), Some(""));
        assert_eq!(raise(10, 'a').as_deref(), Some(" (and 2 more since the last such line)"));
        assert_eq!(raise(100, 'a').as_deref(), Some(""));
    }

    #[test]
    fn a_text_stays_on_its_line() {
        assert_eq!(plain("no\n2026 ERROR\x1b[2J \u{9b}ü"), "no 2026 ERROR [2J  ü");
    }
}
