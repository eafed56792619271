//! Who an instance is at present, and what it has claimed.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::watch::Stand;
use crate::queue::{Claim, Settled};

/// Who this is at present, and what it has.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) name: String,
    pub(super) membership: Membership,
    pub(super) claims: HashMap<Claim, Holding>,
    /// What became of claims that were settled, which whoever asked was not told: an error came in between.
    pub(super) untold: HashMap<Claim, Settled>,
    pub(super) last_claim: u128,
    /// More may be claimed in Redis than is known here.
    pub(super) is_unsure: bool,
    pub(super) stand: Stand,
    pub(super) looked_at: Option<Instant>,
}

/// Whether it is among the instances at work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Membership {
    /// It has not claimed so far.
    Outside,
    Entered,
    /// Its place was taken away: everything it had is another's.
    Gone,
    Closed,
}

/// What is known of a claim.
#[derive(Debug)]
pub(super) struct Holding {
    ticket: String,
    /// The fields of an entry that was read as a whole.
    fields: Option<Arc<str>>,
    /// It may have been settled: the answer was lost.
    is_doubtful: bool,
}

/// How a claim stands that is to be settled.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It is this instance's, by this ticket; with the fields of an entry that was read as a whole.
    Held(String, Option<Arc<str>>),
    /// What becomes of it is known without asking.
    Known(Settled),
}

impl Instance {
    pub(super) fn new(last_claim: u128) -> Self {
        Self {
            name: uuid::Uuid::now_v7().simple().to_string(),
            membership: Membership::Outside,
            claims: HashMap::new(),
            untold: HashMap::new(),
            last_claim,
            is_unsure: false,
            stand: Stand::default(),
            looked_at: None,
        }
    }

    /// The place of this name was taken away.
    pub(super) fn lose(&mut self, name: &str) {
        if self.membership == Membership::Entered && self.name == name {
            self.membership = Membership::Gone;
        }
    }

    /// How many claims it has.
    pub(super) fn count(&self) -> usize {
        self.claims.len()
    }

    pub(super) fn tickets(&self) -> impl Iterator<Item = &str> {
        self.claims.values().map(|holding| holding.ticket.as_str())
    }

    /// A task was claimed.
    pub(super) fn enter(&mut self, claim: Claim, ticket: String, fields: Option<Arc<str>>) {
        self.claims.insert(claim, Holding { ticket, fields, is_doubtful: false });
    }

    pub(super) fn standing(&self, claim: Claim) -> Standing {
        let Some(holding) = self.claims.get(&claim) else {
            return Standing::Known(self.untold.get(&claim).copied().unwrap_or(Settled::Fenced));
        };
        // Claimed again since, by the same ticket: what gave it back has been carried out, and is not to take it away again.
        let is_claimed_again = holding.is_doubtful
            && self.claims.iter().any(|(other, it)| *other > claim && it.ticket == holding.ticket);
        match is_claimed_again {
            true => Standing::Known(Settled::Stored),
            false => Standing::Held(holding.ticket.clone(), holding.fields.clone()),
        }
    }

    /// The answer to its settlement was lost.
    pub(super) fn doubt(&mut self, claim: Claim) {
        if let Some(holding) = self.claims.get_mut(&claim) {
            holding.is_doubtful = true;
        }
    }

    pub(super) fn is_doubtful(&self, claim: Claim) -> bool {
        self.claims.get(&claim).is_some_and(|holding| holding.is_doubtful)
    }

    /// It is settled, and whoever asked is told.
    pub(super) fn forget(&mut self, claim: Claim) {
        self.claims.remove(&claim);
        self.untold.remove(&claim);
    }

    /// It is settled, and whoever asked is told later.
    pub(super) fn keep_untold(&mut self, claim: Claim, settled: Settled) {
        if !self.claims.contains_key(&claim) {
            self.untold.insert(claim, settled);
        }
    }

    /// Nothing is claimed any more.
    pub(super) fn close(&mut self) {
        self.membership = Membership::Closed;
        self.claims.clear();
        self.untold.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubtful_claim_that_was_claimed_again_is_stored() {
        let mut instance = Instance::new(0);
        let [first, second] = [1, 2].map(Claim::new);
        instance.enter(first, "7".to_owned(), None);
        instance.doubt(first);
        assert_eq!(instance.standing(first), Standing::Held("7".to_owned(), None));
        instance.enter(second, "7".to_owned(), None);
        assert_eq!(instance.standing(first), Standing::Known(Settled::Stored));
        instance.forget(first);
        assert_eq!(instance.standing(first), Standing::Known(Settled::Fenced));
        assert_eq!(instance.standing(second), Standing::Held("7".to_owned(), None));
    }

    #[test]
    fn what_nobody_was_told_is_told_once() {
        let mut instance = Instance::new(0);
        let claim = Claim::new(1);
        instance.keep_untold(claim, Settled::Stored);
        assert_eq!(instance.standing(claim), Standing::Known(Settled::Stored));
        instance.forget(claim);
        assert_eq!(instance.standing(claim), Standing::Known(Settled::Fenced));
    }
}
