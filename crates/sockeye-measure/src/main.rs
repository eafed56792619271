//! The binary behind `cargo xtask bench` and `cargo xtask soak`.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rustix::process::{Signal, set_parent_process_death_signal};
use sockeye_measure::plan::{Kind, ServerName};
use sockeye_measure::run::Outcome;
use sockeye_measure::{Options, clients, floor, measure, relays, run, soak};

/// Measures Socket.IO servers side by side, and clients: memory of idle connections, CPU of acks and events.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs every server in turn and prints a table.
    Run(RunFlags),
    /// Runs every client in turn and prints a table.
    Clients(ClientFlags),
    /// Runs every relay in turn and prints a table.
    Relays(RelayFlags),
    /// Lets clients misbehave at our server, and a server at our clients, then looks whether ours have kept anything.
    Soak {
        /// How long.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Serves the floor: the system calls of the loads alone.
    Floor {
        /// Port to listen on, on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// Taken as the other servers take it; the floor has no heartbeat.
        #[arg(long)]
        ping_interval: Option<u64>,
        /// As above.
        #[arg(long)]
        ping_timeout: Option<u64>,
    },
    /// Our client, told what to do by lines.
    #[command(hide = true)]
    Client {
        /// The system calls alone.
        #[arg(long)]
        floor: bool,
        /// The server.
        url: String,
    },
    /// The clients that a hostile server gets to see, told what to do by lines.
    #[command(hide = true)]
    Victims {
        /// A server that does all right, for the witness.
        #[arg(long)]
        good: String,
        /// The hostile server.
        url: String,
    },
    /// The server of all clients.
    #[command(hide = true)]
    Serve {
        /// Port to listen on, on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// In milliseconds.
        #[arg(long)]
        ping_interval: u64,
        /// In milliseconds.
        #[arg(long)]
        ping_timeout: u64,
    },
    /// The server of all relays, told what to do by lines.
    #[command(hide = true)]
    ServeRelays,
    /// A relay without anything that a relay is for.
    #[command(hide = true)]
    BareRelay {
        /// Redis, with the list `tasks`.
        queue: String,
        /// The server, with its namespace.
        server: String,
    },
    /// One launch, inside the network namespace made for it.
    #[command(hide = true)]
    Measure {
        /// What to do, as JSON.
        job: String,
    },
    /// Becomes a command that is killed when its parent ends, however that ends.
    #[command(hide = true)]
    Tether {
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct RunFlags {
    /// How often every server has its turn. Default: 5, with --quick 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only the cases of one kind.
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Who takes part.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,sockeye,node,oxide")]
    servers: Vec<ServerName>,
    /// Small loads that show that everything works; their figures say little.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object per figure instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ClientFlags {
    /// How often every client has its turn. Default: 3, with --quick 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only the cases of one kind.
    #[arg(long, value_enum)]
    only: Option<clients::Kind>,
    /// Who takes part.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "floor,sockeye,rust,rust-async,node,python"
    )]
    clients: Vec<clients::ClientName>,
    /// Small loads that show that everything works; their figures say little.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object per figure instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RelayFlags {
    /// How often every relay has its turn. Default: 3, with --quick 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only the cases of one kind.
    #[arg(long, value_enum)]
    only: Option<relays::Kind>,
    /// Who takes part.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "bare,list,stream,sqlite,python,python-asyncio"
    )]
    relays: Vec<relays::Way>,
    /// Small loads that show that everything works; their figures say little.
    #[arg(long)]
    quick: bool,
    /// Print one JSON object per figure instead of the table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match start(Cli::parse().verb) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("sockeye-measure: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start(verb: Verb) -> Result<ExitCode, Box<dyn Error>> {
    match verb {
        Verb::Run(flags) => report(flags),
        Verb::Soak { minutes } => {
            let said = soak::soak(Duration::from_secs(60 * minutes), say)
                .map_err(|it| it as Box<dyn Error>)?;
            say(&format!("soak: {said}"));
            Ok(ExitCode::SUCCESS)
        }
        Verb::Floor { port, .. } => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            writeln!(io::stdout(), "floor listens on {}", listener.local_addr()?)?;
            floor::serve(listener)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Clients(flags) => compare(flags),
        Verb::Client { floor: true, url } => {
            clients::floor::run(&url)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Client { floor: false, url } => {
            clients::ours::run(&url)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Victims { good, url } => {
            soak::victims::run(&url, &good)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Serve { port, ping_interval, ping_timeout } => {
            let [interval, timeout] = [ping_interval, ping_timeout].map(Duration::from_millis);
            clients::server::serve(port, interval, timeout, || writeln!(io::stdout(), "ready"))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Relays(flags) => compare_relays(flags),
        Verb::ServeRelays => {
            relays::server::serve()?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::BareRelay { queue, server } => {
            relays::bare::run(&queue, &server)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Measure { job } => {
            die_with_parent()?;
            let outcome = match measure::measure(&serde_json::from_str(&job)?) {
                Ok(readings) => Outcome::Readings(readings),
                Err(error) => Outcome::Failed(error.to_string()),
            };
            writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Tether { command } => {
            die_with_parent()?;
            let (program, args) = command.split_first().ok_or("no command")?;
            // Returns only if it failed.
            Err(Command::new(program).args(args).exec().into())
        }
    }
}

fn report(flags: RunFlags) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options {
        rounds: flags.rounds.unwrap_or(if flags.quick { 1 } else { 5 }),
        who: flags.servers,
        only: flags.only,
        quick: flags.quick,
    };
    let report = run::run(&options, say)?;
    print(if flags.json { report.json_lines() } else { report.markdown() }, report.is_sound())
}

fn compare(flags: ClientFlags) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options {
        rounds: flags.rounds.unwrap_or(if flags.quick { 1 } else { 3 }),
        who: flags.clients,
        only: flags.only,
        quick: flags.quick,
    };
    let report = clients::run(&options, say)?;
    print(if flags.json { report.json_lines() } else { report.markdown() }, report.is_sound())
}

fn compare_relays(flags: RelayFlags) -> Result<ExitCode, Box<dyn Error>> {
    let options = Options {
        rounds: flags.rounds.unwrap_or(if flags.quick { 1 } else { 3 }),
        who: flags.relays,
        only: flags.only,
        quick: flags.quick,
    };
    let report = relays::run(&options, say)?;
    print(if flags.json { report.json_lines() } else { report.markdown() }, report.is_sound())
}

fn print(report: String, is_sound: bool) -> Result<ExitCode, Box<dyn Error>> {
    match io::stdout().write_all(report.as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Survives `exec`, so it also holds for what this process becomes.
fn die_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
}

fn say(line: &str) {
    // Nothing is lost with a line about progress.
    let _ = writeln!(io::stderr(), "{line}");
}
