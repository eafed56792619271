//! One launch: a server, a client's program, and what each case costs that.

use std::io;
use std::time::Instant;

use thiserror::Error;

use super::plan::Case;
use super::program::{Program, ProgramError};
use crate::comparison::Launch;
use crate::process;
use crate::server::{Heartbeat, Server, ServerCommand, ServerError};

/// Why a case has no figure.
#[derive(Debug, Error)]
pub(crate) enum MeasureError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("cannot read the memory of the client: {0}")]
    Process(#[from] io::Error),
}

/// Clients that connect before memory is looked at, so that what a library makes once is not counted for each.
const FIRST: usize = 20;

/// Share of each case that is run before it is measured.
const WARM_UP: u64 = 10;

/// The figures of one launch, and why the rest is missing, if some is.
pub(crate) fn measure(
    server: &ServerCommand,
    client: &ServerCommand,
    launch: &Launch<Case>,
) -> (Vec<(Case, f64)>, Option<MeasureError>) {
    let mut figures = Vec::new();
    let failure = run(server, client, launch, &mut figures).err();
    (figures, failure)
}

fn run(
    command: &ServerCommand,
    client: &ServerCommand,
    launch: &Launch<Case>,
    figures: &mut Vec<(Case, f64)>,
) -> Result<(), MeasureError> {
    let mut server = Server::start(command, Heartbeat::NONE)?;
    let address = server.address();
    let mut program = Program::start(client, &format!("http://{address}"))?;
    let first = launch.clients.min(FIRST);
    program.ask(&format!("connect {first}"))?;
    program.ask("ack 64 1 1")?;
    let more = launch.clients - first;
    let mut before = 0;
    if more > 0 {
        program.ask("idle")?;
        before = process::settled_resident_bytes(program.id())?;
        program.ask(&format!("connect {more}"))?;
    }
    let mut storm = None;
    for &case in &launch.cases {
        let figure = match case {
            Case::Ack { bytes, in_flight, count } => {
                let line = |count| format!("ack {bytes} {in_flight} {count}");
                program.ask(&line(count / WARM_UP))?;
                us(cpu(&mut program, &line(count))?, count)
            }
            Case::Receive { bytes, count } => {
                let line = |count| format!("receive {bytes} {count}");
                program.ask(&line(count / WARM_UP))?;
                us(cpu(&mut program, &line(count))?, count)
            }
            Case::Idle { .. } => {
                program.ask("idle")?;
                let after = process::settled_resident_bytes(program.id())?;
                after.saturating_sub(before) as f64 / more as f64
            }
            Case::StormCpu { .. } | Case::StormTime { .. } => {
                let (ns, ms) = match storm {
                    Some(storm) => storm,
                    None => {
                        let begin = program.cpu_ns()?;
                        program.ask("lose")?;
                        let start = Instant::now();
                        drop(server);
                        server = Server::start_at(address, command, Heartbeat::NONE)?;
                        program.ask("rejoined")?;
                        let ms = start.elapsed().as_secs_f64() * 1_000.0;
                        *storm.insert((program.cpu_ns()? - begin, ms))
                    }
                };
                let is_cpu = matches!(case, Case::StormCpu { .. });
                if is_cpu { us(ns, launch.clients as u64) } else { ms }
            }
        };
        figures.push((case, figure));
    }
    Ok(())
}

/// The CPU that a line costs, in nanoseconds.
fn cpu(program: &mut Program, line: &str) -> Result<f64, ProgramError> {
    let before = program.cpu_ns()?;
    program.ask(line)?;
    Ok(program.cpu_ns()? - before)
}

/// Microseconds of each.
fn us(ns: f64, count: u64) -> f64 {
    ns / 1_000.0 / count as f64
}
