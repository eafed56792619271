//! The `sockeye` command: one file for each subcommand, each of them parse, run, report.

mod bind;
mod command_line;
mod config;
mod date;
mod decode;
mod doctor;
mod emit;
mod exit;
mod failure;
mod generate;
mod listen;
mod log;
mod output;
mod pipe;
mod reach;
mod relay;
mod repl;
mod secrets;
mod serve;
mod signals;
mod task;
mod trace;
mod units;
mod values;
mod ws;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::{
    command_line::{Command, CommandLine},
    exit::Exit,
    output::Output,
};

/// Memory goes back to the system some seconds after a storm. glibc keeps what sixty readers who had stopped were owed,
/// 700 MiB, for ever; this one costs an idle session no more, nor time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut output = Output::default();
    let command = match CommandLine::try_parse() {
        Ok(CommandLine { command }) => command,
        Err(answer) => return output.clap(&answer).into(),
    };
    let exit = match command {
        Command::Serve(options) => serve::run(options, &mut output),
        Command::Emit(options) => emit::run(*options, &output),
        Command::Listen(options) => listen::run(*options, &output),
        Command::Pipe(options) => pipe::run(*options, &output),
        Command::Relay(options) => relay::run(*options, &mut output),
        Command::Repl(options) => repl::run(*options, &output),
        Command::Ws(options) => ws::run(*options, &output),
        Command::Doctor(options) => doctor::run(*options, &output),
        Command::Decode(options) => decode::run(&options, &output),
        Command::Completions(options) => {
            generate::completions(&options, CommandLine::command(), &output)
        }
        Command::Man(options) => generate::manual(&options, CommandLine::command(), &output),
    };
    exit.unwrap_or_else(|failure| {
        output.failure(&failure);
        failure.exit()
    })
    .into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
