//! The other way round: a hostile server, and our clients, who have what they had before when they leave it.
//!
//! Tasks and open files must be back at their first numbers, memory within `GROWTH_BYTES` of it and never above
//! `PEAK_BYTES`; every client ends when it is told to, and a witness at a good server has all its acks.

use std::env;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::{Failure, HEARTBEAT, PATIENCE, hostile};
use crate::clients::Program;
use crate::prepare;
use crate::process;
use crate::server::{Server, ServerCommand};

/// What memory may grow by after the warm-up: allocators keep some of what they once had.
const GROWTH_BYTES: u64 = 16 << 20;

/// What a dozen clients may take together, while the server does its worst.
const PEAK_BYTES: u64 = 256 << 20;

/// Runs for `time`, after a warm-up of a fifth of it; says what happened.
pub(super) fn soak(time: Duration, progress: &impl Fn(&str)) -> Result<String, Failure> {
    let good = Server::start(&prepare::interop_server()?, HEARTBEAT)?;
    let hostile = hostile::start()?;
    let program = env::current_exe()?;
    let args = vec!["victims".into(), "--good".into(), format!("http://{}", good.address())];
    let command = ServerCommand { program, args };
    let mut victims = Program::start(&command, &format!("http://{hostile}"))?;

    suffer(&mut victims, time / 5)?;
    let before = at_rest(&mut victims, None)?;
    progress(&format!("soak: clients: warm: {before:?}"));
    let stays = suffer(&mut victims, time)?;
    let after = at_rest(&mut victims, Some(before))?;
    let peak = process::peak_resident_bytes(victims.id())?;
    progress(&format!("soak: clients: after: {after:?}, at most {} KiB", peak / 1024));
    if (after.tasks, after.files) != (before.tasks, before.files) {
        return Err(format!(
            "{PATIENCE:?} after the last client there are {after:?}; expected {before:?}"
        )
        .into());
    }
    if after.bytes > before.bytes + GROWTH_BYTES {
        return Err(format!(
            "memory went from {before:?} to {after:?}; {GROWTH_BYTES} bytes more are allowed"
        )
        .into());
    }
    if peak > PEAK_BYTES {
        return Err(format!("memory was at {peak} bytes; {PEAK_BYTES} are allowed").into());
    }
    let acks: u64 = victims.ask("witness")?.parse()?;
    Ok(format!("{stays} stays of clients; their witness had {acks} acks"))
}

/// What the clients have, their program and the system say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Holdings {
    tasks: usize,
    files: usize,
    bytes: u64,
}

/// Lets the clients meet the server for `time`; says how often one came.
fn suffer(victims: &mut Program, time: Duration) -> Result<u64, Failure> {
    victims.ask("start")?;
    thread::sleep(time);
    match victims.ask("stop")?.parse()? {
        0 => Err("no client ever came and went".into()),
        stays => Ok(stays),
    }
}

/// Waits until tasks and files are as wanted, or rest; gives what there is in the end.
fn at_rest(victims: &mut Program, wanted: Option<Holdings>) -> Result<Holdings, Failure> {
    const STEP: Duration = Duration::from_millis(250);
    const CALM_STEPS: u32 = 8;
    let start = Instant::now();
    let (mut calm, mut last) = (0, holdings(victims)?);
    loop {
        let done = match wanted {
            None => calm >= CALM_STEPS,
            Some(before) => (last.tasks, last.files) == (before.tasks, before.files),
        };
        if done || start.elapsed() > PATIENCE {
            let bytes = process::settled_resident_bytes(victims.id())?;
            return Ok(Holdings { bytes, ..last });
        }
        thread::sleep(STEP);
        let now = holdings(victims)?;
        calm = if (now.tasks, now.files) == (last.tasks, last.files) { calm + 1 } else { 0 };
        last = now;
    }
}

fn holdings(victims: &mut Program) -> Result<Holdings, Failure> {
    let tasks = victims.ask("numbers")?.parse()?;
    let files = fs::read_dir(format!("/proc/{}/fd", victims.id()))?.count();
    Ok(Holdings { tasks, files, bytes: process::resident_bytes(victims.id())? })
}
