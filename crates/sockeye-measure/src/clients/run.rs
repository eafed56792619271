//! All rounds: each client in turn, each launch with a server and a program of its own.

use std::env;

use super::measure::measure;
use super::plan::{Client, Kind, launches};
use super::prepare::prepare;
use super::report::Report;
use crate::comparison::Options;
use crate::run::{RunError, raise_open_files};
use crate::server::ServerCommand;

/// Prepares the clients and runs all rounds; `progress` gets a line about each launch.
///
/// # Errors
///
/// When a client can't be prepared; what fails later is in the report.
pub fn run(
    options: &Options<Client, Kind>,
    mut progress: impl FnMut(&str),
) -> Result<Report, RunError> {
    let mut programs = Vec::new();
    for &client in &options.who {
        progress(&format!("preparing {}", client.title()));
        programs.push((client, prepare(client)?));
    }
    let this = env::current_exe()
        .map_err(|source| RunError::System { doing: "find this program", source })?;
    let server = ServerCommand { program: this, args: vec!["serve".into()] };
    let launches = launches(options.only, options.quick);
    let most = launches.iter().map(|launch| launch.clients).max().unwrap_or(0);
    raise_open_files(FILES_PER_CLIENT * most)?;

    let mut report = Report::new(options.rounds, options.who.clone());
    for round in 0..options.rounds {
        for launch in &launches {
            let Some(case) = launch.cases.first() else { continue };
            for (client, program) in programs.iter().filter(|(client, _)| client.can(case.kind())) {
                let about = format!(
                    "round {} of {}, {}, {case}",
                    round + 1,
                    options.rounds,
                    client.title()
                );
                progress(&about);
                let (figures, failure) = measure(&server, program, launch);
                for (case, value) in figures {
                    report.add(round, *client, case, value);
                }
                if let Some(failure) = failure {
                    let note = format!("{about}: {failure}");
                    progress(&note);
                    report.failed(*client, note);
                }
            }
        }
    }
    Ok(report)
}

/// Sockets and what comes with them, in the libraries that use most.
const FILES_PER_CLIENT: usize = 4;
