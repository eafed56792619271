//! The options of `relay` and of what stands beside it.

use std::{path::PathBuf, time::SystemTime};

use clap::{Args, Subcommand};
use sockeye_relay::delivery::Confirm;

use crate::{
    bind::Listen,
    config::Expected,
    date::of_rfc_3339,
    log::Filter,
    reach::{Eio, Encoding, Field, Header, Road, Transports, namespace},
    units::{Bytes, Count, Time},
};

/// Emit the tasks of a queue, and keep each until the server has it
///
/// A task is {"event":"chat","args":["hi"]}, with "id", "key", "nsp", "not_before", "deadline", "confirm" or "attempts" if
/// they are wanted. It waits in the queue until the server has acknowledged it; one of an "id" that waits, or was done not
/// long ago, is known and not sent again. Tasks of one "key" are sent in their order.
///
/// Tasks come from the queue's other users (`sockeye relay put`), with --listen by HTTP, and with --from - as lines of
/// standard input. A line counts once its id is printed; at the end of input the relay drains and ends, unless --keep or
/// --listen is given.
///
/// Everything can be said in a file, and more: --config, else relay.toml if it is there; flags lie over it. docs/relay.md has its
/// keys. SIGHUP reads it anew.
///
/// SIGTERM and Ctrl-C drain: nothing more is claimed, and what was sent is waited for until --grace is over. A second one ends
/// at once; what has no answer then is sent again by the next start.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) run: Box<Run>,
}

/// What to do with a queue, whether a relay is at work on it or not.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Put(Box<Put>),
    Peek(Peek),
    Stats(Stats),
    /// Let no relay claim anything, until `resume`; it outlives them
    Pause(Place),
    /// Let relays claim again
    Resume(Place),
    /// Look at the dead and the held, and decide what becomes of them
    #[command(subcommand)]
    Dead(Dead),
    /// Look at what the server sent and the sinks did not take
    #[command(subcommand)]
    Spool(Spool),
}

/// What to do with a spool, whether a relay is at work on it or not.
#[derive(Debug, Subcommand)]
pub(super) enum Spool {
    /// Look at the records that a sink refused, and decide what becomes of them
    #[command(subcommand)]
    Dead(SpoolDead),
}

/// Which spool, and for whom to print.
#[derive(Debug, Args)]
pub(super) struct SpoolPlace {
    /// The spool [default: that of the file, or relay-spool.db]
    #[arg(long, value_name = "FILE")]
    pub(super) spool: Option<PathBuf>,
    /// The file that names it [default: relay.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SOCKEYE_RELAY_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON, one object a line, even to a terminal
    #[arg(long)]
    pub(super) json: bool,
}

/// What to do with the records that a sink refused.
#[derive(Debug, Subcommand)]
pub(super) enum SpoolDead {
    Ls(SpoolList),
    Retry(SpoolRetry),
    Drop(SpoolDrop),
}

/// List the records that a sink refused, the oldest first
#[derive(Debug, Args)]
pub(super) struct SpoolList {
    #[command(flatten)]
    pub(super) place: SpoolPlace,
    /// How many
    #[arg(long, value_name = "N", default_value_t = Count::of(50))]
    pub(super) count: Count,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) skip: usize,
}

/// Have their sinks try some again, behind what waits, as new records
///
/// A relay that is at work takes them up within about a second, another when it is started.
#[derive(Debug, Args)]
pub(super) struct SpoolRetry {
    #[command(flatten)]
    pub(super) place: SpoolPlace,
    /// Which, by number
    #[arg(conflicts_with = "all", value_name = "NUMBER")]
    pub(super) numbers: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub(super) all: bool,
}

/// Drop some for good
#[derive(Debug, Args)]
pub(super) struct SpoolDrop {
    #[command(flatten)]
    pub(super) place: SpoolPlace,
    /// Which, by number
    #[arg(conflicts_with = "all", value_name = "NUMBER")]
    pub(super) numbers: Vec<u64>,
    /// All of them, if --yes is given, too
    #[arg(long, requires = "yes")]
    pub(super) all: bool,
    /// Do it
    #[arg(long)]
    pub(super) yes: bool,
}

/// Which queue, and for whom to print.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The queue: sqlite:FILE, redis://HOST?list=KEY or redis://HOST?stream=KEY [default: that of the file]
    #[arg(long, value_name = "URL", env = "SOCKEYE_FROM", hide_env_values = true)]
    pub(super) from: Option<String>,
    /// The file that names it [default: relay.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SOCKEYE_RELAY_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON, one object a line, even to a terminal
    #[arg(long)]
    pub(super) json: bool,
}

/// Put a task into the queue, or one for each line of standard input
///
/// The id of each is printed once it is in the queue. A line of standard input that is no task is told with its number, and
/// kept among the dead; then the exit code is 2.
#[derive(Debug, Args)]
pub(super) struct Put {
    #[command(flatten)]
    pub(super) place: Place,
    /// The event to emit; without it, tasks are read from standard input
    pub(super) event: Option<String>,
    /// Its arguments: JSON, else text; @FILE for JSON in a file, @bin:FILE for an attachment
    #[arg(requires = "event")]
    pub(super) args: Vec<String>,
    /// Known by this; one of the same id that waits, or was done not long ago, is not put again
    #[arg(long, requires = "event")]
    pub(super) id: Option<String>,
    /// Sent in order with all others of this key
    #[arg(long, requires = "event")]
    pub(super) key: Option<String>,
    /// The namespace, if not that of the connection
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace, requires = "event")]
    pub(super) nsp: Option<String>,
    /// Not sent before: a time such as 2026-12-01T08:00:00Z, or from now such as 5m
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "event")]
    pub(super) not_before: Option<SystemTime>,
    /// Not sent after; then it is dead
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "event")]
    pub(super) deadline: Option<SystemTime>,
    /// The longest line of standard input that is taken
    #[arg(long, value_name = "SIZE", default_value_t = Bytes::of(1 << 20))]
    pub(super) max_line: Bytes,
}

/// Show the tasks that wait, in the order in which they will be claimed
#[derive(Debug, Args)]
pub(super) struct Peek {
    #[command(flatten)]
    pub(super) place: Place,
    /// How many
    #[arg(long, value_name = "N", default_value_t = Count::of(20))]
    pub(super) count: Count,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) skip: usize,
}

/// Show how much there is in the queue
#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(flatten)]
    pub(super) place: Place,
}

/// What to do with the dead and the held.
#[derive(Debug, Subcommand)]
pub(super) enum Dead {
    Ls(List),
    Show(Show),
    Retry(Retry),
    Drop(Bury),
}

/// List the dead and the held, the oldest first
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) place: Place,
    /// How many
    #[arg(long, value_name = "N", default_value_t = Count::of(50))]
    pub(super) count: Count,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) skip: usize,
}

/// Show all that is known of some of them, the task as it was put, too
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    pub(super) place: Place,
    /// Which, by id
    #[arg(required = true, value_name = "ID")]
    pub(super) ids: Vec<String>,
}

/// Put some back at the end of the queue, with no attempt counted
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    pub(super) place: Place,
    /// Which, by id
    #[arg(conflicts_with = "all", value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// All of them
    #[arg(long)]
    pub(super) all: bool,
}

/// Drop some for good
#[derive(Debug, Args)]
pub(super) struct Bury {
    #[command(flatten)]
    pub(super) place: Place,
    /// Which, by id
    #[arg(conflicts_with = "all", value_name = "ID")]
    pub(super) ids: Vec<String>,
    /// All of them, if --yes is given, too
    #[arg(long, requires = "yes")]
    pub(super) all: bool,
    /// Do it
    #[arg(long)]
    pub(super) yes: bool,
}

/// How the relay runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Run {
    /// The file that says everything else [default: relay.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "SOCKEYE_RELAY_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Show what comes out of file, environment and flags, without secrets, and end
    #[arg(long)]
    pub(super) print_config: bool,
    /// Show what can be lost or doubled, and when, and end
    #[arg(long)]
    pub(super) explain: bool,
    /// Where tasks come from: a queue (sqlite:FILE, redis://HOST?list=KEY, redis://HOST?stream=KEY), or - for lines of
    /// standard input, which wait in --queue [default: sqlite:relay.db]
    #[arg(long, value_name = "URL", env = "SOCKEYE_FROM", hide_env_values = true)]
    pub(super) from: Option<String>,
    /// The queue in which tasks of standard input wait [default: sqlite:relay.db]
    #[arg(long, value_name = "URL", env = "SOCKEYE_QUEUE", hide_env_values = true)]
    pub(super) queue: Option<String>,
    /// The server: http://, https://, ws:// or wss://, then host[:port][/namespace][?query]. The path is the namespace
    #[arg(long, value_name = "URL", env = "SOCKEYE_TO", hide_env_values = true)]
    pub(super) to: Option<String>,
    /// Show what would be emitted, claim nothing, and end; the exit code is 10 if a task is none
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Go on at the end of standard input
    #[arg(long)]
    pub(super) keep: bool,

    /// When a task is done: none (before it is sent), written (to the socket), ack (the server has acknowledged it), event
    /// (another event has answered it, as the file says) [default: ack]
    #[arg(long, value_name = "WHEN", value_parser = confirm, help_heading = "Delivery")]
    pub(super) confirm: Option<Confirm>,
    /// How long to wait for an ack [default: 10s]
    #[arg(long, value_name = "TIME", help_heading = "Delivery")]
    pub(super) confirm_timeout: Option<Time>,
    /// How many tasks may be sent and have no answer yet [default: 64]
    #[arg(long, value_name = "N", env = "SOCKEYE_IN_FLIGHT", help_heading = "Delivery")]
    pub(super) in_flight: Option<Count>,
    /// How long what was sent is waited for at the end [default: 30s]
    #[arg(long, value_name = "TIME", env = "SOCKEYE_GRACE", help_heading = "Delivery")]
    pub(super) grace: Option<Time>,

    /// Take tasks by HTTP at this address, too: POST /tasks
    #[arg(long, value_name = "ADDRESS", env = "SOCKEYE_LISTEN", help_heading = "Inlet")]
    pub(super) listen: Option<Listen>,
    /// The token that has to be shown there, in this file; without it only addresses of this machine are listened on
    #[arg(long, value_name = "FILE", env = "SOCKEYE_TOKEN_FILE", help_heading = "Inlet")]
    pub(super) token_file: Option<PathBuf>,

    /// Where what the server sends goes: file:FILE, sqlite:FILE, redis://HOST?stream=KEY (or list=, channel=), http(s)://…, or
    /// - for standard output; may be repeated
    #[arg(long = "sink", value_name = "URL", help_heading = "Sinks")]
    pub(super) sinks: Vec<String>,
    /// Where it is kept until the sinks have it [default: relay-spool.db]
    #[arg(long, value_name = "FILE", help_heading = "Sinks")]
    pub(super) spool: Option<PathBuf>,

    #[command(flatten)]
    pub(super) reach: Reach,

    /// Print states as JSON, one object a line, and lines of standard input as {"line","id","state"}
    #[arg(long, help_heading = "Output")]
    pub(super) json: bool,
    /// Log lines to write to standard error, by level and target; with it a terminal shows them instead of the state
    #[arg(long, value_name = "FILTER", env = "SOCKEYE_LOG", help_heading = "Output")]
    pub(super) log: Option<Filter>,
}

/// How the server is reached.
#[derive(Clone, Debug, Args)]
pub(super) struct Reach {
    /// Namespace to join, instead of the one in --to
    #[arg(long, value_name = "NAMESPACE", value_parser = namespace, help_heading = "Connection")]
    pub(super) nsp: Option<String>,
    /// Where the server's Engine.IO listens [default: /socket.io/]
    #[arg(long, value_name = "PATH", help_heading = "Connection")]
    pub(super) path: Option<String>,
    /// Transport to use: auto, polling or websocket [default: auto]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub(super) transport: Option<Transports>,
    /// Version of Engine.IO to speak: auto, 3 or 4 [default: auto]
    #[arg(long, value_name = "VERSION", help_heading = "Connection")]
    pub(super) eio: Option<Eio>,
    /// Parser that the server uses: json or msgpack [default: json]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub(super) parser: Option<Encoding>,
    /// Header to send along with all requests; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", help_heading = "Connection")]
    pub(super) headers: Vec<Header>,
    /// Field to add to the query of all requests; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Connection")]
    pub(super) query: Vec<Field>,
    /// Auth payload: a JSON object, or @FILE with one
    #[arg(
        long,
        value_name = "JSON",
        env = "SOCKEYE_AUTH",
        hide_env_values = true,
        conflicts_with = "auth_command",
        help_heading = "Connection"
    )]
    pub(super) auth: Option<String>,
    /// Shell command that prints the auth payload; it runs again before each attempt to join
    #[arg(long, value_name = "COMMAND", help_heading = "Connection")]
    pub(super) auth_command: Option<String>,
    /// Shell command whose output is sent as `Authorization: Bearer …`; it runs again before each attempt to connect
    #[arg(long, value_name = "COMMAND", help_heading = "Connection")]
    pub(super) bearer_cmd: Option<String>,
    /// How long connecting may take [default: 20s]
    #[arg(long, value_name = "TIME", help_heading = "Connection")]
    pub(super) timeout: Option<Time>,
    #[command(flatten)]
    pub(super) road: Road,
}

impl Reach {
    /// Whether anything of it is given.
    pub(super) fn is_given(&self) -> bool {
        let Self { nsp, path, transport, eio, parser, headers, query, auth, .. } = self;
        let Self { auth_command, bearer_cmd, timeout, road, .. } = self;
        let Road { insecure, cacert, cert, key, pin, proxy } = road;
        let texts = [nsp, path, auth, auth_command, bearer_cmd, proxy];
        texts.into_iter().any(Option::is_some)
            || transport.is_some()
            || eio.is_some()
            || parser.is_some()
            || timeout.is_some()
            || !headers.is_empty()
            || !query.is_empty()
            || *insecure
            || !cacert.is_empty()
            || !pin.is_empty()
            || cert.is_some()
            || key.is_some()
    }
}

fn confirm(text: &str) -> Result<Confirm, Expected> {
    match text {
        "none" => Ok(Confirm::None),
        "written" => Ok(Confirm::Written),
        "ack" => Ok(Confirm::Ack),
        "event" => Ok(Confirm::Event),
        _ => Err(Expected("one of these words: none written ack event")),
    }
}

/// A point in time, or how far from now.
fn moment(text: &str) -> Result<SystemTime, Expected> {
    const EXPECTED: Expected =
        Expected(r#"a time such as "2026-12-01T08:00:00Z", or from now such as "5m""#);

    let from_now =
        || text.parse::<Time>().ok().and_then(|time| SystemTime::now().checked_add(time.get()));
    of_rfc_3339(text).or_else(from_now).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at =
            |text| moment(text).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(at("1970-01-01T00:00:09Z"), 9);
        let soon = moment("5m").unwrap().duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((290..=300).contains(&soon), "{soon}");
        assert!(moment("tomorrow").is_err());
    }
}
