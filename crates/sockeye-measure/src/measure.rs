//! One launch: a server, its connections, and what each case costs it.
//!
//! Runs in a process of its own, inside the network namespace made for it.

use std::io;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::comparison::Launch;
use crate::load::{AckLoad, BroadcastLoad, Fleet, LoadError, PollLoad, Tally};
use crate::order::Faults;
use crate::plan::Case;
use crate::process;
use crate::server::{Heartbeat, Server, ServerCommand, ServerError};

/// What a measuring process is told, as JSON in its only argument.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    pub(crate) server: ServerCommand,
    pub(crate) launch: Launch<Case>,
}

/// One figure, and what went wrong on the way to it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reading {
    /// What was measured.
    pub case: Case,
    /// Bytes, or microseconds of CPU.
    pub value: f64,
    /// Messages that arrived, warm-up included.
    pub arrived: u64,
    /// What went wrong with them.
    pub faults: Faults,
}

/// Why a launch gave no figures.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum MeasureError {
    /// The server did not come up.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The load ended early.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The server's use could not be read; has it ended?
    #[error("cannot read what the server used: {0}")]
    Process(io::Error),
}

/// Connections that come and go first, so that what a server makes once (pages of code, buffers
/// of threads) is not counted as the cost of a connection.
const FIRST_SOCKETS: usize = 8;

/// Share of each case that is run before it is measured: caches, and Node's compiler, get warm.
const WARM_UP: u64 = 10;

/// Runs the cases of one launch; stops after one that lost messages.
///
/// # Errors
///
/// When the server or the load fails; faults of single messages are in the readings.
pub fn measure(job: &Job) -> Result<Vec<Reading>, MeasureError> {
    let server = Server::start(&job.server, Heartbeat::NONE)?;
    let mut first = Fleet::connect(server.address(), FIRST_SOCKETS)?;
    AckLoad::new(&first, 64, 1).run(&mut first, 1)?;
    drop(first);
    let mut empty_bytes = 0;
    if job.launch.cases.contains(&Case::Idle) {
        empty_bytes =
            process::settled_resident_bytes(server.id()).map_err(MeasureError::Process)?;
    }

    // Clients that poll are opened with their load.
    let sockets = if job.launch.polls() { 0 } else { job.launch.clients };
    let mut fleet = Fleet::connect(server.address(), sockets)?;
    let once_each = AckLoad::new(&fleet, 64, 1).run(&mut fleet, 1)?;

    let mut readings = Vec::new();
    for &case in &job.launch.cases {
        let reading = match case {
            Case::Idle => {
                let bytes = process::settled_resident_bytes(server.id())
                    .map_err(MeasureError::Process)?
                    .saturating_sub(empty_bytes);
                let value = bytes as f64 / job.launch.clients as f64;
                Reading { case, value, arrived: once_each.arrived, faults: once_each.faults }
            }
            Case::Ack { bytes, in_flight, each } => {
                let mut load = AckLoad::new(&fleet, bytes, in_flight);
                measured(&server, case, each, |each| load.run(&mut fleet, each))?
            }
            Case::Broadcast { bytes, burst, bursts } => {
                let mut load = BroadcastLoad::new(&fleet, bytes, burst);
                measured(&server, case, bursts, |bursts| load.run(&mut fleet, bursts))?
            }
            Case::Poll { bytes, each } => {
                let mut load = PollLoad::connect(server.address(), job.launch.clients, bytes)?;
                measured(&server, case, each, |each| load.run(each))?
            }
        };
        readings.push(reading);
        if reading.faults.lost > 0 {
            break;
        }
    }
    Ok(readings)
}

/// Runs a load warm, then reads the server's CPU time around it.
fn measured(
    server: &Server,
    case: Case,
    amount: u64,
    mut run: impl FnMut(u64) -> Result<Tally, LoadError>,
) -> Result<Reading, MeasureError> {
    let warm_up = run(amount.div_ceil(WARM_UP))?;
    let before = process::cpu_ns(server.id()).map_err(MeasureError::Process)?;
    let tally = run(amount)?;
    let after = process::cpu_ns(server.id()).map_err(MeasureError::Process)?;
    let value = (after - before) as f64 / 1_000.0 / tally.arrived.max(1) as f64;
    let mut faults = warm_up.faults;
    faults += tally.faults;
    Ok(Reading { case, value, arrived: warm_up.arrived + tally.arrived, faults })
}
