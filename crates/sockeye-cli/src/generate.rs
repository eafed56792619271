//! What is made of the command line itself: completions for shells, and manual pages.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{command_line::CommandLine, exit::Exit, failure::Failure, output::Output};

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

/// Prints the script.
///
/// # Errors
///
/// [`Failure`]: standard output can't be written.
pub(crate) fn completions(options: &Completions, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut CommandLine::command(), "sockeye", &mut script);
    print(&script, output)
}

/// Prints the page.
///
/// # Errors
///
/// [`Failure`]: there is no such command, or standard output can't be written.
pub(crate) fn manual(options: &Manual, output: &Output) -> Result<Exit, Failure> {
    let mut all = CommandLine::command();
    all.build();
    let found = options.command.as_deref().map(|name| all.find_subcommand(name).cloned());
    let page = found
        .unwrap_or(Some(all))
        .ok_or(Failure::Usage("there is no such command; sockeye --help lists them"))?;
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|source| Failure::Stdout { source })?;
    print(&text, output)
}

fn print(text: &[u8], output: &Output) -> Result<Exit, Failure> {
    output.data(String::from_utf8_lossy(text).trim_end())?;
    Ok(Exit::Done)
}
