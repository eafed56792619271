//! What the chat keeps for each socket: whose it is, where it is, and how much of each allowance is used.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    pace::{Pace, Used},
    person::Person,
    room::Room,
    rules::Violation,
};

/// Enough for somebody who types, and for what was written during a lost connection.
const SAYING: Pace = Pace { burst: 20, refill: Duration::from_millis(500) };
/// Joins, leaves and lists: enough to come back into every room one may be in, twice.
const MOVING: Pace = Pace { burst: 40, refill: Duration::from_secs(1) };
/// Clients send it every few seconds.
const TYPING: Pace = Pace { burst: 10, refill: Duration::from_secs(1) };

/// The data of a socket.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) person: Arc<Person>,
    /// Where it is: what the hall has let it into. Changed only by whoever has the turn.
    pub(crate) rooms: Mutex<BTreeSet<Room>>,
    said: Used,
    moved: Used,
    typed: Used,
}

impl Visitor {
    pub(crate) fn new(person: Person) -> Self {
        let now = now();
        Self {
            person: Arc::new(person),
            rooms: Mutex::default(),
            said: Used::new(now),
            moved: Used::new(now),
            typed: Used::new(now),
        }
    }

    /// Whether it may say something now.
    pub(crate) fn may_say(&self) -> Result<(), Violation> {
        take(SAYING, &self.said)
    }

    /// Whether it may join or leave a room, or have a list, now.
    pub(crate) fn may_move(&self) -> Result<(), Violation> {
        take(MOVING, &self.moved)
    }

    /// Whether others are told now that it types.
    pub(crate) fn may_type(&self) -> Result<(), Violation> {
        take(TYPING, &self.typed)
    }
}

fn take(pace: Pace, used: &Used) -> Result<(), Violation> {
    pace.take(used, now()).map_err(|retry_after| Violation::TooFast { retry_after })
}

/// The time, as tests can set it.
pub(crate) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
