//! What was sent against what has come: lost, doubled, in order.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sockeye_testkit::ledger::Book;

/// A task as its producer knows it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) key: Option<String>,
    pub(crate) n: u64,
}

impl Made {
    /// What the ledger is sent.
    pub(crate) fn data(&self) -> Value {
        json!({"id": self.id, "key": self.key, "n": self.n})
    }

    /// The envelope that the relay takes.
    pub(crate) fn envelope(&self) -> String {
        let mut envelope = json!({"id": self.id, "event": "message", "args": [self.data()]});
        if let Some(key) = &self.key {
            envelope["key"] = json!(key);
        }
        envelope.to_string()
    }
}

/// So many tasks: three of four have one of three keys.
pub(crate) fn tasks(count: u64) -> Vec<Made> {
    let key = |n| match n % 4 {
        0 => None,
        lane => Some(format!("lane-{lane}")),
    };
    (0..count).map(|n| Made { id: format!("t{n}"), key: key(n), n }).collect()
}

/// So many tasks of one key: the next is not sent before the store knows what became of the one before.
pub(crate) fn lane(count: u64) -> Vec<Made> {
    let key = || Some("lane".to_owned());
    (0..count).map(|n| Made { id: format!("t{n}"), key: key(), n }).collect()
}

/// What may have happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Allowed {
    pub(crate) lost: bool,
    pub(crate) doubled: bool,
    /// Whether copies may come after later ones of their lane.
    pub(crate) disorder: bool,
}

/// What has happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// What should not be.
    pub(crate) faults: Vec<String>,
}

/// Compares; `at_once` is how many of what is allowed may have met it.
pub(crate) fn judge(tasks: &[Made], book: &Book, allowed: Allowed, at_once: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let counts = |id: &str| book.counts.get(id).copied().unwrap_or(0);
    for made in tasks {
        match counts(&made.id) {
            0 => {
                verdict.lost += 1;
                if !allowed.lost {
                    verdict.faults.push(format!("{} is lost", made.id));
                }
            }
            1 => {}
            times => {
                verdict.doubled += 1;
                if !allowed.doubled {
                    verdict.faults.push(format!("{} came {times} times", made.id));
                }
            }
        }
    }
    for (what, count) in [("lost", verdict.lost), ("doubled", verdict.doubled)] {
        if count > at_once {
            verdict.faults.push(format!("{count} are {what}, with {at_once} at work"));
        }
    }
    let known: BTreeMap<_, _> = tasks.iter().map(|made| (&made.id, made)).collect();
    for id in book.counts.keys().filter(|id| !known.contains_key(id)) {
        verdict.faults.push(format!("nobody has put {id}"));
    }
    for (key, order) in book.orders.iter().filter(|_| !allowed.disorder) {
        // A copy comes before the next one of its lane, or never.
        if let Some(at) = order.windows(2).position(|pair| pair[0] > pair[1]) {
            let around = &order[at.saturating_sub(8)..order.len().min(at + 4)];
            let (last, next) = (order[at], order[at + 1]);
            verdict.faults.push(format!("of {key} {next} came after {last}: … {around:?} …"));
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(counts: &[(&str, u64)], order: &[u64], allowed: Allowed, faults: &[&str]) {
        let book = Book {
            counts: counts.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect(),
            orders: BTreeMap::from([("lane-1".to_owned(), order.to_vec())]),
            ..Book::default()
        };
        assert_eq!(judge(&tasks(3), &book, allowed, 1).faults, faults);
    }

    #[test]
    fn every_fault_is_found() {
        let nothing = Allowed::default();
        let all = Allowed { lost: true, doubled: true, disorder: false };
        check(&[("t0", 1), ("t1", 1), ("t2", 1)], &[1, 1, 2], nothing, &[]);
        check(&[("t0", 1), ("t1", 2)], &[], all, &[]);
        check(&[("t0", 1), ("t1", 3)], &[], nothing, &["t1 came 3 times", "t2 is lost"]);
        check(&[("t0", 1)], &[], all, &["2 are lost, with 1 at work"]);
        check(&[("t0", 1), ("t1", 1), ("t2", 1), ("x", 1)], &[], all, &["nobody has put x"]);
        check(
            &[("t0", 1), ("t1", 1), ("t2", 1)],
            &[1, 5, 1],
            all,
            &["of lane-1 1 came after 5: … [1, 5, 1] …"],
        );
    }
}
