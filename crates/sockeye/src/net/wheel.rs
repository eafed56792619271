//! One timer wheel for all sessions: it wakes drivers, and does nothing else.
//!
//! It is hashed and lazy. Hashed: a deadline lies in the slot of its tick modulo the number of slots, and waits
//! there for its round. Lazy: a deadline that moves later (after each pong) moves nothing; when the slot comes
//! up, the session is put into the slot it wants by then.

use std::{
    sync::{Arc, Once, Weak, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time};

use super::Conn;

/// The wheel's resolution.
const TICK: Duration = Duration::from_millis(10);
const SLOTS: u64 = 1024;
const NEVER: u64 = u64::MAX;

/// The timers of one server.
#[derive(Debug)]
pub(crate) struct Wheel {
    shared: Arc<Shared>,
    started: Once,
}

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    slots: Mutex<Slots>,
    /// Told when an earlier deadline than all others came in, and when the wheel is dropped.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Slots {
    slots: Vec<Vec<Entry>>,
    /// All ticks up to this one are done.
    done: u64,
    /// The tick the task sleeps until.
    sleeps_until: u64,
}

#[derive(Debug)]
struct Entry {
    tick: u64,
    conn: Weak<Conn>,
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        let slots =
            Slots { slots: (0..SLOTS).map(|_| Vec::new()).collect(), done: 0, sleeps_until: NEVER };
        let shared = Shared { epoch: now, slots: Mutex::new(slots), changed: Arc::default() };
        Self { shared: Arc::new(shared), started: Once::new() }
    }

    /// Sees to it that the session's driver is woken at `deadline`; only the driver itself calls this.
    pub(super) fn arm(&self, conn: &Arc<Conn>, deadline: Option<Instant>) {
        let wanted = deadline.map_or(NEVER, |deadline| self.shared.tick_after(deadline));
        // First say what is wanted, then look what is armed; the wheel does it the other way round. So either
        // this sees that nothing is armed, or the wheel sees the new wish.
        conn.timer.wanted.store(wanted, SeqCst);
        if wanted < conn.timer.armed.load(SeqCst) {
            self.started.call_once(|| self.start());
            self.shared.insert(wanted, conn);
        }
    }

    fn start(&self) {
        let shared = Arc::downgrade(&self.shared);
        let changed = Arc::clone(&self.shared.changed);
        tokio::spawn(async move {
            while let Some(next) = shared.upgrade().map(|shared| shared.fire()) {
                let next = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
                // Either way the wheel is looked at again.
                let _ = time::timeout_at(next.into(), changed.notified()).await;
            }
        });
    }
}

impl Drop for Wheel {
    fn drop(&mut self) {
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// The first tick that is not before `deadline`.
    fn tick_after(&self, deadline: Instant) -> u64 {
        let nanos = deadline.saturating_duration_since(self.epoch).as_nanos();
        nanos.div_ceil(TICK.as_nanos()).try_into().unwrap_or(NEVER - 1)
    }

    fn at(&self, tick: u64) -> Instant {
        self.epoch + Duration::from_nanos(tick.saturating_mul(TICK.as_nanos() as u64))
    }

    fn insert(&self, tick: u64, conn: &Arc<Conn>) {
        let earlier = {
            let mut slots = self.slots.lock();
            slots.insert(tick, conn);
            tick < slots.sleeps_until
        };
        if earlier {
            self.changed.notify_one();
        }
    }

    /// Wakes the drivers whose time has come and says when to look again.
    fn fire(&self) -> Option<Instant> {
        let now = time::Instant::now().into_std();
        let elapsed = now.saturating_duration_since(self.epoch).as_nanos() / TICK.as_nanos();
        let now = u64::try_from(elapsed).unwrap_or(NEVER - 1);
        let mut due = Vec::new();
        let next = {
            let mut slots = self.slots.lock();
            slots.collect(now, &mut due);
            slots.sleeps_until = slots.next().unwrap_or(NEVER);
            slots.sleeps_until
        };
        for conn in due {
            conn.driver.wake();
        }
        (next != NEVER).then(|| self.at(next))
    }
}

impl Slots {
    fn insert(&mut self, tick: u64, conn: &Arc<Conn>) {
        if conn.timer.armed.load(SeqCst) <= tick {
            return; // the wheel looks at it early enough
        }
        conn.timer.armed.store(tick, SeqCst);
        // A tick that is done would wait for a whole round.
        let slot = tick.max(self.done + 1) % SLOTS;
        self.slots[slot as usize].push(Entry { tick, conn: Arc::downgrade(conn) });
    }

    fn collect(&mut self, now: u64, due: &mut Vec<Arc<Conn>>) {
        let from = (self.done + 1).max(now.saturating_sub(SLOTS - 1));
        self.done = self.done.max(now);
        for tick in from..=now {
            let slot = (tick % SLOTS) as usize;
            for entry in std::mem::take(&mut self.slots[slot]) {
                if entry.tick > now {
                    self.slots[slot].push(entry); // another round
                    continue;
                }
                let Some(conn) = entry.conn.upgrade() else { continue };
                conn.timer.armed.store(NEVER, SeqCst);
                match conn.timer.wanted.load(SeqCst) {
                    NEVER => {}
                    wanted if wanted <= now => due.push(conn),
                    wanted => self.insert(wanted, &conn),
                }
            }
        }
    }

    /// The next tick whose slot holds anything.
    fn next(&self) -> Option<u64> {
        (self.done + 1..=self.done + SLOTS)
            .find(|tick| !self.slots[(tick % SLOTS) as usize].is_empty())
    }
}
