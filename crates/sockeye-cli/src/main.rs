//! The `sockeye` command: one file for each subcommand, each of them parse, run, report.

mod command_line;
mod config;
mod exit;
mod failure;
mod log;
mod output;
mod serve;
mod units;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    command_line::{Command, CommandLine},
    exit::Exit,
    output::Output,
};

fn main() -> ExitCode {
    let mut output = Output::default();
    let exit = match CommandLine::try_parse() {
        Ok(CommandLine { command: Command::Serve(options) }) => serve::run(options, &mut output),
        Err(answer) => return output.clap(&answer).into(),
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
