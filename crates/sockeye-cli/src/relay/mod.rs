//! `sockeye relay`: a queue in front of a server, and what is done with the queue while it runs.

mod age;
mod backlog;
mod beat;
mod dead;
mod drive;
mod failure;
mod inlets;
mod mapped;
mod notify;
mod options;
mod place;
mod plan;
mod put;
mod rate;
mod seen;
mod spool;
mod states;
mod status;
mod switch;
mod table;
mod work;

pub(crate) use self::options::Options;
use self::options::{Command, Dead, Spool};
use crate::{
    exit::Exit,
    failure::{Failure, NotStarted},
    log::{self, Filter, Format, Shows},
    output::Output,
    task,
};

/// Relays until it is told to stop, or does one thing with a queue.
///
/// # Errors
///
/// [`Failure`].
pub(crate) fn run(options: Options, output: &mut Output) -> Result<Exit, Failure> {
    let Some(command) = options.command else { return drive::run(*options.run, output) };
    // That it waits for a queue that is full, or away, for example.
    let log = log::start(Filter::warn(), Format::Text, output.colored(), Shows::NoSecrets)
        .map_err(NotStarted)?;
    let exit = task::run(async {
        match command {
            Command::Put(options) => put::run(*options, output).await,
            Command::Peek(options) => seen::peek(options, output).await,
            Command::Stats(options) => seen::stats(options, output).await,
            Command::Pause(place) => switch::run(place, true, output).await,
            Command::Resume(place) => switch::run(place, false, output).await,
            Command::Dead(Dead::Ls(options)) => dead::list(options, output).await,
            Command::Dead(Dead::Show(options)) => dead::show(options, output).await,
            Command::Dead(Dead::Retry(options)) => dead::retry(options, output).await,
            Command::Dead(Dead::Drop(options)) => dead::drop(options, output).await,
            Command::Spool(Spool::Dead(dead)) => spool::run(dead, output),
        }
    });
    log.settle();
    exit
}
