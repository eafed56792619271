//! What the log says of tasks that fail: the first of a kind at once, then how many more there were, every ten seconds at most.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::queue::Reason;

/// A kind is told no more often.
const EVERY: Duration = Duration::from_secs(10);

/// What may become of a task that somebody should know.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Alarm {
    /// An attempt failed: the server said no.
    Refused,
    /// An attempt failed: nobody knows whether the server has it.
    Unconfirmed,
    /// A task is held.
    Held,
    /// A task is dead; the place of the reason in [`Reason::ALL`].
    Dead(usize),
}

/// When each kind was told last.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    kinds: BTreeMap<Alarm, Told>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    untold: u64,
}

impl Alarms {
    /// What is to be said of one that has failed for this `reason`; `None` if one like it was told just now.
    pub(super) fn raise(&mut self, now: Instant, alarm: Alarm, reason: &str) -> Option<String> {
        let untold = match self.kinds.get_mut(&alarm) {
            Some(told) if now.duration_since(told.at) < EVERY => {
                told.untold += 1;
                return None;
            }
            Some(told) => {
                told.at = now;
                std::mem::take(&mut told.untold)
            }
            None => {
                self.kinds.insert(alarm, Told { at: now, untold: 0 });
                0
            }
        };
        let mut text = match alarm {
            Alarm::Refused => format!("the server refused a task: {reason}"),
            Alarm::Unconfirmed => format!("a task was sent and not confirmed: {reason}"),
            Alarm::Held => {
                format!("a task is held until somebody decides (`sockeye relay dead`): {reason}")
            }
            Alarm::Dead(at) => {
                let why = Reason::ALL.get(at).map_or("", |reason| reason.as_str());
                format!("a task is dead (`sockeye relay dead`), {why}: {reason}")
            }
        };
        if untold > 0 {
            text += &format!(" (and {untold} more since the last such line)");
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_kind_is_told_and_the_others_are_counted() {
        let (mut alarms, now) = (Alarms::default(), Instant::now());
        let mut raise = |after_s, alarm, reason| {
            alarms.raise(now + Duration::from_secs(after_s), alarm, reason)
        };
        let first = raise(0, Alarm::Dead(0), "not JSON").unwrap();
        assert_eq!(first, "a task is dead (`sockeye relay dead`), invalid: not JSON");
        assert_eq!(raise(1, Alarm::Dead(0), "not JSON"), None);
        assert_eq!(raise(9, Alarm::Dead(0), "not JSON"), None);
        // Another kind has its own time.
        assert!(raise(9, Alarm::Refused, "busy").unwrap().ends_with("busy"));
        let later = raise(10, Alarm::Dead(0), "no event").unwrap();
        assert!(later.ends_with("no event (and 2 more since the last such line)"), "{later}");
        let quiet = raise(100, Alarm::Dead(0), "no event").unwrap();
        assert!(quiet.ends_with("no event"), "{quiet}");
    }
}
