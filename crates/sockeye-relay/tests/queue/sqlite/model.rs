//! Whatever is done to the embedded queue in whatever order, it is as a list in memory would be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use proptest::prelude::*;
use sockeye_relay::queue::{
    Accepted, Claimed, NewTask, Queue, Reason, Settled, Verdict, Which,
    sqlite::{Options, Sqlite, Synchronous},
};

use super::{Place, killed::tallies_are_right};
use crate::conformance::steps::*;

/// What is done. Instances are numbered, 0 and 1.
#[derive(Clone, Debug)]
enum Step {
    Put { id: u8, key: Option<u8>, is_delayed: bool },
    Claim { by: usize, room: usize },
    Settle { which: usize, end: End },
    SettleSpent { which: usize },
    Cancel { id: u8 },
    Revive { id: Option<u8> },
    Bury { id: Option<u8> },
    Pause { is_paused: bool },
    Reopen { who: usize },
    Crash { who: usize },
}

#[derive(Clone, Debug)]
enum End {
    Done,
    Duplicate,
    Tried(u32),
    Soon(u32),
    Later(u32),
    Release,
    Held,
    Dead,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..24_u8;
    let end = prop_oneof![
        4 => Just(End::Done),
        1 => Just(End::Duplicate),
        2 => (1..5_u32).prop_map(End::Tried),
        2 => (1..5_u32).prop_map(End::Soon),
        1 => (1..5_u32).prop_map(End::Later),
        3 => Just(End::Release),
        1 => Just(End::Held),
        2 => Just(End::Dead),
    ];
    prop_oneof![
        12 => (id.clone(), proptest::option::weighted(0.7, 0..3_u8), proptest::bool::weighted(0.1))
            .prop_map(|(id, key, is_delayed)| Step::Put { id, key, is_delayed }),
        8 => (0..2_usize, 0..4_usize).prop_map(|(by, room)| Step::Claim { by, room }),
        10 => (any::<usize>(), end).prop_map(|(which, end)| Step::Settle { which, end }),
        1 => any::<usize>().prop_map(|which| Step::SettleSpent { which }),
        2 => id.clone().prop_map(|id| Step::Cancel { id }),
        1 => proptest::option::of(id.clone()).prop_map(|id| Step::Revive { id }),
        1 => proptest::option::of(id).prop_map(|id| Step::Bury { id }),
        1 => proptest::bool::weighted(0.3).prop_map(|is_paused| Step::Pause { is_paused }),
        1 => (0..2_usize).prop_map(|who| Step::Reopen { who }),
        1 => (0..2_usize).prop_map(|who| Step::Crash { who }),
    ]
}

#[derive(Clone, Debug)]
enum Where {
    Ready,
    Delayed,
    Claimed(usize, Claimed),
}

#[derive(Clone, Debug)]
struct Kept {
    id: String,
    key: Option<u8>,
    place: Where,
    attempts: u32,
    deliveries: u32,
}

/// The list in memory, and what it is compared with.
struct Model {
    place: Place,
    queues: [Arc<dyn Queue>; 2],
    next: u64,
    tasks: BTreeMap<u64, Kept>,
    /// With whether it is held.
    dead: BTreeMap<u64, (String, Option<u8>, bool)>,
    done: BTreeSet<String>,
    spent: Vec<(usize, Claimed)>,
    is_paused: bool,
}

impl Model {
    fn open(place: &Place) -> Arc<dyn Queue> {
        let options = Options { synchronous: Synchronous::Normal, ..Options::default() };
        Arc::new(Sqlite::open(place.file(), options).expect("it opens"))
    }

    fn new() -> Self {
        let place = Place::make();
        let queues = [Self::open(&place), Self::open(&place)];
        Self {
            place,
            queues,
            next: 0,
            tasks: BTreeMap::new(),
            dead: BTreeMap::new(),
            done: BTreeSet::new(),
            spent: Vec::new(),
            is_paused: false,
        }
    }

    fn push(&mut self, id: String, key: Option<u8>, place: Where) {
        self.next += 1;
        self.tasks.insert(self.next, Kept { id, key, place, attempts: 0, deliveries: 0 });
    }

    /// Gives back what an instance had.
    fn give_back(&mut self, who: usize, peaceful: u32) {
        for kept in self.tasks.values_mut() {
            if let Where::Claimed(by, claimed) = &kept.place
                && *by == who
            {
                self.spent.push((who, claimed.clone()));
                kept.place = Where::Ready;
                kept.deliveries -= peaceful;
            }
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Put { id, key, is_delayed } => self.put(&id.to_string(), key, is_delayed).await,
            Step::Claim { by, room } => self.claim(by, room).await,
            Step::Settle { which, end } => self.settle(which, &end).await,
            Step::SettleSpent { which } => {
                if !self.spent.is_empty() {
                    let (by, claimed) = &self.spent[which % self.spent.len()];
                    assert_eq!(settle(&self.queues[*by], claimed, done()).await, Settled::Fenced);
                }
            }
            Step::Cancel { id } => {
                let id = id.to_string();
                let waits = self
                    .tasks
                    .iter()
                    .find(|(_, kept)| kept.id == id && !matches!(kept.place, Where::Claimed(..)));
                let seq = waits.map(|(seq, _)| *seq);
                assert_eq!(self.queues[0].cancel(&id).await.expect("it answers"), seq.is_some());
                seq.map(|seq| self.tasks.remove(&seq));
            }
            Step::Revive { id } => {
                let (which, meant) = self.meant(id);
                let count = self.queues[1].revive(which).await.expect("it answers");
                assert_eq!(count, meant.len() as u64);
                for seq in meant {
                    let (id, key, _) = self.dead.remove(&seq).expect("it is meant");
                    self.push(id, key, Where::Ready);
                }
            }
            Step::Bury { id } => {
                let (which, meant) = self.meant(id);
                let count = self.queues[0].bury(which).await.expect("it answers");
                assert_eq!(count, meant.len() as u64);
                self.dead.retain(|seq, _| !meant.contains(seq));
            }
            Step::Pause { is_paused } => {
                self.queues[1].pause(is_paused).await.expect("it answers");
                self.is_paused = is_paused;
            }
            Step::Reopen { who } => {
                self.queues[who].close().await.expect("it closes");
                self.queues[who] = Self::open(&self.place);
                self.give_back(who, 1);
            }
            Step::Crash { who } => {
                self.queues[who] = Self::open(&self.place);
                self.give_back(who, 0);
                let claimed =
                    self.tasks.values().filter(|kept| matches!(kept.place, Where::Claimed(..)));
                let claimed = claimed.count() as u64;
                let other = &self.queues[1 - who];
                // Its thread ends by itself.
                while other.stats().await.expect("it counts").claimed != claimed {
                    other.sweep().await.expect("it is swept");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    }

    fn meant(&self, id: Option<u8>) -> (Which, Vec<u64>) {
        let Some(id) = id.map(|id| id.to_string()) else {
            return (Which::All, self.dead.keys().copied().collect());
        };
        let of = self.dead.iter().filter(|(_, (dead, ..))| *dead == id);
        let of = of.map(|(seq, _)| *seq).collect();
        (Which::Ids(vec![id.into()]), of)
    }

    async fn put(&mut self, id: &str, key: Option<u8>, is_delayed: bool) {
        let not_before = is_delayed.then(|| SystemTime::now() + Duration::from_secs(3600));
        let key_text = key.map(|key| key.to_string().into());
        let put = NewTask { key: key_text, not_before, ..task(id) };
        let accepted = self.queues[0].put(vec![put]).await.expect("it is taken");
        let is_known = self.tasks.values().any(|kept| kept.id == id)
            || self.done.contains(id)
            || self.dead.values().any(|(dead, _, is_held)| dead == id && *is_held);
        if is_known {
            assert_eq!(accepted, [Accepted::Known(id.into())]);
            return;
        }
        assert_eq!(accepted, [Accepted::Queued(id.into())]);
        self.dead.retain(|_, (dead, ..)| dead != id);
        let place = if is_delayed { Where::Delayed } else { Where::Ready };
        self.push(id.to_owned(), key, place);
    }

    async fn claim(&mut self, by: usize, room: usize) {
        let claimed = claim(&self.queues[by], room).await;
        let of_other: BTreeSet<u8> = self
            .tasks
            .values()
            .filter(|kept| matches!(kept.place, Where::Claimed(owner, _) if owner != by))
            .filter_map(|kept| kept.key)
            .collect();
        let may: Vec<u64> = self
            .tasks
            .iter()
            .filter(|(_, kept)| matches!(kept.place, Where::Ready))
            .filter(|(_, kept)| kept.key.is_none_or(|key| !of_other.contains(&key)))
            .map(|(seq, _)| *seq)
            .take(if self.is_paused { 0 } else { room })
            .collect();
        let expected: Vec<&str> = may.iter().map(|seq| self.tasks[seq].id.as_str()).collect();
        assert_eq!(bodies(&claimed), expected);
        for (seq, claimed) in may.into_iter().zip(claimed) {
            let kept = self.tasks.get_mut(&seq).expect("it may be claimed");
            kept.deliveries += 1;
            assert_eq!((claimed.attempts, claimed.deliveries), (kept.attempts, kept.deliveries));
            kept.place = Where::Claimed(by, claimed);
        }
    }

    async fn settle(&mut self, which: usize, end: &End) {
        let all: Vec<(u64, usize, Claimed)> = self
            .tasks
            .iter()
            .filter_map(|(seq, kept)| match &kept.place {
                Where::Claimed(by, claimed) => Some((*seq, *by, claimed.clone())),
                _ => None,
            })
            .collect();
        if all.is_empty() {
            return;
        }
        let (seq, by, claimed) = all[which % all.len()].clone();
        let far = SystemTime::now() + Duration::from_secs(3600);
        let verdict = match *end {
            End::Done => done(),
            End::Duplicate => Verdict::Duplicate,
            End::Tried(attempts) => Verdict::Tried { attempts },
            End::Soon(attempts) => Verdict::Later { due: SystemTime::UNIX_EPOCH, attempts },
            End::Later(attempts) => Verdict::Later { due: far, attempts },
            End::Release => Verdict::Release,
            End::Held => Verdict::Held(epitaph(Reason::Unknown)),
            End::Dead => Verdict::Dead(epitaph(Reason::Refused)),
        };
        assert_eq!(settle(&self.queues[by], &claimed, verdict).await, Settled::Stored);
        let kept = self.tasks.get_mut(&seq).expect("it is claimed");
        match *end {
            End::Tried(attempts) => {
                kept.attempts = attempts;
                return;
            }
            End::Soon(attempts) | End::Later(attempts) => {
                kept.attempts = attempts;
                kept.deliveries -= 1;
                let is_soon = matches!(end, End::Soon(_));
                kept.place = if is_soon { Where::Ready } else { Where::Delayed };
            }
            End::Release => {
                kept.deliveries -= 1;
                kept.place = Where::Ready;
            }
            End::Done | End::Duplicate | End::Held | End::Dead => {
                let kept = self.tasks.remove(&seq).expect("it is claimed");
                match end {
                    End::Done => drop(self.done.insert(kept.id)),
                    End::Duplicate => {}
                    _ => {
                        self.next += 1;
                        let is_held = matches!(end, End::Held);
                        self.dead.insert(self.next, (kept.id, kept.key, is_held));
                    }
                }
            }
        }
        self.spent.push((by, claimed));
    }

    async fn compare(&self) {
        let stats = self.queues[0].stats().await.expect("it counts");
        let count = |is: fn(&Where) -> bool| {
            self.tasks.values().filter(|kept| is(&kept.place)).count() as u64
        };
        assert_eq!(
            (stats.ready, stats.delayed, stats.claimed),
            (
                count(|place| matches!(place, Where::Ready)),
                count(|place| matches!(place, Where::Delayed)),
                count(|place| matches!(place, Where::Claimed(..))),
            )
        );
        let held = self.dead.values().filter(|(.., is_held)| *is_held).count() as u64;
        assert_eq!((stats.held, stats.dead), (held, self.dead.len() as u64 - held));
        assert_eq!(stats.done, Some(self.done.len() as u64));
        assert_eq!(stats.is_paused, self.is_paused);
        let dead = self.queues[1].dead(0, 100).await.expect("it looks");
        let expected: Vec<&str> = self.dead.values().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(bodies_of(&dead), expected);
        tallies_are_right(&self.place.file());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_a_list_in_memory_would_be(steps in proptest::collection::vec(step(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            let mut model = Model::new();
            for step in steps {
                model.step(step).await;
            }
            model.compare().await;
        });
    }
}
