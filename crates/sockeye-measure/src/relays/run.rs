//! All rounds: each way in turn, each case with a queue, a server and a relay of its own.

use super::figures::Report;
use super::measure::measure;
use super::plan::{Kind, Sizes, Way};
use super::prepare::{command, prepare};
use crate::run::RunError;

/// What to run.
pub type Options = crate::comparison::Options<Way, Kind>;

/// Prepares the ways and runs all rounds; `progress` gets a line about each turn.
///
/// # Errors
///
/// When a way can't be prepared; what fails later is in the report.
pub fn run(options: &Options, mut progress: impl FnMut(&str)) -> Result<Report, RunError> {
    let sizes = Sizes::new(options.quick);
    let sockeye = command()?.program;
    let mut programs = Vec::new();
    for &way in &options.who {
        progress(&format!("preparing {}", way.title()));
        programs.push((way, prepare(way)?));
    }
    let kinds = [Kind::Drain, Kind::Store, Kind::Latency, Kind::Backlog];
    let kinds = kinds.into_iter().filter(|&kind| options.only.is_none_or(|only| only == kind));
    let mut report = Report::new(options.rounds, options.who.clone(), sizes);
    for round in 0..options.rounds {
        for kind in kinds.clone() {
            for (way, program) in programs.iter().filter(|(way, _)| way.can(kind)) {
                let about =
                    format!("round {} of {}, {}, {kind:?}", round + 1, options.rounds, way.title());
                progress(&about);
                match measure(*way, program, &sockeye, kind, sizes) {
                    Ok(figures) => {
                        for (case, value) in figures {
                            report.add(round, *way, case, value);
                        }
                    }
                    Err(error) => {
                        let note = format!("{about}: {error}");
                        progress(&note);
                        report.failed(*way, note);
                    }
                }
            }
        }
    }
    Ok(report)
}
