//! Checks that numbered messages arrive once each and in order.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::comparison::thousands;

/// What went wrong with the messages of a load; all zero is what a server owes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Faults {
    /// Messages that had not arrived when nothing came any more.
    pub lost: u64,
    /// Messages that arrived again.
    pub doubled: u64,
    /// Messages that arrived before one that was sent earlier.
    pub out_of_order: u64,
    /// Messages that are not what was sent, or that nobody sent.
    pub strange: u64,
}

impl Faults {
    /// Whether nothing went wrong.
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.strange += other.strange;
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.out_of_order, "out of order"),
            (self.strange, "strange"),
        ];
        let found = kinds.iter().filter(|(count, _)| *count > 0);
        for (at, (count, kind)) in found.enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} {kind}", thousands(*count))?;
        }
        if self.none() { f.write_str("no faults") } else { Ok(()) }
    }
}

/// What one receiver has got so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// Every message below it arrived.
    next: u64,
    /// Messages that arrived before `next` did; owns no memory while all is in order.
    early: BTreeSet<u64>,
}

impl Order {
    /// Takes message `number`, out of those below `sent`.
    pub(crate) fn arrived(&mut self, number: u64, sent: u64, faults: &mut Faults) {
        if number >= sent {
            faults.strange += 1;
        } else if number < self.next {
            faults.doubled += 1;
        } else if number == self.next {
            self.next += 1;
            // The early ones that follow without a gap are now in their place.
            while self.early.first() == Some(&self.next) {
                self.early.pop_first();
                self.next += 1;
            }
        } else if self.early.insert(number) {
            faults.out_of_order += 1;
        } else {
            faults.doubled += 1;
        }
    }

    /// Messages that arrived, once each.
    pub(crate) fn count(&self) -> u64 {
        self.next + self.early.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(arrivals: &[u64], sent: u64, count: u64, expect: Faults) {
        let (mut order, mut faults) = (Order::default(), Faults::default());
        for &number in arrivals {
            order.arrived(number, sent, &mut faults);
        }
        assert_eq!((order.count(), faults), (count, expect), "arrivals {arrivals:?} of {sent}");
    }

    #[test]
    fn faults_are_told_apart() {
        let none = Faults::default();
        check(&[], 4, 0, none);
        check(&[0, 1, 2, 3], 4, 4, none);
        check(&[1, 0, 2, 3], 4, 4, Faults { out_of_order: 1, ..none });
        check(&[3, 2, 1, 0], 4, 4, Faults { out_of_order: 3, ..none });
        check(&[0, 0, 1], 4, 2, Faults { doubled: 1, ..none });
        check(&[2, 2], 4, 1, Faults { out_of_order: 1, doubled: 1, ..none });
        check(&[0, 4], 4, 1, Faults { strange: 1, ..none }); // never sent
        check(&[199, 0], 200, 2, Faults { out_of_order: 1, ..none });
    }

    proptest! {
        #[test]
        fn any_order_counts_every_message(
            arrivals in Just((0..60_u64).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let (mut order, mut faults) = (Order::default(), Faults::default());
            for &number in &arrivals {
                order.arrived(number, 60, &mut faults);
            }
            prop_assert_eq!(order.count(), 60);
            prop_assert_eq!(faults, Faults { out_of_order: faults.out_of_order, ..Faults::default() });
        }
    }
}
