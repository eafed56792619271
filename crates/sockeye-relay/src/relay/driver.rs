//! The one task that owns the machine: tells it what happens, and does what it says.

use std::{
    collections::{HashMap, HashSet},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, Stream},
};
use tokio::{
    sync::mpsc,
    time::{self, Interval, Sleep},
};

use super::{
    Ended, Settings, Status,
    alarms::Alarm,
    claimer::{Arrival, Claimer, Taken},
    control::{Order, Orders},
    keeping::{Keeping, Kept},
    settler::{Settler, Told},
};
use crate::{
    alarm::Alarms,
    crash::{self, Stage},
    delivery::{Confirm, Delivery, Job, Now, Outcome, Output, Policy},
    metrics::{Class, Metrics},
    queue::{Claim, Epitaph, Queue, QueueError, Reason, Settled, Settlement, Verdict},
    target::{Standing, Target},
    task::Task,
};

/// How long the store is waited for at the end, once the server is not waited for any more.
const STORE_GRACE: Duration = Duration::from_secs(2);
/// How often the status is told anew, if something has changed.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Driver {
    queue: Arc<dyn Queue>,
    targets: Vec<Arc<Target>>,
    settings: Settings,
    orders: Orders,
    machine: Delivery,
    /// What the machine knows by its claim alone.
    tasks: HashMap<Claim, Known>,
    sends: FuturesUnordered<BoxFuture<'static, (Claim, Outcome, Duration)>>,
    claimer: Claimer,
    settler: Settler,
    keeping: Keeping,
    standings: mpsc::UnboundedReceiver<(usize, Standing)>,
    timer: Pin<Box<Sleep>>,
    status_due: Interval,
    status: Status,
    metrics: Arc<Metrics>,
    began: Instant,
    /// Set once it drains: when what was sent is not waited for any longer.
    gives_up_at: Option<Pin<Box<Sleep>>>,
    /// Set once it does not wait for that: when the store is not waited for, either.
    leaves_at: Option<Pin<Box<Sleep>>>,
    /// What is being claimed was perhaps claimed by the instance that has lost its lease.
    is_claim_doubtful: bool,
    /// Ids that were done since the claim that is under way was begun: it has looked them up before.
    done_meanwhile: HashSet<Arc<str>>,
    alarms: Alarms<Alarm>,
    /// So many tasks can't be sent for a while that no more are claimed.
    is_crowded: bool,
    /// What the store said last to each that asks it, if it was no; told once, and once when it answers all of them again.
    refused: [Option<Arc<str>>; Asker::COUNT],
}

/// Who asks the store.
#[derive(Clone, Copy)]
enum Asker {
    Claimer,
    Settler,
    Keeper,
}

impl Asker {
    const COUNT: usize = 3;
}

/// A task as the driver knows it.
struct Known {
    task: Arc<Task>,
    policy: Arc<Policy>,
    queued_at: Option<SystemTime>,
    /// What became of its last attempt, until another is decided.
    failed: Option<Class>,
}

impl Driver {
    pub(super) fn new(
        queue: Arc<dyn Queue>,
        targets: Vec<Arc<Target>>,
        settings: Settings,
        orders: Orders,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (changes, standings) = mpsc::unbounded_channel();
        for (index, target) in targets.iter().enumerate() {
            follow(index, target, changes.clone());
        }
        let status = orders.status.borrow().clone();
        Self {
            machine: Delivery::new(now(), settings.limits, targets.len()),
            tasks: HashMap::new(),
            sends: FuturesUnordered::new(),
            claimer: Claimer::new(Arc::clone(&queue)),
            settler: Settler::new(Arc::clone(&queue)),
            keeping: Keeping::new(Arc::clone(&queue)),
            standings,
            timer: Box::pin(time::sleep(Duration::ZERO)),
            status_due: time::interval(STATUS_EVERY),
            status,
            began: Instant::now(),
            gives_up_at: None,
            leaves_at: None,
            is_claim_doubtful: false,
            done_meanwhile: HashSet::new(),
            alarms: Alarms::default(),
            is_crowded: false,
            refused: [const { None }; Asker::COUNT],
            metrics,
            queue,
            targets,
            settings,
            orders,
        }
    }

    pub(super) async fn run(mut self) -> Ended {
        poll_fn(|cx| self.poll(cx)).await;
        self.tell_status();
        // Dropped, what still waits to be written is taken back: once it is given back, others may send it.
        let unknown = self.sends.len();
        self.sends.clear();
        let untold = self.machine.untold();
        let closed = time::timeout(STORE_GRACE, self.queue.close()).await;
        let why_not = match &closed {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("the queue has not answered within {}s", STORE_GRACE.as_secs())),
        };
        if let Some(error) = why_not {
            tracing::warn!(
                target: "sockeye::relay", error,
                "what is claimed could not be given back; it can be claimed again when the lease has run out"
            );
        }
        for target in &self.targets {
            target.close().await;
        }
        Ended { counts: self.status.counts, unknown, untold, after: self.began.elapsed() }
    }

    /// Goes on until nothing more can be done at once; ready when it is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.carry_out();
            if self.machine.is_drained() && !self.claimer.is_claiming() {
                return Poll::Ready(());
            }
            if let Some(leaves) = &mut self.leaves_at
                && leaves.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(());
            }
            if self.advance(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Does what the machine says.
    fn carry_out(&mut self) {
        if self.keeping.has_run_out() {
            self.machine.pause(now());
        }
        while let Some(output) = self.machine.poll_output(now()) {
            match output {
                Output::Send { claim, target, .. } => self.send(claim, target),
                Output::Settle(settlement) => self.settler.push(settlement),
                Output::Forget { claim } => drop(self.tasks.remove(&claim)),
            }
        }
        self.settler.begin();
        self.claimer.begin(self.machine.room(), &self.settings.reader, self.settings.dedupes);
    }

    fn send(&mut self, claim: Claim, target: usize) {
        self.status.counts.emitted += 1;
        let known = self.tasks.get_mut(&claim).zip(self.targets.get(target));
        let Some((known, target)) = known else { return }; // never: both were there when it was claimed
        if let Some(class) = known.failed.take() {
            self.status.counts.retried[class as usize] += 1;
        }
        crash::point(Stage::Sending);
        let began = Instant::now();
        let sent = target.emit(&known.task, &known.policy);
        crash::point(Stage::Sent);
        self.sends.push(Box::pin(async move { (claim, sent.await, began.elapsed()) }));
    }

    /// Looks at all that may have happened; pending if nothing has.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut has_happened = false;
        while let Poll::Ready(Some((claim, outcome, took))) =
            Pin::new(&mut self.sends).poll_next(cx)
        {
            self.sent(claim, outcome, took);
            has_happened = true;
        }
        if let Poll::Ready(told) = self.settler.poll(cx) {
            self.told(told);
            has_happened = true;
        }
        if let Poll::Ready(taken) = self.claimer.poll(cx) {
            self.taken(taken);
            has_happened = true;
        }
        while let Poll::Ready(Some((index, standing))) = self.standings.poll_recv(cx) {
            self.stands(index, standing);
            has_happened = true;
        }
        while let Poll::Ready(Some(order)) = self.orders.orders.poll_recv(cx) {
            self.obey(order);
            has_happened = true;
        }
        if let Poll::Ready(kept) = self.keeping.poll(cx) {
            self.kept(kept);
            has_happened = true;
        }
        if let Some(end) = &mut self.gives_up_at
            && end.as_mut().poll(cx).is_ready()
        {
            self.abandon();
            has_happened = true;
        }
        has_happened |= self.poll_timer(cx);
        while self.status_due.poll_tick(cx).is_ready() {
            self.tell_status();
        }
        if has_happened { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.machine.next_deadline() else { return false };
        if self.timer.deadline().into_std() != deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.machine.handle_timeout(now());
        true
    }

    fn taken(&mut self, taken: Taken) {
        let (arrivals, error) = match taken {
            Taken::Ready => return,
            Taken::Tasks(arrivals) => (arrivals, None),
            Taken::Unsure(arrivals, error) => (arrivals, Some(error)),
            Taken::Failed(error) => (Vec::new(), Some(error)),
        };
        match &error {
            Some(error) => self.store_failed(Asker::Claimer, error),
            None => {
                self.store_answers(Asker::Claimer);
                self.tell_standby();
            }
        }
        let is_doubtful = std::mem::take(&mut self.is_claim_doubtful) || error.is_some();
        self.arrived(arrivals, is_doubtful);
        self.done_meanwhile.clear();
    }

    fn tell_standby(&mut self) {
        let stands_by = self.queue.stands_by();
        if std::mem::replace(&mut self.status.stands_by, stands_by) != stands_by {
            self.tell_status();
        }
    }

    /// Tells the machine of what was claimed; what is doubtful is given back.
    fn arrived(&mut self, arrivals: Vec<Arrival>, is_doubtful: bool) {
        for arrival in arrivals {
            crash::point(Stage::Claimed);
            let Arrival { claimed, task, is_finished } = arrival;
            self.status.counts.claimed += 1;
            let id = task.as_ref().ok().and_then(|(task, _)| task.id.clone());
            let decided = |verdict| Settlement { claim: claimed.claim, id: id.clone(), verdict };
            if is_doubtful {
                self.machine.decided(now(), decided(Verdict::Release));
                continue;
            }
            let is_finished =
                is_finished || id.as_ref().is_some_and(|id| self.done_meanwhile.contains(id));
            if is_finished {
                self.machine.decided(now(), decided(Verdict::Duplicate));
                continue;
            }
            let invalid = |error: String| {
                let attempts = claimed.attempts;
                decided(Verdict::Dead(Epitaph { reason: Reason::Invalid, error, attempts }))
            };
            let (task, policy) = match task {
                Ok(read) => read,
                Err(error) => {
                    let settlement = invalid(error);
                    self.machine.decided(now(), settlement);
                    continue;
                }
            };
            let target = match self.settings.routes.of(task.key.as_deref()) {
                Ok(target) => target,
                Err(error) => {
                    let settlement = invalid(error.to_string());
                    self.machine.decided(now(), settlement);
                    continue;
                }
            };
            let job = Job {
                id: task.id.clone(),
                key: task.key.clone(),
                not_before: task.not_before,
                deadline: task.deadline,
                reply_to: task.reply_to.clone(),
                attempts: claimed.attempts,
                deliveries: claimed.deliveries,
                queued_at: claimed.queued_at,
                bytes: claimed.body.len(),
                ..Job::new(claimed.claim, target, Arc::clone(&policy))
            };
            let known = Known { task, policy, queued_at: claimed.queued_at, failed: None };
            self.tasks.insert(claimed.claim, known);
            self.machine.claimed(now(), job);
        }
    }

    fn sent(&mut self, claim: Claim, outcome: Outcome, took: Duration) {
        if matches!(outcome, Outcome::Confirmed { .. }) {
            crash::point(Stage::Confirmed);
            self.metrics.ack_latency.observe(took.as_secs_f64());
            let queued_at = self.tasks.get(&claim).and_then(|known| known.queued_at);
            let age = queued_at.and_then(|at| SystemTime::now().duration_since(at).ok());
            if let Some(age) = age {
                self.metrics.end_to_end_latency.observe(age.as_secs_f64());
            }
        }
        if let Some(known) = self.tasks.get_mut(&claim) {
            known.failed = match &outcome {
                Outcome::Refused { .. } => Some(Class::Refused),
                Outcome::Unknown { .. } | Outcome::Lost { .. } => Some(Class::Unknown),
                Outcome::Unwritten { .. } => Some(Class::Unwritten),
                Outcome::Confirmed { .. } | Outcome::Invalid { .. } => None,
            };
        }
        let counts = &mut self.status.counts;
        let (error, alarm) = match &outcome {
            Outcome::Confirmed { .. } => {
                counts.confirmed += 1;
                (None, None)
            }
            Outcome::Refused { error, .. } => {
                counts.refused += 1;
                (Some(error), Some(Alarm::Refused))
            }
            // That the connection is lost is told by itself.
            Outcome::Unwritten { error } => {
                counts.unwritten += 1;
                (Some(error), None)
            }
            Outcome::Lost { error } => {
                counts.unknown += 1;
                (Some(error), None)
            }
            Outcome::Unknown { error } => {
                counts.unknown += 1;
                (Some(error), Some(Alarm::Unconfirmed))
            }
            Outcome::Invalid { error } => (Some(error), None),
        };
        if let Some(error) = error {
            self.status.last_error = Some(error.as_str().into());
            if let Some(alarm) = alarm {
                self.raise(alarm, &self.hinted(claim, error));
            }
        }
        self.machine.outcome(now(), claim, outcome, chance());
    }

    /// With what to do about it, if nothing was ever acknowledged.
    fn hinted(&self, claim: Claim, error: &str) -> String {
        let is_ack = |known: &Known| known.policy.confirm == Confirm::Ack;
        if self.status.counts.confirmed > 0 || !self.tasks.get(&claim).is_some_and(is_ack) {
            return error.to_owned();
        }
        format!(
            "{error}; nothing has been acknowledged so far: if this server never does, choose confirm = \"written\" or \"event\""
        )
    }

    fn raise(&mut self, alarm: Alarm, reason: &str) {
        if let Some(more) = self.alarms.raise(Instant::now(), alarm) {
            tracing::warn!(target: "sockeye::relay", "{}{more}", alarm.text(reason));
        }
    }

    fn told(&mut self, (batch, answer): Told) {
        match answer {
            Ok(answers) => {
                self.store_answers(Asker::Settler);
                crash::point(Stage::Settled);
                for (settlement, settled) in batch.into_iter().zip(answers) {
                    let (claim, verdict) = settlement;
                    match (settled, verdict) {
                        (Settled::Fenced, _) => self.status.counts.fenced += 1,
                        (Settled::Stored, verdict) => self.settled(claim, &verdict),
                    }
                    self.machine.settled(now(), claim, settled);
                }
            }
            Err(error) => {
                self.store_failed(Asker::Settler, &error);
                self.machine.settle_failed(now(), batch.into_iter().map(|(claim, _)| claim));
            }
        }
    }

    fn stands(&mut self, index: usize, standing: Standing) {
        if standing.is_in() {
            self.machine.joined(now(), index);
        } else {
            self.machine.parted(now(), index);
        }
        if let Some(target) = self.status.targets.get_mut(index) {
            target.standing = standing;
        }
        self.tell_status();
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop if self.status.is_stopping => {}
            Order::Stop => {
                self.gives_up_at = Some(Box::pin(time::sleep(self.settings.grace)));
                self.machine.stop(now());
                self.tell_stopping();
            }
            Order::Cut => {
                self.abandon();
                self.tell_stopping();
            }
            Order::Reload(settings) => {
                self.machine.reload(now(), settings.limits);
                self.settings = *settings;
            }
        }
    }

    fn tell_stopping(&mut self) {
        self.status.is_stopping = true;
        self.tell_status();
    }

    /// Waits for the server no longer, and for the store a moment.
    fn abandon(&mut self) {
        self.gives_up_at = None;
        self.leaves_at.get_or_insert_with(|| Box::pin(time::sleep(STORE_GRACE)));
        self.machine.abandon(now());
    }

    fn kept(&mut self, kept: Kept) {
        match kept {
            Kept::Renewed => {
                self.store_answers(Asker::Keeper);
                self.machine.resume(now());
            }
            Kept::Lost => {
                tracing::warn!(
                    target: "sockeye::relay",
                    "the lease of this instance had run out; others have taken over what it had claimed"
                );
                self.is_claim_doubtful = self.claimer.is_claiming();
                self.settler.clear();
                self.machine.fenced_all(now());
                self.machine.resume(now());
            }
            Kept::Doubtful => self.machine.pause(now()),
            Kept::Swept(stats) => {
                self.store_answers(Asker::Keeper);
                self.status.queue = Some(stats);
            }
            Kept::Failed(error) => self.store_failed(Asker::Keeper, &error),
        }
    }

    fn store_failed(&mut self, asker: Asker, error: &QueueError) {
        if self.refused.iter().all(Option::is_none) {
            tracing::warn!(target: "sockeye::relay", %error, "the queue does not answer as it should; trying again");
        }
        self.refused[asker as usize] = Some(error.to_string().into());
        self.status.store_error.clone_from(&self.refused[asker as usize]);
        self.status.last_error.clone_from(&self.status.store_error);
    }

    fn store_answers(&mut self, asker: Asker) {
        if self.refused[asker as usize].take().is_none() {
            return;
        }
        self.status.store_error = self.refused.iter().flatten().next().cloned();
        if self.status.store_error.is_none() {
            tracing::info!(target: "sockeye::relay", "the queue answers again");
        }
    }

    fn settled(&mut self, claim: Claim, verdict: &Verdict) {
        let counts = &mut self.status.counts;
        // What waits for its next attempt in the store is not seen when that is made.
        if let Verdict::Later { .. } = verdict
            && let Some(class) = self.tasks.get_mut(&claim).and_then(|known| known.failed.take())
        {
            counts.retried[class as usize] += 1;
        }
        if let Verdict::Done { .. } = verdict
            && self.claimer.is_claiming()
            && let Some(id) = self.tasks.get(&claim).and_then(|known| known.task.id.clone())
        {
            self.done_meanwhile.insert(id);
        }
        match verdict {
            Verdict::Dead(Epitaph { reason, error, .. }) => {
                counts.dead[*reason as usize] += 1;
                self.status.last_error = Some(error.as_str().into());
                self.raise(Alarm::Dead(*reason as usize), error);
            }
            Verdict::Held(epitaph) => {
                counts.held += 1;
                self.raise(Alarm::Held, &epitaph.error);
            }
            Verdict::Duplicate => counts.deduped += 1,
            _ => {}
        }
    }

    fn tell_status(&mut self) {
        let counts = self.machine.counts();
        let was_crowded = std::mem::replace(&mut self.is_crowded, self.machine.is_crowded());
        if self.is_crowded && !was_crowded {
            let aside = counts.parked + counts.held_up;
            let reason = format!("{aside} tasks wait for a connection, or behind one that failed");
            self.raise(Alarm::Crowded, &reason);
        }
        self.status.in_flight = counts.in_flight;
        self.status.waiting = counts.waiting;
        self.status.blocked_lanes = counts.blocked_lanes;
        for (told, target) in self.status.targets.iter_mut().zip(&self.targets) {
            told.partings = target.partings();
            told.late_replies = target.late_replies();
        }
        self.status.record(&self.metrics);
        self.orders.status.send_if_modified(|told| {
            let is_new = *told != self.status;
            if is_new {
                told.clone_from(&self.status);
            }
            is_new
        });
    }
}

/// Tells of each change of a target, for as long as somebody listens.
fn follow(index: usize, target: &Target, changes: mpsc::UnboundedSender<(usize, Standing)>) {
    let mut standing = target.standing();
    tokio::spawn(async move {
        loop {
            let stands = standing.borrow_and_update().clone();
            if changes.send((index, stands)).is_err() || standing.changed().await.is_err() {
                return;
            }
        }
    });
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: SystemTime::now() }
}

/// A random number from 0 to 1; half-way if the system has no randomness to give.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}
