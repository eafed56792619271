//! `sockeye relay` itself: from what was asked for to a relay at work.

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use futures_util::{FutureExt as _, future};
use sockeye_relay::{
    config::{Config, ConfigError, Learn},
    explain::explain,
    ingress::{Ingress, Receiver, Spool},
    inlet::{
        Reading,
        http::{self, Inlet, Probes, check_exposure},
        stdin::Bounds,
    },
    relay::{Relay, Status},
};
use tokio::{net::TcpListener, runtime, sync::watch};

use super::{
    backlog::Backlog,
    beat::Beat,
    failure::Wrong,
    inlets::lines,
    mapped::Mapped,
    options::Run,
    place::open,
    plan,
    states::{Change, Form, Teller},
    work::Work,
};
use crate::{
    bind::Listen,
    exit::Exit,
    failure::{Failure, NotStarted},
    log::{self, Filter, Format, Shows},
    output::{Output, Reader},
    secrets::Secrets,
    signals::Signals,
};

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
        check(&config, &options)?; // what can't be promised is told
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
    let log =
        log::start(filter, Format::Text, output.colored(), Shows::NoSecrets).map_err(NotStarted)?;
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

/// Tells all that can be wrong before anything is opened.
fn check(config: &Config, options: &Run) -> Result<(), Failure> {
    config.check()?;
    let prints_events = config.sink.iter().any(|sink| sink.to.reveal() == "-");
    if prints_events && (options.json || config.reads_stdin()) {
        return Err(Failure::usage(
            "standard output can't be a sink and say what else happens; leave --json and --from - out, or name a file: --sink file:FILE",
        ));
    }
    for (key, address) in [("listen", &config.listen), ("health", &config.health)] {
        if let Some(address) = address {
            address_of(key, address)?;
        }
    }
    let token = plan::token(config)?;
    if let Some(Ok(address)) = config.listen.as_deref().map(str::parse) {
        check_exposure(address, token.as_ref()).map_err(Wrong::Exposed)?;
    }
    Ok(())
}

/// Shows what would be emitted, as the relay would read it.
async fn dry_run(config: &Config, output: &Output) -> Result<Exit, Failure> {
    const PAGE: usize = 500;

    let settings = config.settings()?;
    let targets = config.target_names();
    let opened = open(config).await?;
    let (mut skip, mut invalid) = (0, 0);
    loop {
        let page = opened.queue.peek(skip, PAGE).await.map_err(|error| opened.failed(error))?;
        for (index, seen) in page.iter().enumerate() {
            match Mapped::of(seen, &settings, &targets) {
                Ok(mapped) => output.json(&mapped.json())?,
                Err(reason) => {
                    invalid += 1;
                    let number = skip + index + 1;
                    let id =
                        if seen.id.is_empty() { String::new() } else { format!(", {}", seen.id) };
                    output.talk(&format!("task {number}{id}: {reason}"));
                }
            }
        }
        if page.len() < PAGE {
            break;
        }
        skip += PAGE;
    }
    opened.tell_horizon(skip, output);
    if invalid == 0 {
        return Ok(Exit::Done);
    }
    output.talk(&format!("tasks that are none, and would lie among the dead: {invalid}"));
    Ok(Exit::Assertion)
}

async fn relay(options: Run, config: Config, form: Form, output: &Output) -> Result<Exit, Failure> {
    // All that can be wrong is told before anything is opened.
    check(&config, &options)?;
    let (settings, mapping, token) = (config.settings()?, config.mapping()?, plan::token(&config)?);
    let plans = config.sinks()?;
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
    let backlog = (form == Form::Live).then(|| Backlog::watch(Arc::clone(&opened.queue)));
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
        backlog,
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
    Ok(Some(address_of(key, address)?.bind().await?))
}

fn address_of(key: &str, address: &str) -> Result<Listen, ConfigError> {
    address.parse().map_err(|error| ConfigError::Value {
        key: key.to_owned(),
        reason: format!("{address:?}: {error}"),
    })
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
