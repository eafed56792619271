//! `sockeye serve`: the chat server, from its configuration to its last connection.

mod open_files;
mod options;
mod pages;
mod progress;
mod proxies;
mod reload;
mod tls;
mod welcome;

use std::{io, pin::pin};

use sockeye::server::{self, BuildError};
use sockeye_chat::Chat;
use thiserror::Error;
use tokio::{runtime::Runtime, sync::oneshot};

pub(crate) use self::options::Options;
use self::{options::Config, reload::Reload, welcome::welcome};
use crate::{
    config::Effective,
    exit::Exit,
    failure::{Ends, Failure, NotStarted},
    log::{self, Log, Shows},
    output::Output,
    signals::{Signal, Signals, Told},
};

/// Serves until a signal says to stop.
pub(crate) fn run(options: Box<Options>, output: &mut Output) -> Result<Exit, Failure> {
    let (config, effective) = Config::new((*options).clone())?;
    output.set_color(config.color);
    if options.print_config {
        output.data(&effective.to_string())?;
        return Ok(Exit::Done);
    }
    let log = log::start(config.log.clone(), config.log_format, output.colored(), Shows::All)
        .map_err(NotStarted)?;
    if let Some(file) = effective.file() {
        tracing::info!(file = %file.display(), "configuration read");
    }
    open_files::raise();
    let runtime = Runtime::new().map_err(NotStarted)?;
    let exit = runtime.block_on(serve(*options, (config, effective), &log, output));
    // Whoever has not finished by now was given the time to.
    runtime.shutdown_background();
    log.settle();
    exit
}

async fn serve(
    options: Options,
    (config, effective): (Config, Effective),
    log: &Log,
    output: &Output,
) -> Result<Exit, Failure> {
    let tls = config.tls.as_ref().map(tls::Files::load).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (server, router) = if options.echo {
        let server = sockeye_echo::with_namespaces(config.builder().engine_v3(true))
            .build()
            .map_err(Unbuildable)?;
        let router = sockeye_echo::router(&server);
        (server, router)
    } else {
        let chat = Chat::build(config.builder()).map_err(Unbuildable)?;
        (chat.server().clone(), chat.router())
    };
    let mut signals = Signals::new().map_err(NotStarted)?;
    let listener = config.listen.bind().await?;
    let address = listener.local_addr().map_err(NotStarted)?;
    log.settle(); // what was said before the server listens is told before
    output.data(&format!("listening on {scheme}://{address}"))?;
    welcome(output, scheme, address, options.echo, config.log_format);

    let (stop, stopped) = oneshot::channel::<()>();
    let reload = Reload::new(options, effective, log.clone(), server.clone(), tls.clone());
    let serving = server::serve(listener, router)
        .limits(reload.limits(&config))
        .trusted_proxies(config.trusted_proxies.list())
        .drain(&server, config.drain.get())
        .until(async { drop(stopped.await) });
    let serving = match tls {
        Some(tls) => serving.tls(tls),
        None => serving,
    };
    let mut serving = pin!(serving.into_future());
    let signal = loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop(signal) => break signal,
                Told::Reload => reload.run(),
            },
            ended = &mut serving => return failed(ended),
        }
    };
    tracing::info!(
        sessions = server.sessions(),
        "{signal}: draining for at most {}; a second one cuts at once",
        config.drain
    );
    drop(stop);
    loop {
        tokio::select! {
            cut = &mut serving => return drained(cut, signal),
            told = signals.next() => if let Told::Stop(second) = told {
                tracing::warn!(sessions = server.sessions(), "{second}: cut");
                return Ok(signal.exit());
            },
        }
    }
}

/// It ended before it was told to.
fn failed(ended: io::Result<usize>) -> Result<Exit, Failure> {
    match ended {
        Ok(_) => Ok(Exit::Done),
        Err(source) => Err(NotStarted(source).into()),
    }
}

/// Clients went in peace, or their time was over.
fn drained(cut: io::Result<usize>, signal: Signal) -> Result<Exit, Failure> {
    match cut.map_err(NotStarted)? {
        0 => tracing::info!("drained"),
        cut => {
            tracing::warn!(
                sessions = cut,
                "cut: they had not read all; give more time with --drain"
            );
        }
    }
    Ok(signal.exit())
}

/// The settings do not make a server, although each was checked when it was read.
#[derive(Debug, Error)]
#[error("the server can't be built: {0}")]
struct Unbuildable(BuildError);

impl Ends for Unbuildable {
    fn exit(&self) -> Exit {
        Exit::Fault
    }
}
