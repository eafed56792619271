//! The tree of subcommands.

use clap::{Parser, Subcommand};

use crate::{decode, doctor, emit, generate, listen, pipe, relay, repl, serve, ws};

/// Event-driven, two-way messaging: Socket.IO and WebSocket.
#[derive(Debug, Parser)]
#[command(
    name = "sockeye",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 our own fault, 2 usage or unreadable input, 3 network, 4 TLS, \
                  5 HTTP or Engine.IO handshake, 6 protocol version, 7 namespace refused, 8 no answer in time, \
                  9 connection lost, 10 not as expected, 130 interrupted."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<serve::Options>),
    Emit(Box<emit::Options>),
    Listen(Box<listen::Options>),
    Pipe(Box<pipe::Options>),
    Relay(Box<relay::Options>),
    Repl(Box<repl::Options>),
    Ws(Box<ws::Options>),
    Doctor(Box<doctor::Options>),
    Decode(Box<decode::Options>),
    Completions(generate::Completions),
    Man(generate::Manual),
}
