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

    /// How many deadlines lie in the slots, those of sessions that have gone included.
    pub(crate) fn len(&self) -> usize {
        self.shared.slots.lock().slots.iter().map(Vec::len).sum()
    }

    fn start(&self) {
        let shared = Arc::downgrade(&self.shared);
        let changed = Arc::clone(&self.shared.changed);
        tokio::spawn(async move {
            while let Some(next) = shared.upgrade().map(|shared| shared.fire()) {
                let hour = || time::Instant::now().into_std() + Duration::from_secs(3600);
                let next = next.unwrap_or_else(hour);
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
        let mut looked_at = Vec::new();
        let next = {
            let mut slots = self.slots.lock();
            slots.collect(now, &mut looked_at);
            slots.sleeps_until = slots.next().unwrap_or(NEVER);
            slots.sleeps_until
        };
        for (conn, due) in looked_at {
            if due {
                conn.wake();
            }
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

    /// Looks at all sessions whose tick has come; each is given out, with whether it is to be woken, because the last
    /// hold of a session must not be let go under the lock.
    fn collect(&mut self, now: u64, looked_at: &mut Vec<(Arc<Conn>, bool)>) {
        let from = (self.done + 1).max(now.saturating_sub(SLOTS - 1));
        self.done = self.done.max(now);
        for tick in from..=now {
            let slot = (tick % SLOTS) as usize;
            for entry in std::mem::take(&mut self.slots[slot]) {
                let Some(conn) = entry.conn.upgrade() else { continue };
                let mut due = false;
                if conn.timer.armed.load(SeqCst) != entry.tick {
                    // An earlier entry came in after this one, and sees to what is wanted.
                } else if entry.tick > now {
                    self.slots[slot].push(entry); // another round
                } else {
                    conn.timer.armed.store(NEVER, SeqCst);
                    match conn.timer.wanted.load(SeqCst) {
                        NEVER => {}
                        wanted if wanted <= now => due = true,
                        wanted => self.insert(wanted, &conn),
                    }
                }
                looked_at.push((conn, due));
            }
        }
    }

    /// The next tick whose slot holds anything.
    fn next(&self) -> Option<u64> {
        (self.done + 1..=self.done + SLOTS)
            .find(|tick| !self.slots[(tick % SLOTS) as usize].is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::AtomicUsize,
        task::{Context, Wake, Waker},
    };

    use super::*;
    use crate::net::{Bounds, Driven, Id};

    /// A session whose driver only counts how often it is woken.
    struct Sleeper {
        conn: Arc<Conn>,
        woken: Arc<Count>,
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    impl Sleeper {
        fn new() -> Self {
            let bounds = Bounds { max_packets: 10, max_bytes: 1_000 };
            let conn = Conn::server(
                now(),
                Arc::default(),
                (Id::random().unwrap(), sockeye_proto::wire::encoding::Encoding::default(), false),
                bounds,
            );
            Self { conn, woken: Arc::default() }
        }

        /// As a driver does at the end of its poll.
        fn sleep(&self, wheel: &Wheel, time: Option<Duration>) {
            let waker = Waker::from(Arc::clone(&self.woken));
            Driven::begin(&self.conn, &Context::from_waker(&waker));
            wheel.arm(&self.conn, time.map(|time| now() + time));
        }

        fn woken(&self) -> usize {
            self.woken.0.swap(0, SeqCst)
        }
    }

    fn now() -> Instant {
        time::Instant::now().into_std()
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_is_woken_within_a_tick_after_its_deadline_and_never_before() {
        let wheel = Wheel::new(now());
        // Also a deadline that has passed, and one that is many rounds of the wheel away.
        for millis in [0, 1, 9, 10, 11, 500, 10_239, 10_240, 10_241, 25_000, 3_600_000] {
            let sleeper = Sleeper::new();
            sleeper.sleep(&wheel, Some(ms(millis)));
            if millis > 0 {
                time::sleep(ms(millis) - Duration::from_micros(500)).await;
                assert_eq!(sleeper.woken(), 0, "before {millis} ms");
            }
            time::sleep(TICK + ms(1)).await;
            assert_eq!(sleeper.woken(), 1, "after {millis} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_is_met_where_it_is_last() {
        let wheel = Wheel::new(now());
        let sleeper = Sleeper::new();
        sleeper.sleep(&wheel, Some(ms(20_000)));
        sleeper.sleep(&wheel, Some(ms(100))); // a call, say
        time::sleep(ms(111)).await;
        assert_eq!(sleeper.woken(), 1);
        sleeper.sleep(&wheel, Some(ms(19_889)));
        time::sleep(ms(1_000)).await;
        sleeper.sleep(&wheel, Some(ms(30_000))); // a pong: the old place is only a place to look
        time::sleep(ms(29_990)).await;
        assert_eq!(sleeper.woken(), 0);
        time::sleep(ms(21)).await;
        assert_eq!(sleeper.woken(), 1);
        sleeper.sleep(&wheel, Some(ms(1_000)));
        sleeper.sleep(&wheel, None);
        time::sleep(ms(100_000)).await;
        assert_eq!((sleeper.woken(), wheel.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn many_short_deadlines_before_a_long_one_leave_nothing_behind() {
        let wheel = Wheel::new(now());
        let sleeper = Sleeper::new();
        for _ in 0..100 {
            sleeper.sleep(&wheel, Some(ms(25_000)));
            sleeper.sleep(&wheel, Some(ms(100)));
            time::sleep(ms(120)).await;
            assert_eq!(sleeper.woken(), 1);
            sleeper.sleep(&wheel, Some(ms(25_000)));
        }
        time::sleep(ms(11_000)).await; // the places of old have been looked at
        assert_eq!(wheel.len(), 1);
        time::sleep(ms(25_000)).await;
        assert_eq!(sleeper.woken(), 1, "once, not for each time it was put there");
    }

    #[tokio::test(start_paused = true)]
    async fn thousands_of_sessions_are_each_woken_in_time() {
        let wheel = Wheel::new(now());
        let start = now();
        let sleepers: Vec<_> = (0..5_000_u64)
            .map(|index| {
                let sleeper = Sleeper::new();
                let due = ms(index * 7_919 % 30_000);
                sleeper.sleep(&wheel, Some(due));
                (due, sleeper)
            })
            .collect();
        let mut asleep: Vec<_> = sleepers.iter().collect();
        for _ in 0..310 {
            time::sleep(ms(100)).await;
            let elapsed = now() - start;
            asleep.retain(|(due, sleeper)| match sleeper.woken() {
                0 => {
                    assert!(
                        *due + TICK + ms(1) > elapsed,
                        "due at {due:?}, not woken at {elapsed:?}"
                    );
                    true
                }
                woken => {
                    assert!(woken == 1 && *due <= elapsed);
                    false
                }
            });
        }
        assert!(asleep.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_gone_is_forgotten() {
        let wheel = Wheel::new(now());
        let sleeper = Sleeper::new();
        sleeper.sleep(&wheel, Some(ms(100)));
        let weak = Arc::downgrade(&sleeper.conn);
        drop(sleeper);
        assert_eq!(weak.strong_count(), 0, "the wheel keeps nobody alive");
        time::sleep(ms(120)).await;
        assert_eq!((wheel.len(), weak.weak_count()), (0, 0));
    }
}
