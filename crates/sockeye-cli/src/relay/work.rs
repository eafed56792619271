//! The loop of a relay that runs: what it is told, what it shows, and how it ends.

use std::{
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::LocalBoxFuture;
use sockeye_relay::{
    config::Config,
    ingress::{Ingress, IngressStats},
    inlet::stdin::Summary,
    metrics::{self, Metrics},
    queue::Queue,
    relay::{Control, Ended, Relay, Status, TargetStatus},
    target::Standing,
};
use tokio::{
    sync::watch,
    task::{JoinError, JoinHandle},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    backlog::{Backlog, drained},
    beat::Beat,
    failure::Wrong,
    notify::{Notice, notify, watchdog},
    options::Run,
    plan,
    rate::Rate,
    states::{Change, Form, Teller, changes, sink_changes},
    status::{self, Snapshot},
    table::width_of_stderr,
};
use crate::{
    exit::Exit,
    failure::{Failure, NotStarted},
    signals::{Signal, Signals, Told},
};

/// How often the state is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(500);

/// Reads lines of standard input into the queue.
pub(super) type Pumping<'p> = LocalBoxFuture<'p, Result<Summary, Failure>>;
/// Answers over HTTP.
pub(super) type Serving = JoinHandle<io::Result<()>>;

/// A relay at work, with all that goes on beside it.
pub(super) struct Work {
    pub(super) queue: Arc<dyn Queue>,
    pub(super) queue_name: String,
    pub(super) max_in_flight: usize,
    /// It ends once all of standard input is done.
    pub(super) ends_with_input: bool,
    pub(super) is_colored: bool,
    pub(super) teller: Teller,
    pub(super) signals: Signals,
    /// Tells the inlets that nothing more is taken.
    pub(super) stop: watch::Sender<bool>,
    /// Watched if it is shown.
    pub(super) backlog: Option<Backlog>,
    pub(super) beat: Beat,
    pub(super) ingress: Option<Arc<Ingress>>,
    pub(super) options: Run,
    pub(super) config: Config,
}

impl Work {
    /// Relays until somebody says that it is enough, or nothing is left.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub(super) async fn run(
        mut self,
        relay: Relay,
        mut pumping: Option<Pumping<'_>>,
        mut serving: Option<Serving>,
    ) -> Result<Exit, Failure> {
        let (control, metrics) = (relay.control(), relay.metrics());
        let mut status = control.status();
        let mut shown = status.borrow_and_update().clone();
        // In this task, not one of its own: the watchdog barks if it does not go round.
        let mut running = pin!(relay.run());
        let mut drained_at_end: Option<JoinHandle<()>> = None;
        let (mut ticks, mut rate, mut received) =
            (ticks(), Rate::default(), IngressStats::default());
        let mut has_lost_sink = false;
        let (mut signal, mut is_cut) = (None, false);
        let (mut lines, mut failed) = (Summary::default(), None);
        notify(Notice::Ready("relaying"));
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                told = self.signals.next() => match told {
                    Told::Stop(told) => {
                        notify(Notice::Stopping("draining"));
                        self.drain(&control);
                        if signal.is_some() {
                            is_cut = true;
                            control.cut();
                            tracing::warn!(target: "sockeye::relay", "{told}: what was sent is not waited for");
                        }
                        signal.get_or_insert(told);
                    }
                    Told::Reload => {
                        self.reload(&control);
                        notify(Notice::Reloaded("relaying"));
                    }
                },
                Ok(()) = status.changed() => {
                    let now = status.borrow_and_update().clone();
                    for change in changes(&shown, &now) {
                        self.teller.tell(&change);
                    }
                    shown = now;
                }
                pumped = next(&mut pumping) => {
                    pumping = None;
                    match pumped {
                        Ok(summary) => {
                            lines = summary;
                            if self.ends_with_input && signal.is_none() {
                                drained_at_end = Some(tokio::spawn(drained(Arc::clone(&self.queue))));
                            }
                        }
                        Err(failure) => {
                            failed = Some(failure);
                            self.drain(&control);
                        }
                    }
                }
                _ = joined(&mut drained_at_end) => {
                    drained_at_end = None;
                    self.drain(&control);
                }
                served = joined(&mut serving) => {
                    serving = None;
                    if let Ok(Err(error)) = served {
                        failed = Some(NotStarted(error).into());
                        self.drain(&control);
                    }
                }
                sink = ended(self.ingress.as_deref()), if !has_lost_sink => {
                    has_lost_sink = true;
                    tracing::info!(target: "sockeye::relay", "nobody reads what the sink {sink:?} writes; draining");
                    self.drain(&control);
                }
                _ = ticks.tick() => {
                    self.live();
                    if let Some(ingress) = &self.ingress {
                        self.look_at(ingress.stats(), &metrics, &mut received);
                    }
                    rate.count(Instant::now(), shown.counts.confirmed);
                    self.draw(&shown, rate.a_second(), &received);
                }
            }
        };
        self.stop.send_replace(true);
        // What is on its way into the queue is driven to its end.
        if let Some(pumping) = pumping {
            lines = pumping.await?;
        }
        if let Some(serving) = serving {
            // It says why it could not serve while it does.
            let _ = serving.await;
        }
        let shown = status.borrow().clone();
        let grace = if is_cut { Duration::ZERO } else { self.config.delivery.grace.0 };
        self.bring_home(grace, signal, |work, now| {
            work.look_at(now, &metrics, &mut received);
            work.draw(&shown, rate.a_second(), &received);
        })
        .await;
        self.draw(&shown, rate.a_second(), &received);
        self.told(&ended);
        self.teller.finish();
        match (failed, lines.invalid) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Ok(signal.map_or(Exit::Done, |signal| signal.exit())),
            (None, count) => Err(Wrong::Lines { count }.into()),
        }
    }

    /// Takes nothing more, and ends once what is under way is done.
    fn drain(&self, control: &Control) {
        self.stop.send_replace(true);
        control.stop();
    }

    /// Reads the file anew, and goes on with what can change while the relay runs.
    fn reload(&mut self, control: &Control) {
        let kept = |why: &dyn std::fmt::Display| {
            tracing::error!(target: "sockeye::relay", "SIGHUP: {why}; the old settings stay");
        };
        let mut config = match plan::config(&self.options) {
            Ok(config) => config,
            Err(failure) => return kept(&failure),
        };
        if config.to.0.is_empty() {
            return kept(&"the file names no server; perhaps it is still being written");
        }
        if let Err(error) = config.check() {
            return kept(&error);
        }
        // With the rest it would be another relay: tasks of one server would go to another.
        let fixed = config.keep_fixed(&self.config);
        let settings = match config.settings() {
            Ok(settings) => settings,
            Err(error) => return kept(&error),
        };
        if !fixed.is_empty() {
            tracing::warn!(
                target: "sockeye::relay",
                "SIGHUP: these change at the next start alone: {}", fixed.join(", ")
            );
        }
        if let Err(error) = control.reload(settings) {
            return kept(&error);
        }
        self.max_in_flight = config.delivery.in_flight;
        self.config = config;
        tracing::info!(target: "sockeye::relay", "SIGHUP: the settings are read anew");
    }

    /// Says that the loop goes round.
    fn live(&self) {
        self.beat.beat();
        notify(Notice::Watchdog);
    }

    /// Tells what has become of the sinks since it was last looked at.
    fn look_at(&self, now: IngressStats, metrics: &Metrics, last: &mut IngressStats) {
        metrics.ingress(&totals(&now));
        for change in sink_changes(&last.sinks, &now.sinks) {
            self.teller.tell(&change);
        }
        *last = now;
    }

    /// Lets the sinks have what is spooled, until the grace is over, or somebody who has told us to stop says it again.
    async fn bring_home(
        &mut self,
        grace: Duration,
        mut signal: Option<Signal>,
        mut look: impl FnMut(&Self, IngressStats),
    ) {
        let Some(ingress) = self.ingress.clone() else { return };
        let mut closing = pin!(ingress.close(grace));
        let mut ticks = ticks();
        let is_home = loop {
            tokio::select! {
                is_home = &mut closing => break is_home,
                told = self.signals.next() => match told {
                    Told::Stop(_) if signal.is_some() => break false,
                    Told::Stop(told) => signal = Some(told),
                    Told::Reload => {}
                },
                _ = ticks.tick() => {
                    self.live();
                    look(self, ingress.stats());
                }
            }
        };
        look(self, ingress.stats());
        if !is_home {
            tracing::warn!(
                target: "sockeye::relay",
                "not all of what the server has sent is in the sinks yet; it is kept in the spool for the next start"
            );
        }
    }

    fn draw(&self, status: &Status, rate: f64, received: &IngressStats) {
        if self.teller.form != Form::Live {
            return;
        }
        let snapshot = Snapshot {
            queue: self.queue_name.clone(),
            targets: status.targets.iter().map(target_line).collect(),
            backlog: self.backlog.as_ref().and_then(Backlog::last),
            in_flight: status.in_flight,
            max_in_flight: self.max_in_flight,
            blocked_lanes: status.blocked_lanes,
            confirmed: status.counts.confirmed,
            rate,
            received: self.ingress.is_some().then(|| received.clone()),
            last_error: status.last_error.as_ref().map(ToString::to_string),
            is_stopping: status.is_stopping,
            stands_by: status.stands_by,
        };
        self.teller.draw(status::block(&snapshot, width_of_stderr(), self.is_colored));
    }

    fn told(&self, ended: &Ended) {
        let confirmed = ended.counts.confirmed;
        let mut reason = format!("{confirmed} confirmed");
        for (count, what) in [
            (ended.unknown, "sent without an answer"),
            (ended.untold, "whose end the queue could not be told"),
        ] {
            if count > 0 {
                reason += &format!("; {count} {what}, which the next start sends again");
            }
        }
        let is_drained = ended.unknown + ended.untold == 0;
        let change = Change::new(if is_drained { "drained" } else { "cut" }).reason(reason);
        self.teller.tell(&change);
    }
}

/// Often enough for eyes, and for a watchdog.
fn ticks() -> Interval {
    let mut ticks = interval(watchdog().map_or(DRAW_EVERY, |every| every.min(DRAW_EVERY)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The name of a sink that has ended; never, if there is none.
async fn ended(ingress: Option<&Ingress>) -> Arc<str> {
    match ingress {
        Some(ingress) => ingress.ended().await,
        None => std::future::pending().await,
    }
}

/// What an ingress has done, as metrics have it.
fn totals(stats: &IngressStats) -> metrics::Ingress {
    metrics::Ingress {
        received: stats.received,
        stored: stats.stored,
        dropped: stats.dropped_oldest + stats.dropped_newest + stats.dropped_aged + stats.failed,
        gaps: stats.gaps,
        spool_bytes: stats.spool_bytes,
    }
}

fn target_line(target: &TargetStatus) -> status::Target {
    let standing = &target.standing;
    let because = match standing {
        Standing::Out { because, .. } => Some(because.to_string()),
        Standing::In { .. } => None,
    };
    status::Target {
        name: target.name.to_string(),
        is_in: standing.is_in(),
        since: SystemTime::now().duration_since(standing.since()).unwrap_or_default(),
        times: standing.times(),
        because,
    }
}

/// The end of what there is; never, if there is nothing.
async fn next<T>(work: &mut Option<LocalBoxFuture<'_, T>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

async fn joined<T>(work: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}
