//! What can be lost or doubled, and when: the table that is explained to people and held by the crash suite.
//!
//! | when | `none` | `written` | `ack`, `event` |
//! |---|---|---|---|
//! | the relay dies, the task is claimed | safe | safe | safe |
//! | …, it is about to be emitted | lost | safe | safe |
//! | …, it was emitted | lost | doubled | doubled |
//! | …, it is confirmed | lost | doubled | doubled |
//! | …, the store is about to be told | safe | doubled | doubled |
//! | …, the store was told | lost | safe | safe |
//! | the connection is lost | lost | lost | doubled; set aside |
//! | the relay stalls past its lease, and goes on | safe | doubled | doubled |
//! | Redis loses its last writes | lost or doubled | lost or doubled | lost or doubled |
//!
//! With `none` the store is told first, so what comes last for the others comes before the task is emitted.
//!
//! Doubled means that the server is sent a task twice: one that knows ids need not do it twice. `ack` and `event` are as good
//! as what the server makes of them: one that confirms before it has done the work can still lose it. And a task that
//! can't be sent, or is refused for good, is neither lost nor done: it lies among the dead.

use crate::{
    crash::Stage,
    delivery::{Confirm, OnUnknown},
};

/// What may go wrong with a task under way.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mishap {
    /// The relay dies when the task has come to this stage.
    Death(Stage),
    /// The connection to the server is lost once the task was written.
    Disconnect,
    /// The relay stalls for longer than its lease, another takes the task over, and it goes on.
    StaleLease,
    /// The store forgets what it has said it has: Redis that syncs each second and dies, or whose replica takes over; SQLite
    /// with `sync=normal` when power is lost.
    StoreTail,
}

/// What may become of the task.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Promise {
    /// The server may never get it, and nobody is told.
    pub may_be_lost: bool,
    /// The server may get it more than once.
    pub may_be_doubled: bool,
    /// It may be laid aside, held or dead, for somebody to decide.
    pub may_be_set_aside: bool,
}

const SAFE: Promise =
    Promise { may_be_lost: false, may_be_doubled: false, may_be_set_aside: false };
const LOST: Promise = Promise { may_be_lost: true, ..SAFE };
const DOUBLED: Promise = Promise { may_be_doubled: true, ..SAFE };
const SET_ASIDE: Promise = Promise { may_be_set_aside: true, ..SAFE };

impl Mishap {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Death(Stage::Claimed),
        Self::Death(Stage::Sending),
        Self::Death(Stage::Sent),
        Self::Death(Stage::Confirmed),
        Self::Death(Stage::Settling),
        Self::Death(Stage::Settled),
        Self::Disconnect,
        Self::StaleLease,
        Self::StoreTail,
    ];

    /// It in words, as in "a task may be lost when …".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Death(Stage::Claimed) => "the relay dies and the task is claimed",
            Self::Death(Stage::Sending) => "the relay dies and the task is about to be emitted",
            Self::Death(Stage::Sent) => "the relay dies and the task was emitted",
            Self::Death(Stage::Confirmed) => "the relay dies and the task is confirmed",
            Self::Death(Stage::Settling) => "the relay dies and is about to tell the store",
            Self::Death(Stage::Settled) => "the relay dies and has told the store",
            Self::Death(_) => "the relay dies with an event of the server",
            Self::Disconnect => "the connection is lost once the task was written",
            Self::StaleLease => "the relay stalls past its lease, and goes on",
            Self::StoreTail => "the store loses its last writes",
        }
    }

    /// What may become of a task that is confirmed so.
    ///
    /// `on_unknown` decides about lost connections, and answers that did not come in time: when a relay has died, nobody knows any
    /// more whether a task was emitted, and it is emitted again.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_relay::{crash::Stage, delivery::{Confirm, OnUnknown}, promise::Mishap};
    ///
    /// let death = Mishap::Death(Stage::Sent);
    /// assert!(death.promise(Confirm::None, OnUnknown::Retry).may_be_lost);
    /// assert!(death.promise(Confirm::Ack, OnUnknown::Retry).may_be_doubled);
    /// ```
    #[must_use]
    pub const fn promise(self, confirm: Confirm, on_unknown: OnUnknown) -> Promise {
        use Confirm::{Ack, Event, None, Written};
        match (self, confirm) {
            (Self::Death(Stage::Claimed), _) => SAFE,
            (Self::Death(Stage::Settling), None) => SAFE,
            (
                Self::Death(Stage::Sending | Stage::Sent | Stage::Confirmed | Stage::Settled),
                None,
            ) => LOST,
            (Self::Death(Stage::Sending | Stage::Settled), Written | Ack | Event) => SAFE,
            (
                Self::Death(Stage::Sent | Stage::Confirmed | Stage::Settling),
                Written | Ack | Event,
            ) => DOUBLED,
            // What the server sends has promises of its own: they are the ingress's.
            (Self::Death(Stage::Received | Stage::Spooled | Stage::Sunk | Stage::Deleted), _) => {
                SAFE
            }
            (Self::Disconnect, None | Written) => LOST,
            (Self::Disconnect, Ack | Event) => match on_unknown {
                OnUnknown::Retry => DOUBLED,
                OnUnknown::Hold | OnUnknown::Dead => SET_ASIDE,
            },
            (Self::StaleLease, None) => SAFE,
            (Self::StaleLease, Written | Ack | Event) => DOUBLED,
            (Self::StoreTail, _) => Promise { may_be_lost: true, ..DOUBLED },
        }
    }
}

impl Promise {
    /// Either of them.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            may_be_lost: self.may_be_lost || other.may_be_lost,
            may_be_doubled: self.may_be_doubled || other.may_be_doubled,
            may_be_set_aside: self.may_be_set_aside || other.may_be_set_aside,
        }
    }

    /// It in a word or some, as in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.may_be_lost, self.may_be_doubled, self.may_be_set_aside) {
            (false, false, false) => "safe",
            (true, false, false) => "lost",
            (false, true, false) => "doubled",
            (true, true, false) => "lost or doubled",
            (false, false, true) => "set aside",
            (true, false, true) => "lost or set aside",
            (false, true, true) => "doubled or set aside",
            (true, true, true) => "lost, doubled or set aside",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table above, without their first column.
    fn rows() -> Vec<Vec<&'static str>> {
        let lines = include_str!("promise.rs").lines();
        let rows = lines.filter_map(|line| line.strip_prefix("//! | ")).skip(1);
        rows.map(|row| row.trim_end_matches(" |").split(" | ").skip(1).collect()).collect()
    }

    #[test]
    fn the_page_has_the_table() {
        let rows = rows();
        assert_eq!(rows.len(), Mishap::ALL.len());
        for (mishap, row) in Mishap::ALL.into_iter().zip(rows) {
            for (confirm, cell) in [Confirm::None, Confirm::Written, Confirm::Ack, Confirm::Event]
                .iter()
                .zip([0, 1, 2, 2])
            {
                let retried = mishap.promise(*confirm, OnUnknown::Retry);
                let mut words = retried.as_str().to_owned();
                let held = mishap.promise(*confirm, OnUnknown::Hold);
                if held != retried {
                    words = format!("{words}; {}", held.as_str());
                }
                assert_eq!(words, row[cell], "{mishap:?} {confirm:?}");
            }
        }
    }

    #[test]
    fn every_mishap_has_words_of_its_own() {
        let mut words: Vec<_> = Mishap::ALL.into_iter().map(Mishap::as_str).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Mishap::ALL.len());
    }
}
