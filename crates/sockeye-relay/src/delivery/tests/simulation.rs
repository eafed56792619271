//! Two instances, a store and a server, all of which fail at random: what is promised is kept under every schedule.
//!
//! `DELIVERY_SEED=n` plays one schedule.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use sockeye_testkit::Rng;

use super::store::{Row, State, Store};
use crate::{
    delivery::{
        Confirm, Delivery, Job, Limits, Now, OnUnknown, Outcome, Output, Policy, Rate, Retry,
    },
    queue::{Claim, Reason, Settled, Settlement, Verdict},
};

const SCHEDULES: u64 = 3_000;
const LEASE_MS: u64 = 1_500;
const CHAOS_MS: u64 = 6_000;
const END_MS: u64 = 200_000;

#[test]
fn what_is_promised_is_kept_under_every_schedule() {
    let one = std::env::var("DELIVERY_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or(0..SCHEDULES, |seed| seed..seed + 1);
    let mut seen = Seen::default();
    for seed in seeds {
        let on_panic = Told(seed);
        World::new(seed).play(&mut seen);
        std::mem::forget(on_panic);
    }
    println!("{seen:?}");
    if one.is_none() {
        // A world in which nothing fails proves nothing.
        let Seen {
            sends, doubles, crashes, fenced, sent_off, expired, duplicates, drained, ..
        } = seen;
        for count in [sends, doubles, crashes, fenced, sent_off, expired, duplicates, drained] {
            assert!(count > 100, "{seen:?}");
        }
    }
}

/// Says which schedule it was.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("DELIVERY_SEED={} plays this schedule again", self.0);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    sends: u64,
    doubles: u64,
    crashes: u64,
    fenced: u64,
    sent_off: u64,
    expired: u64,
    duplicates: u64,
    drained: u64,
    events: u64,
}

#[derive(Debug)]
enum Event {
    Put,
    Chaos,
    Poll,
    Wake,
    Renew,
    LeaseEnds { owner: usize },
    Restart,
    ClaimReaches { owner: usize, room: usize },
    Claimed { owner: usize, tasks: Vec<(Claim, usize)> },
    SettleReaches(Vec<Settlement>),
    Settled { batch: Vec<Settlement>, answer: Option<Vec<Settled>> },
    Outcome(Claim, Outcome),
}

/// What is known of a task beside what its store knows.
#[derive(Clone, Debug, Default)]
struct Fate {
    sends: u32,
    processed: u32,
    confirmed: u32,
    refused_for_good: u32,
    unknown: u32,
    invalid: u32,
    /// How often it may be sent still, for reasons that there were.
    allowance: u32,
}

struct Instance {
    machine: Option<Delivery>,
    /// As the store knows it: another after each crash, and after a lost lease.
    owner: usize,
    /// Counts its machines: what was meant for an earlier one is lost.
    life: u64,
    is_stalled_until: u64,
    joined: Vec<bool>,
    tasks: HashMap<Claim, usize>,
    /// Sent, without outcome.
    sent: HashMap<Claim, usize>,
    /// The task of a lane that was sent last, and is not gone yet.
    lanes: HashMap<Arc<str>, Claim>,
    first_sent: HashMap<Arc<str>, usize>,
    done_ids: Vec<Arc<str>>,
    pending: Vec<Settlement>,
    offered: Vec<Claim>,
    is_settling: bool,
    is_claiming: bool,
    wants_stop: bool,
    wakes_at: u64,
    tokens: f64,
    tokens_at: u64,
}

struct World {
    rng: Rng,
    now: u64,
    start: Now,
    agenda: BTreeMap<(u64, u64), (usize, u64, Event)>,
    next_event: u64,
    store: Store,
    fates: Vec<Fate>,
    first_sent: HashMap<Arc<str>, usize>,
    instances: Vec<Instance>,
    next_owner: usize,
    targets: usize,
    limits: Limits,
    lost: Vec<usize>,
    is_calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let targets = 1 + rng.below(3) as usize;
        let mut limits = Limits::new(1 + rng.below(6) as usize);
        if rng.below(2) == 0 {
            let per_second = 5.0 + rng.below(40) as f64 / 3.0;
            limits.rate = Some(Rate { per_second, burst: 1 + rng.below(4) as u32 });
        }
        let mut world = Self {
            rng,
            now: 0,
            start: Now {
                instant: Instant::now(),
                wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000),
            },
            agenda: BTreeMap::new(),
            next_event: 0,
            store: Store::default(),
            fates: Vec::new(),
            first_sent: HashMap::new(),
            instances: Vec::new(),
            next_owner: 0,
            targets,
            limits,
            lost: Vec::new(),
            is_calm: false,
        };
        for it in 0..2 {
            let instance = world.instance(0);
            world.instances.push(instance);
            world.begin(it);
        }
        for _ in 0..4 + world.rng.below(20) {
            let at = world.rng.below(CHAOS_MS / 2);
            world.at(at, 0, Event::Put);
        }
        for _ in 0..2 + world.rng.below(24) {
            let at = world.rng.below(CHAOS_MS);
            let it = world.rng.below(2) as usize;
            world.at(at, it, Event::Chaos);
        }
        world
    }

    fn clock(&self) -> Now {
        let passed = Duration::from_millis(self.now);
        Now { instant: self.start.instant + passed, wall: self.start.wall + passed }
    }

    fn at(&mut self, ms: u64, it: usize, event: Event) {
        let life = self.instances.get(it).map_or(0, |it| it.life);
        self.agenda.insert((ms, self.next_event), (it, life, event));
        self.next_event += 1;
    }

    fn soon(&mut self, bound: u64, it: usize, event: Event) {
        let at = self.now + self.rng.below(bound);
        self.at(at, it, event);
    }

    fn instance(&mut self, life: u64) -> Instance {
        self.next_owner += 1;
        let machine = Delivery::new(self.clock(), self.limits, self.targets);
        Instance {
            machine: Some(machine),
            owner: self.next_owner,
            life,
            is_stalled_until: 0,
            joined: vec![false; self.targets],
            tasks: HashMap::new(),
            sent: HashMap::new(),
            lanes: HashMap::new(),
            first_sent: HashMap::new(),
            done_ids: Vec::new(),
            pending: Vec::new(),
            offered: Vec::new(),
            is_settling: false,
            is_claiming: false,
            wants_stop: false,
            wakes_at: 0,
            tokens: self.limits.rate.map_or(0.0, |rate| f64::from(rate.burst)),
            tokens_at: self.now,
        }
    }

    fn begin(&mut self, it: usize) {
        for target in 0..self.targets {
            if self.is_calm || self.rng.below(3) > 0 {
                self.join(it, target, true);
            }
        }
        self.soon(300, it, Event::Renew);
        self.soon(10, it, Event::Poll);
        self.drain(it);
    }

    fn join(&mut self, it: usize, target: usize, is_joined: bool) {
        let now = self.clock();
        let instance = &mut self.instances[it];
        instance.joined[target] = is_joined;
        if let Some(machine) = &mut instance.machine {
            if is_joined { machine.joined(now, target) } else { machine.parted(now, target) }
        }
    }

    fn play(mut self, seen: &mut Seen) {
        while let Some(((at, _), (it, life, event))) = self.agenda.pop_first() {
            self.now = at;
            seen.events += 1;
            if at > CHAOS_MS && !self.is_calm {
                self.calm_down();
            }
            let reaches_store = matches!(
                event,
                Event::Put
                    | Event::LeaseEnds { .. }
                    | Event::ClaimReaches { .. }
                    | Event::SettleReaches(_)
            );
            if !reaches_store && !matches!(event, Event::Restart | Event::Chaos) {
                let instance = &self.instances[it];
                if instance.life != life {
                    continue;
                }
                if instance.is_stalled_until > at {
                    let until = instance.is_stalled_until;
                    self.at(until, it, event);
                    continue;
                }
            }
            self.handle(it, life, event, seen);
            self.drain(it);
            self.count(seen, it);
            if self.is_calm && self.store.is_settled() && self.now > CHAOS_MS + 2 * LEASE_MS {
                return self.finish(seen);
            }
            assert!(at < END_MS, "it does not end: {:#?}", self.store);
        }
        panic!("nothing more happens, and not all is settled: {:#?}", self.store);
    }

    fn calm_down(&mut self) {
        self.is_calm = true;
        for it in 0..2 {
            self.instances[it].is_stalled_until = 0;
            for target in 0..self.targets {
                self.join(it, target, true);
            }
            let now = self.clock();
            if let Some(machine) = &mut self.instances[it].machine {
                machine.resume(now);
            }
            self.drain(it);
        }
    }

    fn handle(&mut self, it: usize, life: u64, event: Event, seen: &mut Seen) {
        let now = self.clock();
        match event {
            Event::Put => self.put(),
            Event::Chaos if !self.is_calm => self.fail(it, seen),
            Event::Chaos => {}
            Event::Poll => self.at(self.now + 500, it, Event::Poll),
            Event::Wake => {
                if let Some(machine) = &mut self.instances[it].machine {
                    machine.handle_timeout(now);
                }
            }
            Event::Renew => {
                self.renew(it, seen);
                self.soon(600, it, Event::Renew);
            }
            Event::LeaseEnds { owner } => {
                let freed = self.store.free(owner);
                for place in freed {
                    self.allow_again(place);
                }
                self.lost.push(owner);
            }
            Event::Restart => {
                if self.instances[it].machine.is_none() {
                    let next = self.instance(life + 1);
                    self.instances[it] = next;
                    self.begin(it);
                }
            }
            Event::ClaimReaches { owner, room } => {
                let is_lost = self.lost.contains(&owner);
                let tasks =
                    if is_lost { Vec::new() } else { self.store.claim(self.now, owner, room) };
                let wait = if tasks.is_empty() { 200 } else { 10 };
                let at = self.now + self.rng.below(wait);
                self.agenda
                    .insert((at, self.next_event), (it, life, Event::Claimed { owner, tasks }));
                self.next_event += 1;
            }
            Event::Claimed { owner, tasks } => self.claimed(it, owner, tasks),
            Event::SettleReaches(batch) => {
                let is_failing = !self.is_calm && self.rng.below(20) == 0;
                let is_stored = !is_failing || self.rng.below(2) == 0;
                let start = self.start.wall;
                let due = |verdict: &Verdict| match verdict {
                    Verdict::Later { due, .. } => {
                        due.duration_since(start).unwrap().as_nanos().div_ceil(1_000_000) as u64
                    }
                    _ => 0,
                };
                let answer: Option<Vec<_>> = is_stored
                    .then(|| batch.iter().map(|one| self.store.settle(due, one)).collect())
                    .filter(|_| !is_failing);
                let at = self.now + self.rng.below(20);
                let event = Event::Settled { batch, answer };
                self.agenda.insert((at, self.next_event), (it, life, event));
                self.next_event += 1;
            }
            Event::Settled { batch, answer } => self.settled(it, batch, answer),
            Event::Outcome(claim, outcome) => self.outcome(it, claim, outcome),
        }
    }

    fn put(&mut self) {
        let rng = &mut self.rng;
        let place = self.store.rows.len() as u64;
        let key = rng.below(5);
        let target = if key < 3 { key } else { rng.below(8) } as usize % self.targets;
        let id = match rng.below(6) {
            0 => Some(rng.below(place + 1)),
            1 => None,
            _ => Some(place),
        };
        let policy = Policy {
            confirm: [Confirm::Ack, Confirm::Ack, Confirm::Written, Confirm::None]
                [rng.below(4) as usize],
            on_unknown: [OnUnknown::Retry, OnUnknown::Retry, OnUnknown::Hold, OnUnknown::Dead]
                [rng.below(4) as usize],
            retry: Retry {
                max_attempts: 2 + rng.below(5) as u32,
                first: Duration::from_millis(50 << rng.below(6)),
                max: Duration::from_secs(8),
            },
            max_deliveries: if rng.below(8) == 0 { 2 } else { 99 },
            ..Policy::default()
        };
        let (now, mut maybe) = (self.now, |one_in, bound| {
            let value = rng.below(bound);
            (rng.below(one_in) == 0).then_some(self.now + value)
        });
        self.store.rows.push(Row {
            id: id.map(|id| format!("t{id}").into()),
            key: (key < 3).then(|| format!("k{key}").into()),
            target,
            policy: Arc::new(policy),
            deadline: maybe(8, 6_000),
            not_before: maybe(12, 3_000),
            state: State::Queued { due: now },
            attempts: 0,
            deliveries: 0,
        });
        self.fates.push(Fate { allowance: 1, ..Fate::default() });
    }

    fn fail(&mut self, it: usize, seen: &mut Seen) {
        let now = self.clock();
        let target = self.rng.below(self.targets as u64) as usize;
        let choice = self.rng.below(12);
        let pause = self.rng.below(2 * LEASE_MS);
        let limits = Limits { in_flight: 1 + self.rng.below(6) as usize, ..self.limits };
        let instance = &mut self.instances[it];
        let Some(machine) = &mut instance.machine else { return };
        match choice {
            0..4 => {
                let is_joined = instance.joined[target];
                self.join(it, target, !is_joined);
            }
            4..6 => {
                seen.crashes += 1;
                instance.machine = None;
                let (owner, life) = (instance.owner, instance.life);
                // Nothing more comes of this life.
                instance.life = life + 1;
                self.at(self.now + LEASE_MS, it, Event::LeaseEnds { owner });
                self.at(self.now + pause, it, Event::Restart);
            }
            6..8 => {
                instance.is_stalled_until = self.now + pause;
                let owner = instance.owner;
                if pause > LEASE_MS {
                    self.at(self.now + LEASE_MS, it, Event::LeaseEnds { owner });
                }
            }
            8 => instance.wants_stop = true,
            9 => {
                if !instance.is_claiming {
                    instance.wants_stop = true;
                    machine.abandon(now);
                }
            }
            10 => {
                machine.pause(now);
                assert_eq!(machine.room(), 0, "claims while it is paused");
                self.drain(it);
                if let Some(machine) = &mut self.instances[it].machine {
                    machine.resume(now);
                }
            }
            _ => machine.reload(now, limits),
        }
    }

    /// Who had it is gone, or lost it.
    fn allow_again(&mut self, place: usize) {
        // One that stalls may send what it has all the same.
        let is_held = self
            .instances
            .iter()
            .any(|it| it.machine.is_some() && it.tasks.values().any(|held| *held == place));
        let is_coming = self.agenda.values().any(|(it, life, event)| match event {
            Event::Claimed { tasks, .. } => {
                self.instances[*it].life == *life && tasks.iter().any(|(_, held)| *held == place)
            }
            _ => false,
        });
        let is_held = is_held || is_coming;
        let fate = &mut self.fates[place];
        fate.allowance = if is_held { fate.allowance + 1 } else { 1 };
    }

    fn renew(&mut self, it: usize, seen: &mut Seen) {
        let now = self.clock();
        let instance = &mut self.instances[it];
        if !self.lost.contains(&instance.owner) {
            return;
        }
        if let Some(machine) = &mut instance.machine {
            seen.fenced += 1;
            machine.fenced_all(now);
            instance.pending.clear();
            instance.offered.clear();
            self.next_owner += 1;
            instance.owner = self.next_owner;
        }
    }

    fn claimed(&mut self, it: usize, owner: usize, tasks: Vec<(Claim, usize)>) {
        let now = self.clock();
        let instance = &mut self.instances[it];
        instance.is_claiming = false;
        let Some(machine) = &mut instance.machine else { return };
        if instance.owner != owner {
            return;
        }
        for (claim, place) in tasks {
            let row = &self.store.rows[place];
            instance.tasks.insert(claim, place);
            if let Some(id) = row.id.as_ref().filter(|id| self.store.is_done(id)) {
                let (id, verdict) = (Some(Arc::clone(id)), Verdict::Duplicate);
                machine.decided(now, Settlement { claim, id, verdict });
                continue;
            }
            let wall = |ms| self.start.wall + Duration::from_millis(ms);
            machine.claimed(
                now,
                Job {
                    id: row.id.clone(),
                    key: row.key.clone(),
                    deadline: row.deadline.map(wall),
                    not_before: row.not_before.map(wall),
                    attempts: row.attempts,
                    deliveries: row.deliveries,
                    ..Job::new(claim, row.target, Arc::clone(&row.policy))
                },
            );
        }
    }

    fn settled(&mut self, it: usize, batch: Vec<Settlement>, answer: Option<Vec<Settled>>) {
        let now = self.clock();
        let instance = &mut self.instances[it];
        instance.is_settling = false;
        let Some(machine) = &mut instance.machine else { return };
        instance.offered.retain(|claim| batch.iter().all(|one| one.claim != *claim));
        let Some(answer) = answer else {
            return machine.settle_failed(now, batch.iter().map(|one| one.claim));
        };
        for (one, settled) in batch.into_iter().zip(answer) {
            let is_done = matches!(one.verdict, Verdict::Done { .. }) && settled == Settled::Stored;
            instance.done_ids.extend(one.id.filter(|_| is_done));
            machine.settled(now, one.claim, settled);
        }
    }

    fn outcome(&mut self, it: usize, claim: Claim, outcome: Outcome) {
        let now = self.clock();
        let chance = self.rng.below(1_001) as f64 / 1_000.0;
        let instance = &mut self.instances[it];
        let Some(machine) = &mut instance.machine else { return };
        if let Some(place) = instance.sent.remove(&claim) {
            let (fate, row) = (&mut self.fates[place], &self.store.rows[place]);
            let may_repeat = match &outcome {
                Outcome::Confirmed { .. } => {
                    fate.confirmed += 1;
                    false
                }
                Outcome::Refused { is_retryable, .. } => {
                    fate.refused_for_good += u32::from(!is_retryable);
                    *is_retryable
                }
                Outcome::Unwritten { .. } => true,
                Outcome::Unknown { .. } | Outcome::Lost { .. } => {
                    fate.unknown += 1;
                    row.policy.on_unknown == OnUnknown::Retry
                }
                Outcome::Invalid { .. } => {
                    fate.invalid += 1;
                    false
                }
            };
            fate.allowance += u32::from(may_repeat && row.policy.confirm != Confirm::None);
        }
        machine.outcome(now, claim, outcome, chance);
    }

    /// Does what the machine of an instance wants done.
    fn drain(&mut self, it: usize) {
        let now = self.clock();
        if self.instances[it].is_stalled_until > self.now {
            return;
        }
        loop {
            let instance = &mut self.instances[it];
            let Some(machine) = &mut instance.machine else { return };
            if instance.wants_stop && !instance.is_claiming {
                machine.stop(now);
            }
            match machine.poll_output(now) {
                None => break,
                Some(Output::Send { claim, target, attempt }) => {
                    self.send(it, claim, target, attempt);
                }
                Some(Output::Settle(settlement)) => {
                    assert!(instance.tasks.contains_key(&settlement.claim), "settled what is gone");
                    assert!(!instance.offered.contains(&settlement.claim), "offered twice");
                    instance.offered.push(settlement.claim);
                    instance.pending.push(settlement);
                }
                Some(Output::Forget { claim }) => {
                    assert!(instance.tasks.remove(&claim).is_some(), "forgotten twice: {claim:?}");
                    instance.sent.remove(&claim);
                    instance.lanes.retain(|_, last| *last != claim);
                }
            }
        }
        let instance = &mut self.instances[it];
        let (owner, is_claiming) = (instance.owner, instance.is_claiming);
        let Some(machine) = &instance.machine else { return };
        let room = machine.room();
        let deadline = machine.next_deadline();
        let has_drained = machine.is_drained();
        if !instance.is_settling && !instance.pending.is_empty() {
            instance.is_settling = true;
            let batch = std::mem::take(&mut instance.pending);
            self.soon(20, it, Event::SettleReaches(batch));
        }
        if has_drained && !is_claiming {
            return self.leave(it);
        }
        if room > 0 && !is_claiming && !self.instances[it].wants_stop {
            self.instances[it].is_claiming = true;
            self.soon(10, it, Event::ClaimReaches { owner, room });
        }
        if let Some(deadline) = deadline {
            let wait = deadline.saturating_duration_since(now.instant).as_nanos();
            let at = self.now + (wait.div_ceil(1_000_000) as u64).max(1);
            if self.instances[it].wakes_at != at {
                self.instances[it].wakes_at = at;
                self.at(at, it, Event::Wake);
            }
        }
    }

    /// The instance has drained, and gives back what it has still.
    fn leave(&mut self, it: usize) {
        let instance = &mut self.instances[it];
        instance.machine = None;
        let (owner, life) = (instance.owner, instance.life);
        instance.life = life + 1;
        for place in self.store.free(owner) {
            self.allow_again(place);
        }
        self.lost.push(owner);
        self.soon(500, it, Event::Restart);
    }

    fn send(&mut self, it: usize, claim: Claim, target: usize, attempt: u32) {
        let instance = &mut self.instances[it];
        let place = instance.tasks[&claim];
        let (row, fate) = (&self.store.rows[place], &mut self.fates[place]);
        let confirm = row.policy.confirm;
        assert!(instance.joined[target] && target == row.target, "sent to one that is away");
        assert!(!instance.offered.contains(&claim), "sent before its settlement is stored");
        assert!(attempt <= row.policy.retry.max_attempts, "attempt {attempt}");
        assert!(row.deadline.is_none_or(|at| at > self.now), "sent too late");
        assert!(row.not_before.is_none_or(|at| at <= self.now), "sent too early");
        let is_own = matches!(row.state, State::Claimed { claim: own, .. } if own == claim);
        assert!(!is_own || row.deliveries <= row.policy.max_deliveries, "sent poison");
        assert!(fate.allowance > 0, "task {place} is sent again, and there was no reason");
        assert!(confirm != Confirm::None || fate.sends == 0, "task {place} is doubled");
        assert!(confirm != Confirm::None || row.state == State::Done, "sent before it was removed");
        let copies = row.id.as_ref().filter(|id| instance.done_ids.contains(id));
        assert!(copies.is_none() || confirm == Confirm::None, "a copy of what is done");
        if let Some(key) = &row.key {
            let last = instance.lanes.insert(Arc::clone(key), claim);
            assert!(last.is_none_or(|last| last == claim), "two of lane {key} at once");
            // One whose lease ran out while it stalled may send what is no longer its own, once.
            let is_stale = !is_own && confirm != Confirm::None;
            if fate.sends == 0 && row.not_before.is_none() && !is_stale {
                let before = instance.first_sent.insert(Arc::clone(key), place);
                assert!(before < Some(place), "{place} of lane {key} after {before:?}");
                // What has left the store holds up no other instance.
                if confirm != Confirm::None {
                    let before = self.first_sent.insert(Arc::clone(key), place);
                    assert!(before < Some(place), "{place} of lane {key} after {before:?}");
                }
            }
        }
        if let Some(rate) = self.limits.rate {
            let passed = (self.now - instance.tokens_at) as f64 / 1_000.0;
            let filled = instance.tokens + passed * rate.per_second;
            instance.tokens = filled.min(f64::from(rate.burst)) - 1.0;
            instance.tokens_at = self.now;
            assert!(instance.tokens > -1e-3, "faster than {rate:?}");
        }
        assert!(instance.sent.insert(claim, place).is_none(), "in flight already");
        let in_flight = instance.machine.as_ref().map_or(0, |it| it.counts().in_flight);
        assert!(instance.sent.len() <= in_flight, "{in_flight} in flight are too few");
        fate.sends += 1;
        fate.allowance -= 1;

        let chance = if self.is_calm { 0 } else { self.rng.below(100) };
        let error = String::new();
        let (is_processed, wait, outcome) = match chance {
            0..68 => (true, 200, Outcome::Confirmed { result: None }),
            68..78 => (false, 30, Outcome::Unwritten { error }),
            78..82 => (true, 400, Outcome::Unknown { error }),
            82..85 => (true, 300, Outcome::Lost { error }),
            85..88 => (false, 400, Outcome::Unknown { error }),
            88..90 => (false, 300, Outcome::Lost { error }),
            90..97 => (false, 200, Outcome::Refused { error, is_retryable: true }),
            97..99 => (false, 200, Outcome::Refused { error, is_retryable: false }),
            _ => (false, 1, Outcome::Invalid { error }),
        };
        self.fates[place].processed += u32::from(is_processed);
        self.soon(wait, it, Event::Outcome(claim, outcome));
    }

    fn count(&self, seen: &mut Seen, it: usize) {
        let Some(machine) = &self.instances[it].machine else { return };
        let counts = machine.counts();
        seen.sent_off += u64::from(counts.parked > self.limits.max_claimed / 2);
        // One that stalls was not drained.
        if self.instances[it].is_stalled_until <= self.now {
            assert_eq!(counts.claimed, self.instances[it].tasks.len());
        }
    }

    /// All is settled: each task has become what it may become, and nothing is left of them.
    fn finish(mut self, seen: &mut Seen) {
        for (place, (row, fate)) in self.store.rows.iter().zip(&self.fates).enumerate() {
            let confirm = row.policy.confirm;
            let is_right = match &row.state {
                State::Queued { .. } | State::Claimed { .. } => false,
                State::Done => confirm == Confirm::None || fate.confirmed > 0,
                State::Duplicate => row.id.as_ref().is_some_and(|id| self.store.is_done(id)),
                State::Held => fate.unknown > 0 && row.policy.on_unknown == OnUnknown::Hold,
                State::Dead(Reason::Expired) => row.deadline.is_some(),
                State::Dead(Reason::Poison) => row.deliveries > row.policy.max_deliveries,
                State::Dead(Reason::Attempts) => row.attempts == row.policy.retry.max_attempts,
                State::Dead(Reason::Refused) => fate.refused_for_good > 0,
                State::Dead(Reason::Unknown) => {
                    fate.unknown > 0 && row.policy.on_unknown == OnUnknown::Dead
                }
                State::Dead(Reason::Invalid) => fate.invalid > 0,
            };
            assert!(is_right, "task {place}: {row:?} {fate:?}");
            assert!(row.attempts <= row.policy.retry.max_attempts);
            seen.sends += u64::from(fate.sends);
            seen.doubles += u64::from(fate.processed > 1);
            seen.expired += u64::from(row.state == State::Dead(Reason::Expired));
            seen.duplicates += u64::from(row.state == State::Duplicate);
        }
        // What is under way still comes; a machine that nothing is asked of holds nothing.
        self.now += 60_000;
        let now = self.clock();
        for instance in &mut self.instances {
            let Some(machine) = &mut instance.machine else { continue };
            let left = machine.counts();
            machine.fenced_all(now);
            while machine.poll_output(now).is_some() {}
            machine.handle_timeout(now);
            if left.claimed == 0 {
                assert!(machine.holds_nothing() && machine.next_deadline().is_none());
                seen.drained += 1;
            }
        }
    }
}
