//! The options of `repl`.

use clap::Args;

use crate::{
    reach::{Connection, Talk},
    units::Time,
};

/// Talk to a server line by line: type events, see what comes
///
/// A line is EVENT [ARG…], with arguments as `emit` takes them; EVENT? asks for an ack and shows it. JSON goes on over
/// several lines until its brackets are closed; a name or a text with spaces stands in quotes. Lines that begin with a slash
/// are commands, which /help lists. The Tab key completes events that were seen, namespaces, commands and files.
///
/// A lost connection is made again. Lines are kept in sockeye/history in the user's folder for data ($XDG_DATA_HOME, else
/// ~/.local/share), but none with `auth`, `password`, `secret` or `token` in it, and none that begins with a space.
///
/// If standard input or output is no terminal, there is no prompt: it reads the same lines, prints JSON, and ends when
/// standard input does, once all acks have come.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) connection: Connection,
    /// How long to go on listening once standard input has ended, if it is no terminal
    #[arg(long, value_name = "TIME")]
    pub(super) linger: Option<Time>,
    /// Print the states of the connection, too; on a terminal they are always shown
    #[arg(long, help_heading = "Output")]
    pub(super) states: bool,
    #[command(flatten)]
    pub(super) talk: Talk,
}
