//! `sockeye serve`: the chat server, from its configuration to its last connection.

mod bind;
mod connections;
mod open_files;
mod options;
mod pages;
mod stop;
mod tls;

use sockeye::server::Server;
use sockeye_chat::Chat;
use tokio::runtime::Runtime;

pub(crate) use self::{bind::BindError, options::Options, tls::TlsError};
use self::{
    connections::Connections,
    options::Config,
    stop::{Signal, Signals},
};
use crate::{exit::Exit, failure::Failure, log, output::Output, units::Time};

/// Serves until a signal says to stop.
pub(crate) fn run(options: Box<Options>, output: &mut Output) -> Result<Exit, Failure> {
    let (print, echo) = (options.print_config, options.echo);
    let (config, effective) = Config::new(*options)?;
    output.set_color(config.color);
    if print {
        output.data(&effective.to_string())?;
        return Ok(Exit::Done);
    }
    log::start(config.log.clone(), config.log_format, output.colored());
    if let Some(file) = effective.file() {
        tracing::info!(file = %file.display(), "configuration read");
    }
    open_files::raise();
    let runtime = Runtime::new().map_err(|source| Failure::Start { source })?;
    let exit = runtime.block_on(serve(&config, echo, output));
    // Whoever has not finished by now was given the time to.
    runtime.shutdown_background();
    exit
}

async fn serve(config: &Config, echo: bool, output: &Output) -> Result<Exit, Failure> {
    let tls = config.tls.as_ref().map(tls::Files::load).transpose()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let (server, router) = if echo {
        let server = sockeye_echo::with_namespaces(config.builder().engine_v3(true)).build()?;
        let router = sockeye_echo::router(&server);
        (server, router)
    } else {
        let chat = Chat::build(config.builder())?;
        (chat.server().clone(), chat.router())
    };
    let mut signals = Signals::new().map_err(|source| Failure::Start { source })?;
    let listener = config.listen.bind().await?;
    let address = listener.local_addr().map_err(|source| Failure::Start { source })?;
    let connections = Connections::new(router, tls, config.header_timeout);
    output.data(&format!("listening on {scheme}://{address}"))?;

    let signal = tokio::select! {
        signal = signals.next() => signal,
        never = connections.accept(listener) => match never {},
    };
    Ok(drain(&server, connections, config.drain, signal, &mut signals).await)
}

/// Lets clients go in peace, until they are gone, the time is over, or a second signal comes.
async fn drain(
    server: &Server,
    connections: Connections,
    limit: Time,
    signal: Signal,
    signals: &mut Signals,
) -> Exit {
    tracing::info!(
        sessions = server.sessions(),
        "{signal}: draining for at most {limit}; a second one cuts at once"
    );
    let drained = async {
        let (cut, ()) = tokio::join!(server.close(limit.get()), connections.close(limit.get()));
        cut
    };
    tokio::select! {
        cut = drained => match cut {
            0 => tracing::info!("drained"),
            cut => tracing::warn!(sessions = cut, "cut: they had not read all; give more time with --drain"),
        },
        second = signals.next() => {
            tracing::warn!(sessions = server.sessions(), "{second}: cut");
        }
    }
    signal.exit()
}
