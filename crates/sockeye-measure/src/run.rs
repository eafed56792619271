//! All rounds: each server in turn, each launch in a process and network of its own.

use std::io::{self, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::comparison::{Launch, Options, thousands};
use crate::measure::{Job, Reading};
use crate::namespace::Namespace;
use crate::plan::{self, Case, Kind, ServerName};
use crate::prepare::{self, PrepareError};
use crate::report::Report;

/// Why there is no report.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RunError {
    /// A server could not be built or installed.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The process may not have enough open files.
    #[error(
        "{sockets} connections need {needed} open files and the limit is {limit}; \
         raise it (ulimit -Hn) or use --quick"
    )]
    OpenFiles {
        /// Connections of the largest launch.
        sockets: usize,
        /// Open files that takes, in the server as in the load.
        needed: u64,
        /// The hard limit.
        limit: u64,
    },
    /// The system refused something else.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// What a measuring process prints.
#[derive(Debug, Deserialize, Serialize)]
pub enum Outcome {
    /// The figures of its launch.
    Readings(Vec<Reading>),
    /// Why there are none.
    Failed(String),
}

/// Open files a process has beside its connections: listener, epoll, pipes, libraries.
const OTHER_FILES: u64 = 100;

/// Longer than any launch takes; whatever hangs is ended then.
const PATIENCE: Duration = Duration::from_secs(180);

/// Prepares the servers and runs all rounds; `progress` gets a line about each launch.
///
/// # Errors
///
/// When a server cannot be prepared or the system has too little to offer. A launch that fails
/// is a line of the report instead.
pub fn run(
    options: &Options<ServerName, Kind>,
    mut progress: impl FnMut(&str),
) -> Result<Report, RunError> {
    let launches = plan::launches(options.only, options.quick);
    raise_open_files(launches.iter().map(Launch::open_files).max().unwrap_or(0))?;
    let mut servers = Vec::new();
    for &name in &options.who {
        progress(&format!("preparing {}", name.name()));
        servers.push((name, prepare::prepare(name)?));
    }
    let namespace = Namespace::probe();
    let mut report = Report::new(options.rounds, options.who.clone(), namespace.note());
    for round in 0..options.rounds {
        for launch in &launches {
            // Nobody is always first: machines drift within a round too.
            servers.rotate_left(usize::from(round > 0));
            for (name, command) in &servers {
                if *name == ServerName::Floor && launch.polls() {
                    continue; // it knows no HTTP
                }
                progress(&about(round, options.rounds, *name, launch));
                let job = Job { server: command.clone(), launch: launch.clone() };
                match measure_apart(&job, namespace)? {
                    Outcome::Readings(readings) => {
                        for reading in readings {
                            report.add(round, *name, launch.clients, reading);
                        }
                    }
                    Outcome::Failed(reason) => {
                        let note =
                            format!("{}: {reason}", about(round, options.rounds, *name, launch));
                        progress(&note);
                        report.failed(*name, note);
                    }
                }
            }
        }
    }
    Ok(report)
}

fn about(round: u32, rounds: u32, name: ServerName, launch: &Launch<Case>) -> String {
    let sockets = thousands(launch.clients as u64);
    format!("round {} of {rounds}, {}, {sockets} connections", round + 1, name.name())
}

/// Runs one launch in a process inside a fresh network namespace.
fn measure_apart(job: &Job, namespace: Namespace) -> Result<Outcome, RunError> {
    let system = |doing| move |source| RunError::System { doing, source };
    let bench = env::current_exe().map_err(system("find this program"))?;
    let json =
        serde_json::to_string(job).map_err(io::Error::from).map_err(system("describe a launch"))?;
    let mut command = namespace.command(&bench.to_string_lossy());
    command.args(["measure", &json]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut measuring = Measuring(command.spawn().map_err(system("start a measuring process"))?);

    let stdout = measuring.0.stdout.take();
    let (done, text) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        if let Some(mut stdout) = stdout {
            // What was read before an error is judged like a short answer.
            let _ = stdout.read_to_string(&mut text);
        }
        let _ = done.send(text); // the receiver may have lost patience
    });
    let Ok(text) = text.recv_timeout(PATIENCE) else {
        return Ok(Outcome::Failed(format!("not finished after {PATIENCE:?}")));
    };
    Ok(serde_json::from_str(&text)
        .unwrap_or_else(|_| Outcome::Failed("the measuring process ended early".to_owned())))
}

/// A measuring process, ended when dropped; its server is tethered to it.
struct Measuring(Child);

impl Drop for Measuring {
    fn drop(&mut self) {
        // It has usually ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets this process, and all it starts, have as many open files as the largest launch needs.
pub(crate) fn raise_open_files(sockets: usize) -> Result<(), RunError> {
    let needed = sockets as u64 + OTHER_FILES;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Some(limit) = maximum.filter(|&limit| limit < needed) {
        return Err(RunError::OpenFiles { sockets, needed, limit });
    }
    setrlimit(Resource::Nofile, Rlimit { current: maximum.or(Some(needed)), maximum })
        .map_err(|source| RunError::System { doing: "raise the open files", source: source.into() })
}
