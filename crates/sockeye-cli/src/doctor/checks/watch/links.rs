//! Watches how long connections last: one link that is silent and one that talks, side by side.
//!
//! ```text
//!  open ─▶ live ─┬─ the watch is over
//!   ▲            ├─ no heartbeat: that is all there is to know
//!   └── drop ────┘    (opened again, to see whether it happens again; not at all: the server is gone)
//! ```
//!
//! The talking link sends a packet that every server ignores, and a ping of the WebSocket; in version 3 it pings by
//! Engine.IO.

use std::{cell::RefCell, time::Duration};

use sockeye_proto::wire::engine::{Handshake, Version};
use tokio::time::{Instant, sleep};

use super::watching::{Plan, Unopened, Watching};
use crate::doctor::found::{
    Watched,
    life::{Death, Life, Role},
};

/// How long to wait before each attempt to open a link again.
const DELAYS: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(700),
    Duration::from_millis(1_000),
    Duration::from_millis(1_000),
];

/// Watches for so long, or until there is nothing more to learn.
pub(crate) async fn watch<'p>(plan: &'p Plan<'p>, duration: Duration) -> Watched {
    let record = RefCell::new(Watched::default());
    let until = Instant::now() + duration;
    let both = async {
        tokio::join!(
            follow(plan, Role::Idle, until, &record),
            follow(plan, Role::Talking, until, &record)
        );
    };
    let enough = async {
        while !record.borrow().is_enough() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = both => {}
        () = enough => {}
    }
    record.into_inner()
}

/// One link, opened again and again.
async fn follow<'p>(plan: &'p Plan<'p>, role: Role, until: Instant, record: &RefCell<Watched>) {
    while let Some(link) = open(plan, until, record).await {
        {
            let mut watched = record.borrow_mut();
            let Handshake { ping_interval, ping_timeout, .. } = *link.handshake();
            (watched.interval, watched.timeout) = (ping_interval, ping_timeout);
            watched.is_version_3 = plan.encoding.version == Version::V3;
            watched.is_mismatched |= link.is_mismatched;
            watched.lives_mut(role).push(Life::default());
        }
        let note = |change: &dyn Fn(&mut Life)| {
            if let Some(life) = record.borrow_mut().lives_mut(role).last_mut() {
                change(life);
            }
        };
        link.live(role, until, note).await;
        let watched = record.borrow();
        match watched.lives(role).last().and_then(|life| life.end.as_ref()) {
            None | Some(Death::NoHeartbeat | Death::Flood(_)) => return,
            // It will end again as it did.
            Some(_) if watched.is_mismatched => return,
            Some(_) => {}
        }
    }
}

/// A link, or `None` if there is none to be had; the record says why.
async fn open<'p>(
    plan: &'p Plan<'p>,
    until: Instant,
    record: &RefCell<Watched>,
) -> Option<Watching<'p>> {
    let mut away = None;
    for delay in DELAYS {
        sleep(delay).await;
        match Watching::open(plan).await {
            Ok(link) => {
                record.borrow_mut().was_away |= away.is_some();
                return Some(link);
            }
            Err(Unopened::Refused(word)) => {
                record.borrow_mut().refused = Some(word);
                return None;
            }
            Err(Unopened::Unreachable(word)) => away = Some(word),
        }
        if Instant::now() >= until {
            break;
        }
    }
    record.borrow_mut().gone = away;
    None
}
