//! The machine: what it is told, and what it wants done.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::queue::{Claim, Reason, Settled, Settlement, Verdict};

use super::{
    Counts, Job, Limits, Now, Outcome, Output,
    entry::{Entry, Settling, Stage, Then, Turn},
    hash::Numbered,
    line::Lines,
    rate::Bucket,
    ready::Targets,
    ruling::{self, MAX_DELAY_HERE, Ruling},
};

/// How long a task without a key is sent back for if its target is away, and others need its place.
const AWAY_DELAY: Duration = Duration::from_secs(5);
/// How long the store is left alone that could not be reached, the first time.
const FIRST_STORE_PAUSE: Duration = Duration::from_millis(100);
/// Doubled each time, up to this.
const MAX_STORE_PAUSE: Duration = Duration::from_secs(5);
/// Before any has come, tasks are taken to be of this part of all bytes that there may be.
const USUAL_PART: usize = 16;

/// Decides what becomes of each claimed task. See [the module](super).
#[derive(Debug)]
pub struct Delivery {
    limits: Limits,
    now: Now,
    mode: Mode,
    is_paused: bool,
    entries: HashMap<Turn, Entry, Numbered>,
    turns: HashMap<Claim, Turn, Numbered>,
    next_turn: u64,
    lanes: Lines,
    ids: Lines,
    targets: Targets,
    timers: BTreeSet<(Instant, Turn)>,
    /// What the store is to be told, in this order.
    unsettled: BTreeMap<u64, Turn>,
    next_order: u64,
    forgotten: VecDeque<Claim>,
    /// Sent, or about to be sent as soon as the store has let go of it.
    in_flight: usize,
    /// How many of those are yet to be sent: each has a token kept for it.
    reserved: usize,
    bucket: Option<Bucket>,
    /// Of all that is claimed.
    bytes: usize,
    /// About those of the largest of late: as large may be each that is claimed next.
    largest: usize,
    store_rests_until: Option<Instant>,
    store_failures: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Running,
    /// Sends no more than what has left the store already.
    Stopping,
    /// Waits for the store alone.
    Abandoned,
}

impl Delivery {
    /// A machine that holds nothing, for so many targets, none of them joined.
    #[must_use]
    pub fn new(now: Now, limits: Limits, targets: usize) -> Self {
        Self {
            bucket: limits.rate.map(|rate| Bucket::new(now.instant, rate)),
            bytes: 0,
            largest: limits.max_bytes / USUAL_PART,
            limits,
            now,
            mode: Mode::Running,
            is_paused: false,
            entries: HashMap::default(),
            turns: HashMap::default(),
            next_turn: 0,
            lanes: Lines::default(),
            ids: Lines::default(),
            targets: Targets::new(targets),
            timers: BTreeSet::new(),
            unsettled: BTreeMap::new(),
            next_order: 0,
            forgotten: VecDeque::new(),
            in_flight: 0,
            reserved: 0,
            store_rests_until: None,
            store_failures: 0,
        }
    }

    /// A task was claimed. To be told in the order of the claims.
    pub fn claimed(&mut self, now: Now, job: Job) {
        self.advance(now);
        let Some(turn) = self.admit(job.clone()) else { return };
        if let Some(verdict) = ruling::hopeless(&job, self.targets.count()) {
            return self.settle(turn, verdict, Then::Leave);
        }
        if let Some(due) = job.not_before.filter(|at| *at > now.wall) {
            let verdict = Verdict::Later { due, attempts: job.attempts };
            return self.settle(turn, verdict, Then::Leave);
        }
        let lane = job.key.as_ref().map(|key| self.lanes.enter(key, turn));
        let copies = job.id.as_ref().map(|id| self.ids.enter(id, turn));
        let behind = [lane, copies].into_iter().flatten().filter(|is_first| !is_first).count();
        if let Some(entry) = self.entries.get_mut(&turn) {
            entry.behind = u8::try_from(behind).unwrap_or(u8::MAX);
        }
        self.set_stage(turn, if behind == 0 { Stage::Ready } else { Stage::Blocked });
        if self.mode != Mode::Running {
            self.settle(turn, Verdict::Release, Then::Leave);
        } else if job.key.is_none()
            && self.parked_excess() > 0
            && !self.targets.is_joined(job.target)
        {
            self.send_off(turn);
        }
    }

    /// A task was claimed of which is decided already what becomes of it: it can't be read, or was done before.
    pub fn decided(&mut self, now: Now, settlement: Settlement) {
        self.advance(now);
        let Settlement { claim, id, verdict } = settlement;
        let job = Job {
            claim,
            id,
            key: None,
            target: 0,
            policy: Arc::default(),
            not_before: None,
            deadline: None,
            reply_to: None,
            attempts: 0,
            losses: 0,
            deliveries: 0,
            queued_at: None,
            bytes: 0,
        };
        if let Some(turn) = self.admit(job) {
            self.settle(turn, verdict, Then::Leave);
        }
    }

    /// A target may be used.
    pub fn joined(&mut self, now: Now, target: usize) {
        self.advance(now);
        self.targets.set_joined(target, true);
        self.send_off_excess();
    }

    /// A target can't be used any more. What was sent to it still has its outcome.
    pub fn parted(&mut self, now: Now, target: usize) {
        self.advance(now);
        self.targets.set_joined(target, false);
        self.send_off_excess();
    }

    /// What became of a task that was sent: once for each [`Output::Send`]. One that nobody waits for any more is ignored.
    ///
    /// `chance` is a random number from 0 to 1, for the delay of another attempt.
    pub fn outcome(&mut self, now: Now, claim: Claim, outcome: Outcome, chance: f64) {
        self.advance(now);
        let Some(turn) = self.turns.get(&claim).copied() else { return };
        let Some(entry) = self.entries.get_mut(&turn) else { return };
        if !matches!(entry.stage, Stage::Sent) {
            return;
        }
        match outcome {
            Outcome::Unwritten { .. } => self.targets.rest(now.instant, entry.job.target),
            _ => self.targets.took(entry.job.target),
        }
        if entry.is_removed {
            return self.drop_entry(turn, true);
        }
        let is_stopping = self.mode != Mode::Running;
        match ruling::rule(&mut entry.job, outcome, chance) {
            Ruling::Final(verdict) => self.settle(turn, verdict, Then::Leave),
            Ruling::Unsent if is_stopping => self.settle(turn, Verdict::Release, Then::Leave),
            Ruling::Unsent => self.set_stage(turn, Stage::Ready),
            Ruling::Again { delay, error } => {
                let due = now.wall + delay;
                let (job, attempts) = (&entry.job, entry.job.attempts);
                if entry.expires.is_some_and(|at| at <= due) {
                    let error = format!("no time is left for another attempt: {error}");
                    let verdict = ruling::dead(job, Reason::Expired, error);
                    self.settle(turn, verdict, Then::Leave);
                } else if job.key.is_none() && (is_stopping || delay > MAX_DELAY_HERE) {
                    self.settle(turn, Verdict::Later { due, attempts }, Then::Leave);
                } else {
                    let then = Then::Retry(now.instant + delay);
                    self.settle(turn, Verdict::Tried { attempts }, then);
                }
            }
        }
    }

    /// What the store said to a settlement: once for each [`Output::Settle`], or [`Self::settle_failed`].
    pub fn settled(&mut self, now: Now, claim: Claim, settled: Settled) {
        self.advance(now);
        let Some((turn, settling)) = self.settling(claim) else { return };
        let is_done = matches!(settling.verdict, Verdict::Done { .. } | Verdict::Duplicate);
        let then = settling.then;
        self.store_failures = 0;
        self.store_rests_until = None;
        match (settled, then) {
            (Settled::Fenced, _) => self.fenced(turn),
            (Settled::Stored, Then::Leave) => self.drop_entry(turn, is_done),
            (Settled::Stored, Then::Retry(_)) if self.mode != Mode::Running => {
                // What was behind it in its lane is released already, and the store puts this one before it.
                self.settle(turn, Verdict::Release, Then::Leave);
            }
            (Settled::Stored, Then::Retry(_))
                if self.entries.get(&turn).is_some_and(|it| it.is_copy) =>
            {
                self.settle(turn, Verdict::Duplicate, Then::Leave);
            }
            (Settled::Stored, Then::Retry(at)) => {
                let is_behind = self.entries.get(&turn).is_some_and(|it| it.behind > 0);
                let stage = match is_behind {
                    true => Stage::Blocked,
                    false if at <= now.instant => Stage::Ready,
                    false => Stage::Delayed(at),
                };
                self.set_stage(turn, stage);
            }
            (Settled::Stored, Then::Send) if self.mode == Mode::Abandoned => {
                self.drop_entry(turn, true);
            }
            (Settled::Stored, Then::Send) => {
                if let Some(entry) = self.entries.get_mut(&turn) {
                    entry.is_removed = true;
                }
                self.set_stage(turn, Stage::Ready);
            }
        }
    }

    /// The store could not be told of these: they are offered again, in their order, after a pause in which nothing is sent.
    pub fn settle_failed(&mut self, now: Now, claims: impl IntoIterator<Item = Claim>) {
        self.advance(now);
        let mut has_failed = false;
        for claim in claims {
            let Some((turn, settling)) = self.settling(claim) else { continue };
            settling.is_offered = false;
            let order = settling.order;
            self.unsettled.insert(order, turn);
            has_failed = true;
        }
        if has_failed {
            let doublings = self.store_failures.min(10);
            let pause = FIRST_STORE_PAUSE.saturating_mul(1 << doublings).min(MAX_STORE_PAUSE);
            self.store_rests_until = Some(now.instant + pause);
            self.store_failures += 1;
        }
    }

    /// The instance has lost its lease: all that was claimed is others' now, and forgotten. What has left the store already
    /// is still sent.
    pub fn fenced_all(&mut self, now: Now) {
        self.advance(now);
        let mut turns: Vec<_> =
            self.entries.iter().filter(|(_, it)| !it.is_removed).map(|(turn, _)| *turn).collect();
        // From the last one on, so that none of them gets its turn meanwhile.
        turns.sort_unstable_by(|a, b| b.cmp(a));
        for turn in turns {
            self.drop_entry(turn, false);
        }
        self.store_failures = 0;
        self.store_rests_until = None;
    }

    /// Nothing is claimed nor sent until [`Self::resume`]. What was sent is settled.
    pub fn pause(&mut self, now: Now) {
        self.advance(now);
        self.is_paused = true;
    }

    /// Goes on after [`Self::pause`].
    pub fn resume(&mut self, now: Now) {
        self.advance(now);
        self.is_paused = false;
    }

    /// Begins to drain: what was not sent is released in its order, what was sent is waited for, and nothing is claimed
    /// any more. What a claim that is under way brings is released, too.
    pub fn stop(&mut self, now: Now) {
        self.advance(now);
        if self.mode != Mode::Running {
            return;
        }
        self.mode = Mode::Stopping;
        let mut turns: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, it)| it.is_waiting() && !it.is_removed)
            .map(|(turn, _)| *turn)
            .collect();
        turns.sort_unstable();
        for turn in turns {
            self.settle(turn, Verdict::Release, Then::Leave);
        }
    }

    /// Waits for the store alone, no longer for the server: what was sent stays claimed, for the next start. What has left the
    /// store and was not sent is lost, as its confirmation `none` says.
    pub fn abandon(&mut self, now: Now) {
        self.stop(now);
        self.mode = Mode::Abandoned;
        let mut turns: Vec<_> =
            self.entries.iter().filter(|(_, it)| it.is_waiting()).map(|(turn, _)| *turn).collect();
        turns.sort_unstable();
        for turn in turns {
            self.drop_entry(turn, true);
        }
    }

    /// Other limits from now on. What is claimed or in flight beyond them is not taken back.
    pub fn reload(&mut self, now: Now, limits: Limits) {
        self.advance(now);
        self.bucket = limits.rate.map(|rate| match self.bucket.take() {
            Some(mut bucket) => {
                bucket.reload(now.instant, rate);
                bucket
            }
            None => Bucket::new(now.instant, rate),
        });
        self.limits = limits;
        self.send_off_excess();
    }

    /// Time has passed: to be called at [`Self::next_deadline`].
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
        while let Some(&(at, turn)) = self.timers.first() {
            if at > now.instant {
                break;
            }
            self.timers.pop_first();
            let Some(entry) = self.entries.get_mut(&turn) else { continue };
            entry.timer = None;
            match entry.stage {
                _ if entry.is_expired(now) => self.expire(turn),
                Stage::Delayed(due) if due <= now.instant => self.set_stage(turn, Stage::Ready),
                // The wall clock was set back.
                _ => self.arm(turn),
            }
        }
    }

    /// The next thing to do; `None` until something is told.
    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        self.advance(now);
        if let Some(claim) = self.forgotten.pop_front() {
            return Some(Output::Forget { claim });
        }
        if self.store_rests_until.is_some() {
            return None;
        }
        if let Some(send) = self.next_send() {
            return Some(send);
        }
        // One that had left the store, and whose time has passed.
        if let Some(claim) = self.forgotten.pop_front() {
            return Some(Output::Forget { claim });
        }
        let (_, turn) = self.unsettled.pop_first()?;
        let entry = self.entries.get_mut(&turn)?;
        let Stage::Settling(settling) = &mut entry.stage else { return None };
        settling.is_offered = true;
        Some(Output::Settle(Settlement {
            claim: entry.job.claim,
            id: entry.job.id.clone(),
            verdict: settling.verdict.clone(),
        }))
    }

    /// How many tasks may be claimed now. 0 unless a target is joined, a slot is free, and all goes its way; a claim that is under
    /// way is the caller's to count.
    #[must_use]
    pub fn room(&self) -> usize {
        let may_claim = self.mode == Mode::Running
            && !self.is_paused
            && self.store_rests_until.is_none()
            && self.targets.joined() > 0
            && self.in_flight < self.limits.in_flight;
        if !may_claim {
            return 0;
        }
        let aside = self.aside().min(self.entries.len());
        let usual = self.limits.max_claimed.saturating_sub(self.entries.len() - aside);
        usual.min(self.limits.max_parked.saturating_sub(aside)).min(self.room_by_size())
    }

    /// How many more would fit if each was as large as the largest of late: the store is not asked for sizes.
    fn room_by_size(&self) -> usize {
        match self.limits.max_bytes.saturating_sub(self.bytes) {
            0 if !self.entries.is_empty() => 0,
            left => (left / self.largest.max(1)).max(1),
        }
    }

    /// When [`Self::handle_timeout`] is to be called, if nothing is told before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let could_send = !self.is_paused && self.in_flight < self.limits.in_flight;
        let token_at = self
            .bucket
            .as_ref()
            .filter(|_| could_send && self.targets.first().is_some())
            .filter(|_| self.store_rests_until.is_none())
            .and_then(|bucket| bucket.next_at(self.reserved))
            .filter(|at| *at > self.now.instant);
        [
            self.timers.first().map(|&(at, _)| at),
            token_at,
            self.store_rests_until,
            self.targets.next_wake(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// After [`Self::stop`] or [`Self::abandon`]: whether nothing is waited for any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        match self.mode {
            Mode::Running => false,
            Mode::Stopping => self.entries.is_empty(),
            Mode::Abandoned => self.entries.len() == self.in_flight - self.reserved,
        }
    }

    /// Tasks of which the store has not been told yet what became of them, but for those that are given back untried.
    #[must_use]
    pub fn untold(&self) -> usize {
        let is_untold = |it: &&Entry| match &it.stage {
            Stage::Settling(settling) => !matches!(settling.verdict, Verdict::Release),
            _ => false,
        };
        self.entries.values().filter(is_untold).count()
    }

    /// Whether so many tasks can't be sent for a while that no more are claimed.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.aside() >= self.limits.max_parked
    }

    /// How much there is, for metrics. Looks at every task.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            in_flight: self.in_flight,
            waiting: self.entries.values().filter(|it| it.is_waiting()).count(),
            claimed: self.entries.len(),
            blocked_lanes: self.lanes.crowded(),
            parked: self.targets.parked(),
            held_up: self.lanes.held_up(),
            oldest: self.entries.values().filter_map(|it| it.job.queued_at).min(),
        }
    }

    fn advance(&mut self, now: Now) {
        self.now = now;
        self.targets.wake(now.instant);
        if self.store_rests_until.is_some_and(|until| until <= now.instant) {
            self.store_rests_until = None;
        }
    }

    fn admit(&mut self, job: Job) -> Option<Turn> {
        // A store that gives out the same claim twice means the same task.
        if self.turns.contains_key(&job.claim) {
            return None;
        }
        let turn = Turn(self.next_turn);
        self.next_turn += 1;
        self.bytes += job.bytes;
        self.largest = job.bytes.max(self.largest - self.largest / USUAL_PART);
        self.turns.insert(job.claim, turn);
        self.targets.count_waiting(job.target, true);
        self.entries.insert(turn, Entry::new(job));
        Some(turn)
    }

    fn next_send(&mut self) -> Option<Output> {
        loop {
            if self.is_paused || self.in_flight >= self.limits.in_flight {
                return None;
            }
            let now = self.now;
            if self.bucket.as_ref().is_some_and(|it| !it.has(now.instant, self.reserved)) {
                return None;
            }
            let turn = self.targets.first()?;
            let entry = self.entries.get(&turn)?;
            if entry.is_expired(now) {
                self.expire(turn);
            } else if ruling::leaves_first(&entry.job) && !entry.is_removed {
                let verdict = Verdict::Done { result: None, reply_to: entry.job.reply_to.clone() };
                self.settle(turn, verdict, Then::Send);
            } else {
                let (claim, target) = (entry.job.claim, entry.job.target);
                let attempt = entry.job.attempts.saturating_add(1);
                self.set_stage(turn, Stage::Sent);
                if let Some(bucket) = &mut self.bucket {
                    bucket.take(now.instant);
                }
                return Some(Output::Send { claim, target, attempt });
            }
        }
    }

    /// One that was offered to the store, and is not answered.
    fn settling(&mut self, claim: Claim) -> Option<(Turn, &mut Settling)> {
        let turn = self.turns.get(&claim).copied()?;
        match &mut self.entries.get_mut(&turn)?.stage {
            Stage::Settling(settling) if settling.is_offered => Some((turn, settling)),
            _ => None,
        }
    }

    fn settle(&mut self, turn: Turn, verdict: Verdict, then: Then) {
        let order = self.next_order;
        self.next_order += 1;
        let settling = Settling { verdict, order, is_offered: false, then };
        self.set_stage(turn, Stage::Settling(settling));
    }

    fn expire(&mut self, turn: Turn) {
        let Some(entry) = self.entries.get(&turn) else { return };
        if entry.is_removed {
            return self.drop_entry(turn, true);
        }
        let error = "its deadline, or the greatest age, passed before it could be sent".to_owned();
        let verdict = ruling::dead(&entry.job, Reason::Expired, error);
        self.settle(turn, verdict, Then::Leave);
    }

    /// Another instance has this one, and perhaps the rest of its lane: before the next one is sent, the store has to say that it
    /// is still ours. (To release it would let what a claim under way brings get before it.)
    fn fenced(&mut self, turn: Turn) {
        let key = self.entries.get(&turn).and_then(|entry| entry.job.key.as_ref());
        let next = key.and_then(|key| self.lanes.next(key, turn));
        let waiting = next.and_then(|next| self.entries.get(&next)).filter(|it| it.is_waiting());
        if let Some((next, attempts)) = next.zip(waiting.map(|it| it.job.attempts)) {
            self.settle(next, Verdict::Tried { attempts }, Then::Retry(self.now.instant));
        }
        self.drop_entry(turn, false);
    }

    /// How many tasks can't be sent for a while, beyond the places that they may take from others: their target is absent, or their
    /// lane waits for another attempt of its first.
    fn aside(&self) -> usize {
        (self.parked() + self.lanes.held_up()).saturating_sub(self.limits.max_claimed / 2)
    }

    /// How many unsent tasks of absent targets there are beyond the places that they may take from others.
    fn parked_excess(&self) -> usize {
        self.parked().saturating_sub(self.limits.max_claimed / 2)
    }

    /// How many unsent tasks of absent targets there are. Without a target that is joined there is nobody to make place for.
    fn parked(&self) -> usize {
        if self.targets.joined() == 0 { 0 } else { self.targets.parked() }
    }

    /// Sends tasks of absent targets back, the newest first, until they leave half of the places to others. Those of lanes stay:
    /// another instance, or this one after a restart, could send what is behind them first.
    fn send_off_excess(&mut self) {
        let excess = self.parked_excess();
        if excess == 0 || self.mode != Mode::Running {
            return;
        }
        let mut turns: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, it)| it.is_waiting() && !it.is_removed && it.job.key.is_none())
            .filter(|(_, it)| !self.targets.is_joined(it.job.target))
            .map(|(turn, _)| *turn)
            .collect();
        turns.sort_unstable();
        for turn in turns.split_off(turns.len().saturating_sub(excess)) {
            self.send_off(turn);
        }
    }

    fn send_off(&mut self, turn: Turn) {
        let Some(entry) = self.entries.get(&turn) else { return };
        let verdict =
            Verdict::Later { due: self.now.wall + AWAY_DELAY, attempts: entry.job.attempts };
        self.settle(turn, verdict, Then::Leave);
    }

    fn set_stage(&mut self, turn: Turn, stage: Stage) {
        self.count(turn, false);
        if let Some(entry) = self.entries.get_mut(&turn) {
            entry.stage = stage;
        }
        self.count(turn, true);
        self.arm(turn);
    }

    /// Counts a task in, or out of, whatever keeps those of its stage.
    fn count(&mut self, turn: Turn, is_in: bool) {
        let Some(entry) = self.entries.get(&turn) else { return };
        let target = entry.job.target;
        let step = |count: &mut usize| *count = if is_in { *count + 1 } else { *count - 1 };
        if entry.is_waiting() {
            self.targets.count_waiting(target, is_in);
        }
        match &entry.stage {
            Stage::Blocked => {}
            Stage::Delayed(_) => {
                if let Some(key) = &entry.job.key {
                    self.lanes.hold_up(key, is_in);
                }
            }
            Stage::Ready if is_in => self.targets.insert(target, turn),
            Stage::Ready => self.targets.remove(target, turn),
            Stage::Sent => step(&mut self.in_flight),
            Stage::Settling(settling) => {
                if is_in {
                    self.unsettled.insert(settling.order, turn);
                } else {
                    self.unsettled.remove(&settling.order);
                }
                if settling.then == Then::Send {
                    step(&mut self.in_flight);
                    step(&mut self.reserved);
                }
            }
        }
    }

    fn arm(&mut self, turn: Turn) {
        let Some(entry) = self.entries.get_mut(&turn) else { return };
        let next = entry.next_at(self.now);
        if next != entry.timer {
            let old = std::mem::replace(&mut entry.timer, next);
            old.map(|at| self.timers.remove(&(at, turn)));
            self.timers.extend(next.map(|at| (at, turn)));
        }
    }

    /// It is no longer here. `is_done`: its copies need not be sent.
    fn drop_entry(&mut self, turn: Turn, is_done: bool) {
        self.count(turn, false);
        let Some(entry) = self.entries.remove(&turn) else { return };
        entry.timer.map(|at| self.timers.remove(&(at, turn)));
        self.turns.remove(&entry.job.claim);
        self.bytes -= entry.job.bytes;
        self.forgotten.push_back(entry.job.claim);
        if let Some(id) = &entry.job.id {
            let next = self.ids.leave(id, turn);
            if is_done {
                for copy in self.ids.all(id) {
                    let Some(entry) = self.entries.get_mut(&copy) else { continue };
                    entry.is_copy = true;
                    if entry.is_waiting() {
                        self.settle(copy, Verdict::Duplicate, Then::Leave);
                    }
                }
            }
            if let Some(next) = next {
                self.step_up(next);
            }
        }
        if let Some(next) = entry.job.key.and_then(|key| self.lanes.leave(&key, turn)) {
            self.step_up(next);
        }
    }

    /// Nobody stands before this one any more, in one of its lines.
    fn step_up(&mut self, turn: Turn) {
        let Some(entry) = self.entries.get_mut(&turn) else { return };
        entry.behind = entry.behind.saturating_sub(1);
        if entry.behind == 0 && matches!(entry.stage, Stage::Blocked) {
            self.set_stage(turn, Stage::Ready);
        }
    }

    #[cfg(test)]
    pub(super) fn holds_nothing(&self) -> bool {
        self.entries.is_empty()
            && self.turns.is_empty()
            && self.lanes.is_empty()
            && self.ids.is_empty()
            && self.timers.is_empty()
            && self.unsettled.is_empty()
            && self.forgotten.is_empty()
            && self.targets.first().is_none()
            && self.targets.is_empty()
            && (self.in_flight, self.reserved, self.bytes) == (0, 0, 0)
    }
}
