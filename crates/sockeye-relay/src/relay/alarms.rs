//! What the log says of tasks that fail.

use crate::{alarm::plain, queue::Reason};

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
    /// Tasks that can't be sent for a while take all places.
    Crowded,
}

impl Alarm {
    /// What is to be said, for this reason.
    pub(super) fn text(self, reason: &str) -> String {
        let reason = plain(reason);
        match self {
            Self::Refused => format!("the server refused a task: {reason}"),
            Self::Unconfirmed => format!("a task was sent and not confirmed: {reason}"),
            Self::Held => {
                format!("a task is held until somebody decides (`sockeye relay dead`): {reason}")
            }
            Self::Dead(at) => {
                let why = Reason::ALL.get(at).map_or("", |reason| reason.as_str());
                format!("a task is dead (`sockeye relay dead`), {why}: {reason}")
            }
            Self::Crowded => format!("{reason}: no more are claimed until some of them are done"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stays_on_its_line() {
        let text = Alarm::Dead(Reason::Invalid as usize).text("not\nJSON");
        assert_eq!(text, "a task is dead (`sockeye relay dead`), invalid: not JSON");
    }
}
