//! `sockeye doctor`: finds out why a client does not get to its server, and what to do.
//!
//! Findings go one way: [`checks`] look at the server over a [`link`], what they saw is [`found`], a [`judge`] decides,
//! a [`report`] tells it. Each room names only those below it; input and output never mix with judgement.
//!
//! ```text
//!  checks ─── looks at ──▶ link        judge   decides; no clock, no I/O
//!    └───────────┬──────────┘            │
//!              found   values            │
//!                └────────── target ─────┘
//!                              │
//!                            report   words: texts, verdicts, command lines
//! ```

mod checks;
mod found;
mod judge;
mod link;
mod report;
mod target;

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches};

use self::{
    checks::{Wishes, examine},
    judge::judge,
    report::{Language, Report, Verdict, page},
    target::Target,
};
use crate::{
    exit::Exit,
    failure::Failure,
    output::{Output, Reader},
    reach::{Connection, namespace},
    secrets::Secrets,
    task,
    units::Time,
};

/// Find out why a connection does not work, and what to do about it
///
/// Looks at each step on the way to the server, from the URL to the heartbeat, and says what is wrong in one sentence,
/// with one fix that can be pasted. The exit code is that of the verdict.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    server: Server,
    /// Namespace to try as well, to find the one that the server has; may be repeated
    #[arg(long = "try-nsp", value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    others: Vec<String>,
    /// Watch for so long how long connections last: one that is silent and one that talks, both made again when they are
    /// lost
    #[arg(long, value_name = "TIME")]
    watch: Option<Time>,
    /// Save the certificates that the server shows to this file (PEM), to compare them and to give them as --cacert
    #[arg(long, value_name = "FILE")]
    save_cert: Option<PathBuf>,
    /// Print the page of a verdict, and end: what it means, how it arises, how each kind of client shows it, and what to
    /// do; in Chinese if the language of the environment is
    #[arg(long, value_name = "VERDICT", exclusive = true)]
    explain: Option<Verdict>,
    /// Print JSON, one object a line, even to a terminal
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// The server to examine; none if there is an option that stands alone.
#[derive(Debug)]
struct Server(Option<Connection>);

// Derived, an optional group with another one in it is never there.
impl FromArgMatches for Server {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_given = matches.contains_id("url");
        is_given.then(|| Connection::from_arg_matches(matches)).transpose().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Server {
    fn augment_args(command: clap::Command) -> clap::Command {
        Connection::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Connection::augment_args_for_update(command)
    }
}

/// Examines, judges, reports.
///
/// # Errors
///
/// [`Failure`]: it can't begin, or nobody reads what it has to say. What is wrong with the server is no failure.
pub(crate) fn run(options: Options, output: &Output) -> Result<Exit, Failure> {
    let Options { server, others, watch, save_cert, explain, json } = options;
    if let Some(verdict) = explain {
        output.data(page(verdict, Language::of_environment()).trim_end())?;
        return Ok(Exit::Done);
    }
    let Some(connection) = server.0 else {
        return Err(Failure::usage("name the server: sockeye doctor URL"));
    };
    // People read the report in files, too; programs ask for JSON.
    let reader = if json { Reader::Program } else { Reader::Person };
    let secrets = Secrets::of_process();
    let language = Language::of_environment();
    let report = Report { output, reader, language, secrets };
    let wishes = Wishes { save_cert, watch: watch.map(|time| time.get()) };
    task::run(async {
        let target = Target::of(connection, others, secrets).await?;
        let found = examine(&target, &report, wishes).await?;
        let diagnosis = judge(&target, &found);
        report.diagnosis(&diagnosis, &target::given(&target).doctor())?;
        Ok(diagnosis.verdict.exit())
    })
}
