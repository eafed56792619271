//! What is made of the command line itself: completions for shells, and manual pages.

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{
    exit::Exit,
    failure::{Failure, NotStarted},
    output::Output,
};

/// Print a script that completes these commands in a shell
///
/// For bash: sockeye completions bash > ~/.local/share/bash-completion/completions/sockeye
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    shell: Shell,
}

/// Print a manual page: sockeye man emit | man -l -
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// The command that it is about; without one it is about all of them
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

/// Prints the script; `all` is the whole tree of commands.
///
/// # Errors
///
/// [`Failure`]: standard output can't be written.
pub(crate) fn completions(
    options: &Completions,
    mut all: Command,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut all, "sockeye", &mut script);
    print(&script, output)
}

/// Prints the page; `all` is the whole tree of commands.
///
/// # Errors
///
/// [`Failure`]: there is no such command, or standard output can't be written.
pub(crate) fn manual(options: &Manual, mut all: Command, output: &Output) -> Result<Exit, Failure> {
    all.build();
    let found = options.command.as_deref().map(|name| all.find_subcommand(name).cloned());
    let page = found
        .unwrap_or(Some(all))
        .ok_or_else(|| Failure::usage("there is no such command; sockeye --help lists them"))?;
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(NotStarted)?;
    print(&text, output)
}

fn print(text: &[u8], output: &Output) -> Result<Exit, Failure> {
    output.data(String::from_utf8_lossy(text).trim_end())?;
    Ok(Exit::Done)
}
