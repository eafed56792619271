//! `sockeye relay` itself: from what was asked for to the last settlement.

use std::{
    io::{self, IsTerminal as _},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use futures_util::{
    FutureExt as _,
    future::{self, LocalBoxFuture},
};
use sockeye_relay::{
    config::{Config, ConfigError, Learn},
    explain::explain,
    ingress::{Ingress, IngressStats, Receiver, Spool},
    inlet::{
        Reading,
        http::{self, Inlet, Probes, check_exposure},
        stdin::{Bounds, Summary},
    },
    metrics,
    queue::{Queue, Stats},
    relay::{Control, Ended, Relay, Status},
    target,
};
use tokio::{
    net::TcpListener,
    runtime,
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    failure::Wrong,
    inlets::lines,
    notify::{Notice, notify, watchdog},
    options::Run,
    place::open,
    plan,
    seen::Shown,
    states::{Change, Form, Teller, changes},
    status::{self, Backlog, Snapshot},
    table::width_of_stderr,
};
use crate::{
    bind::Listen,
    exit::Exit,
    failure::{Failure, NotStarted},
    log::{self, Filter, Format},
    output::{Output, Reader},
    secrets::Secrets,
    signals::{Signals, Told},
};

/// How often the state is drawn anew.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// How often the store is asked how much there is.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How often the store is asked whether it is empty, once nothing more comes in.
const ASK_AT_END: Duration = Duration::from_millis(100);
/// A loop that has not gone round for so long is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// Relays until it is told to stop, or drained.
///
/// # Errors
///
/// [`Failure`].
pub(super) fn run(options: Run, output: &Output) -> Result<Exit, Failure> {
    let config = plan::config(&options)?;
    if options.print_config {
        output.data(&config.show())?;
        return Ok(Exit::Done);
    }
    if options.explain {
        config.settings()?; // what can't be promised is told
        output.data(explain(&config).trim_end())?;
        return Ok(Exit::Done);
    }
    let is_live = io::stderr().is_terminal() && options.log.is_none() && !options.json;
    let form = match (options.json, is_live) {
        (true, _) => Form::Json,
        (false, true) => Form::Live,
        (false, false) => Form::Log,
    };
    let quiet = || "off".parse().unwrap_or_else(|_| Filter::info());
    let filter =
        options.log.clone().unwrap_or_else(|| if is_live { quiet() } else { Filter::info() });
    let log = log::start(filter, Format::Text, output.colored()).map_err(NotStarted)?;
    // One thread: what the relay does for a task is less than waking another would cost.
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(NotStarted)?;
    let exit = runtime.block_on(async {
        match options.dry_run {
            true => dry_run(&config, output).await,
            false => relay(options, config, form, output).await,
        }
    });
    // A thread may still wait for a line of standard input.
    runtime.shutdown_background();
    log.settle();
    exit
}

/// Shows what would be emitted.
async fn dry_run(config: &Config, output: &Output) -> Result<Exit, Failure> {
    const PAGE: usize = 500;

    let opened = open(config).await?;
    let reader = config.settings()?.reader;
    let (mut skip, mut invalid) = (0, 0);
    loop {
        let page = opened.queue.peek(skip, PAGE).await.map_err(|error| opened.failed(error))?;
        for task in &page {
            match reader.read(&task.body) {
                Ok(_) => output.json(&Shown::new(task).json())?,
                Err(reason) => {
                    invalid += 1;
                    output.talk(&format!("{}: {reason}", task.id));
                }
            }
        }
        if page.len() < PAGE {
            break;
        }
        skip += PAGE;
    }
    if invalid == 0 {
        return Ok(Exit::Done);
    }
    output.talk(&format!("tasks that are none, and would lie among the dead: {invalid}"));
    Ok(Exit::Assertion)
}

async fn relay(options: Run, config: Config, form: Form, output: &Output) -> Result<Exit, Failure> {
    // All that can be wrong is told before anything is opened.
    let (settings, mapping, token) = (config.settings()?, config.mapping()?, plan::token(&config)?);
    let plans = config.sinks()?;
    let prints_events = config.sink.iter().any(|sink| sink.to.reveal() == "-");
    if prints_events && (options.json || config.reads_stdin()) {
        return Err(Failure::usage(
            "standard output can't be a sink and say what else happens; leave --json and --from - out, or name a file: --sink file:FILE",
        ));
    }
    let opened = open(&config).await?;
    let listener = listen("listen", config.listen.as_deref()).await?;
    let health = listen("health", config.health.as_deref()).await?;
    if let Some(listener) = &listener {
        let address = listener.local_addr().map_err(NotStarted)?;
        check_exposure(address, token.as_ref()).map_err(Wrong::Exposed)?;
    }
    let ingress = match plans.is_empty() {
        true => None,
        false => {
            let spool = Spool::open(&config.spool.path, config.spool_options()?)?;
            Some(Arc::new(Ingress::start(spool, plans).await?))
        }
    };
    let receiver = ingress.clone().map(|ingress| ingress as Arc<dyn Receiver>);
    let learn: Learn = Arc::new(|secret| Secrets::of_process().add(secret));
    let targets = config.targets(receiver.as_ref(), &learn)?;
    let relay = Relay::new(Arc::clone(&opened.queue), targets, settings)?;
    let teller = Teller::start(form, output.clone()).map_err(NotStarted)?;
    let signals = Signals::new().map_err(NotStarted)?;
    teller.tell(&Change::new("started"));

    let (stop, stopping) = watch::channel(false);
    let beat = Beat::default();
    let metrics = relay.metrics();
    let serving = (listener.is_some() || health.is_some()).then(|| {
        for address in [&listener, &health].into_iter().flatten().map(TcpListener::local_addr) {
            let Ok(address) = address else { continue };
            teller.tell(&Change::new("listening").address(format_args!("http://{address}")));
        }
        let status = relay.control().status();
        let is_alive = beat.clone();
        let probes = Probes::default()
            .alive(move || is_alive.is_recent())
            .unready(move || unready(&status.borrow()))
            .metrics(move || metrics.text());
        let queue = Arc::clone(&opened.queue);
        let reading = Reading::mapped(mapping.clone());
        let inlet = Inlet::new(queue, reading, token, http::Bounds::default(), probes);
        let stopped = [told_to_stop(stopping.clone()), told_to_stop(stopping.clone())];
        tokio::spawn(async move {
            let [no_tasks, no_probes] = stopped;
            let tasks = async {
                match listener {
                    Some(listener) => inlet.serve(listener, no_tasks).await,
                    None => Ok(()),
                }
            };
            let probes = async {
                match health {
                    Some(health) => inlet.serve_probes(health, no_probes).await,
                    None => Ok(()),
                }
            };
            future::try_join(tasks, probes).await.map(drop)
        })
    });
    let reader = if options.json { Reader::Program } else { Reader::Person };
    let reading = Reading::mapped(mapping.clone());
    let pumping = config.reads_stdin().then(|| {
        let stopped = told_to_stop(stopping.clone());
        lines(&opened, &reading, Bounds::default(), (reader, output), stopped).boxed_local()
    });
    let stats = Watch(ask(Arc::clone(&opened.queue)));
    let work = Work {
        queue: Arc::clone(&opened.queue),
        queue_name: opened.name.clone(),
        max_in_flight: config.delivery.in_flight,
        // The end of standard input is the end only if nothing else feeds the queue.
        ends_with_input: !options.keep && config.listen.is_none(),
        is_colored: output.colored(),
        teller,
        signals,
        stop,
        stats,
        beat,
        ingress,
        options,
        config,
    };
    work.run(relay, pumping, serving).await
}

/// Listens, if an address is named.
async fn listen(key: &str, address: Option<&str>) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let listen: Listen = address.parse().map_err(|error| ConfigError::Value {
        key: key.to_owned(),
        reason: format!("{address:?}: {error}"),
    })?;
    Ok(Some(listen.bind().await?))
}

/// Why tasks do not go through at present.
fn unready(status: &Status) -> Option<String> {
    if status.is_ready() {
        return None;
    }
    Some(match (&status.store_error, status.is_stopping) {
        (_, true) => "the relay drains".to_owned(),
        (Some(error), _) => error.to_string(),
        (None, _) => "no server is joined".to_owned(),
    })
}

async fn told_to_stop(mut stop: watch::Receiver<bool>) {
    // Whoever tells is gone: then it is over, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// When the loop went round last.
#[derive(Clone, Debug)]
struct Beat {
    began: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Default for Beat {
    fn default() -> Self {
        Self { began: Instant::now(), last_ms: Arc::default() }
    }
}

impl Beat {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn beat(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn is_recent(&self) -> bool {
        let last = self.last_ms.load(Ordering::Relaxed);
        u128::from(self.now_ms().saturating_sub(last)) < STUCK.as_millis()
    }
}

/// What the store says of how much there is, asked beside the relay.
struct Watch((watch::Receiver<Option<Stats>>, JoinHandle<()>));

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.1.abort();
    }
}

fn ask(queue: Arc<dyn Queue>) -> (watch::Receiver<Option<Stats>>, JoinHandle<()>) {
    let (told, stats) = watch::channel(None);
    let asking = tokio::spawn(async move {
        loop {
            // One that does not answer is told of by the relay.
            if let Ok(stats) = queue.stats().await {
                told.send_replace(Some(stats));
            }
            sleep(ASK_EVERY).await;
        }
    });
    (stats, asking)
}

/// Waits until nothing waits, is claimed, or will be due.
async fn drained(queue: Arc<dyn Queue>) {
    loop {
        if let Ok(stats) = queue.stats().await
            && stats.ready + stats.delayed + stats.claimed == 0
        {
            return;
        }
        sleep(ASK_AT_END).await;
    }
}

type Pumping<'p> = LocalBoxFuture<'p, Result<Summary, Failure>>;

struct Work {
    queue: Arc<dyn Queue>,
    queue_name: String,
    max_in_flight: usize,
    ends_with_input: bool,
    is_colored: bool,
    teller: Teller,
    signals: Signals,
    stop: watch::Sender<bool>,
    stats: Watch,
    beat: Beat,
    ingress: Option<Arc<Ingress>>,
    options: Run,
    config: Config,
}

impl Work {
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

    async fn run(
        mut self,
        relay: Relay,
        mut pumping: Option<Pumping<'_>>,
        mut serving: Option<JoinHandle<io::Result<()>>>,
    ) -> Result<Exit, Failure> {
        let (control, metrics) = (relay.control(), relay.metrics());
        let mut status = control.status();
        let mut shown = status.borrow_and_update().clone();
        // In this task, not one of its own: the watchdog barks if it does not go round.
        let mut running = pin!(relay.run());
        let mut drained_at_end: Option<JoinHandle<()>> = None;
        let mut ticks = interval(watchdog().map_or(DRAW_EVERY, |every| every.min(DRAW_EVERY)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rate = Rate::default();
        let mut has_lost_sink = false;
        let (mut signal, mut lines, mut failed) = (None, Summary::default(), None);
        notify(Notice::Ready("relaying"));
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                told = self.signals.next() => match told {
                    Told::Stop(told) => {
                        if signal.is_some() {
                            tracing::warn!(target: "sockeye::relay", "{told}: what was sent is not waited for");
                        }
                        notify(Notice::Stopping("draining"));
                        self.stop.send_replace(true);
                        control.stop();
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
                            self.stop.send_replace(true);
                            control.stop();
                        }
                    }
                }
                _ = joined(&mut drained_at_end) => {
                    drained_at_end = None;
                    self.stop.send_replace(true);
                    control.stop();
                }
                served = joined(&mut serving) => {
                    serving = None;
                    if let Ok(Err(error)) = served {
                        failed = Some(NotStarted(error).into());
                        self.stop.send_replace(true);
                        control.stop();
                    }
                }
                sink = ended(self.ingress.as_deref()), if !has_lost_sink => {
                    has_lost_sink = true;
                    tracing::info!(target: "sockeye::relay", "nobody reads what the sink {sink:?} writes; draining");
                    self.stop.send_replace(true);
                    control.stop();
                }
                _ = ticks.tick() => {
                    self.beat.beat();
                    if let Some(ingress) = &self.ingress {
                        metrics.ingress(&totals(&ingress.stats()));
                    }
                    notify(Notice::Watchdog);
                    rate.count(Instant::now(), shown.counts.confirmed);
                    self.draw(&shown, rate.a_second());
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
        if let Some(ingress) = self.ingress.take() {
            self.bring_home(&ingress, signal.is_some()).await;
            metrics.ingress(&totals(&ingress.stats()));
        }
        self.draw(&status.borrow(), rate.a_second());
        self.told(&ended);
        self.teller.finish();
        match (failed, lines.invalid) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Ok(signal.map_or(Exit::Done, |signal| signal.exit())),
            (None, count) => Err(Wrong::Lines { count }.into()),
        }
    }

    /// Lets the sinks have what is spooled, until the grace is over, or somebody who has told us to stop says it again.
    async fn bring_home(&mut self, ingress: &Ingress, mut is_told: bool) {
        let mut closing = pin!(ingress.close(self.config.delivery.grace.0));
        let mut ticks = interval(watchdog().map_or(DRAW_EVERY, |every| every.min(DRAW_EVERY)));
        let is_home = loop {
            tokio::select! {
                is_home = &mut closing => break is_home,
                told = self.signals.next() => match told {
                    Told::Stop(_) if is_told => break false,
                    Told::Stop(_) => is_told = true,
                    Told::Reload => {}
                },
                _ = ticks.tick() => {
                    self.beat.beat();
                    notify(Notice::Watchdog);
                }
            }
        };
        if !is_home {
            tracing::warn!(
                target: "sockeye::relay",
                "not all of what the server has sent is in the sinks yet; it is kept in the spool for the next start"
            );
        }
    }

    fn draw(&self, status: &Status, rate: f64) {
        if self.teller.form != Form::Live {
            return;
        }
        let stats = self.stats.0.0.borrow();
        let snapshot = Snapshot {
            queue: self.queue_name.clone(),
            targets: status.targets.iter().map(target_line).collect(),
            backlog: stats.as_ref().map(|stats| Backlog {
                ready: stats.ready,
                delayed: stats.delayed,
                held: stats.held,
                dead: stats.dead,
                oldest: stats.oldest,
                is_paused: stats.is_paused,
            }),
            in_flight: status.in_flight,
            max_in_flight: self.max_in_flight,
            blocked_lanes: status.blocked_lanes,
            confirmed: status.counts.confirmed,
            rate,
            last_error: status.last_error.as_ref().map(ToString::to_string),
            is_stopping: status.is_stopping,
        };
        self.teller.draw(status::block(&snapshot, width_of_stderr(), self.is_colored));
    }

    fn told(&self, ended: &Ended) {
        let confirmed = ended.counts.confirmed;
        let change = match ended.unknown {
            0 => Change::new("drained").reason(format_args!("{confirmed} confirmed")),
            unknown => Change::new("cut").reason(format_args!(
                "{confirmed} confirmed; {unknown} sent without an answer, which the next start sends again"
            )),
        };
        self.teller.tell(&change);
    }
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

fn target_line(target: &sockeye_relay::relay::TargetStatus) -> status::Target {
    let standing = &target.standing;
    let because = match standing {
        target::Standing::Out { because, .. } => Some(because.to_string()),
        target::Standing::In { .. } => None,
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

async fn joined<T>(work: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// How fast something grows, over the last ticks.
#[derive(Debug, Default)]
struct Rate {
    counted: std::collections::VecDeque<(Instant, u64)>,
}

impl Rate {
    /// So many counts are looked at.
    const COUNTS: usize = 10;

    fn count(&mut self, now: Instant, count: u64) {
        self.counted.push_back((now, count));
        if self.counted.len() > Self::COUNTS {
            self.counted.pop_front();
        }
    }

    fn a_second(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.counted.front(), self.counted.back())
        else {
            return 0.0;
        };
        let seconds = to.duration_since(*from).as_secs_f64();
        // As many as can be counted in a second are exact.
        #[allow(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
        let grown = (after - before) as f64;
        if seconds > 0.0 { grown / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_late() {
        let begin = Instant::now();
        let mut rate = Rate::default();
        assert!(rate.a_second() < f64::EPSILON);
        for second in 0..30 {
            rate.count(
                begin + Duration::from_secs(second),
                if second < 20 { 0 } else { (second - 20) * 100 },
            );
        }
        assert!((rate.a_second() - 100.0).abs() < f64::EPSILON, "{}", rate.a_second());
    }
}
