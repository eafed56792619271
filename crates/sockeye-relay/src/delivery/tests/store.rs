//! A store in memory: claims that belong to an instance, leases that run out, settlements that are refused.

use std::{collections::HashMap, sync::Arc};

use crate::{
    delivery::Policy,
    queue::{Claim, Reason, Settled, Settlement, Verdict},
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Queued { due: u64 },
    Claimed { by: usize, claim: Claim },
    Done,
    Duplicate,
    Held,
    Dead(Reason),
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Option<Arc<str>>,
    pub(super) key: Option<Arc<str>>,
    pub(super) target: usize,
    pub(super) policy: Arc<Policy>,
    pub(super) deadline: Option<u64>,
    pub(super) not_before: Option<u64>,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) deliveries: u32,
}

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) rows: Vec<Row>,
    claims: HashMap<Claim, usize>,
    next_claim: u128,
}

impl Store {
    /// The oldest that are due, of lanes of which no other instance has any.
    pub(super) fn claim(&mut self, now: u64, by: usize, room: usize) -> Vec<(Claim, usize)> {
        let others: Vec<_> = self
            .rows
            .iter()
            .filter(|row| matches!(row.state, State::Claimed { by: owner, .. } if owner != by))
            .filter_map(|row| row.key.clone())
            .collect();
        let mut claimed = Vec::new();
        for (place, row) in self.rows.iter_mut().enumerate() {
            let is_others = row.key.as_ref().is_some_and(|key| others.contains(key));
            if claimed.len() == room || is_others {
                continue;
            }
            if matches!(row.state, State::Queued { due } if due <= now) {
                self.next_claim += 1;
                let claim = Claim::new(self.next_claim);
                row.state = State::Claimed { by, claim };
                row.deliveries += 1;
                self.claims.insert(claim, place);
                claimed.push((claim, place));
            }
        }
        claimed
    }

    pub(super) fn settle(&mut self, ms_of: impl Fn(&Verdict) -> u64, it: &Settlement) -> Settled {
        let row = self.claims.get(&it.claim).map(|place| &mut self.rows[*place]);
        let Some(row) = row
            .filter(|row| matches!(row.state, State::Claimed { claim, .. } if claim == it.claim))
        else {
            return Settled::Fenced;
        };
        let due = ms_of(&it.verdict);
        row.state = match &it.verdict {
            Verdict::Done { .. } => State::Done,
            Verdict::Duplicate => State::Duplicate,
            Verdict::Tried { attempts } => {
                row.attempts = *attempts;
                row.state.clone()
            }
            Verdict::Later { attempts, .. } => {
                row.attempts = *attempts;
                row.deliveries -= 1;
                State::Queued { due }
            }
            Verdict::Release => {
                row.deliveries -= 1;
                State::Queued { due: 0 }
            }
            Verdict::Held(epitaph) => {
                row.attempts = epitaph.attempts;
                State::Held
            }
            Verdict::Dead(epitaph) => {
                row.attempts = epitaph.attempts;
                State::Dead(epitaph.reason)
            }
        };
        Settled::Stored
    }

    /// Takes back what an instance has; says what that was.
    pub(super) fn free(&mut self, owner: usize) -> Vec<usize> {
        let mut freed = Vec::new();
        for (place, row) in self.rows.iter_mut().enumerate() {
            if matches!(row.state, State::Claimed { by, .. } if by == owner) {
                row.state = State::Queued { due: 0 };
                freed.push(place);
            }
        }
        freed
    }

    pub(super) fn is_done(&self, id: &str) -> bool {
        self.rows.iter().any(|row| row.id.as_deref() == Some(id) && row.state == State::Done)
    }

    pub(super) fn is_settled(&self) -> bool {
        !self
            .rows
            .iter()
            .any(|row| matches!(row.state, State::Queued { .. } | State::Claimed { .. }))
    }
}
