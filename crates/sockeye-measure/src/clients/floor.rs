//! The program of the floor: epoll, reads, writes and masked frames, and no client above them.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::frame;
use crate::load::{AckLoad, Fleet};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const PATIENCE: Duration = Duration::from_secs(30);

/// Does what the lines on standard input say, until there are no more.
///
/// # Errors
///
/// When standard input or output is gone, or `url` is none.
pub fn run(url: &str) -> io::Result<()> {
    let address = url.trim_start_matches("http://").parse();
    let address = address.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut fleet = None;
    for line in io::stdin().lock().lines() {
        let answer = match follow(&mut fleet, address, &line?) {
            Ok(answer) => answer,
            Err(error) => format!("error {error}"),
        };
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn follow(fleet: &mut Option<Fleet>, address: SocketAddr, line: &str) -> Outcome<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["connect", count] => *fleet = Some(Fleet::connect(address, count.parse()?)?),
        ["ack", bytes, in_flight, count] => {
            let fleet = fleet.as_mut().ok_or("not connected")?;
            let mut load = AckLoad::new(fleet, bytes.parse()?, in_flight.parse()?);
            let tally = load.run(fleet, count.parse()?)?;
            if !tally.faults.none() {
                return Err(tally.faults.to_string().into());
            }
        }
        ["receive", bytes, count] => {
            receive(fleet.as_mut().ok_or("not connected")?, bytes.parse()?, count.parse()?)?;
        }
        ["cpu"] => return Ok(cpu_ns().to_string()),
        _ => return Err("the floor can't do that".into()),
    }
    Ok("ok".to_owned())
}

fn receive(fleet: &mut Fleet, bytes: usize, count: u64) -> Outcome {
    let text = format!(r#"42["burst",{bytes},{count}]"#);
    let key = [9, 8, 7, 6];
    let mut out = Vec::new();
    frame::push_text_header(text.len(), Some(key), &mut out);
    let begin = out.len();
    out.extend(text.as_bytes());
    frame::apply_mask(&mut out[begin..], key);
    fleet.send(0, &out)?;
    let (mut came, start) = (0, Instant::now());
    while came < count {
        if start.elapsed() > PATIENCE {
            return Err(format!("{came} of {count} came").into());
        }
        fleet.poll(PATIENCE, |_, text, _| {
            came += u64::from(text.starts_with(br#"42["event""#));
        })?;
    }
    Ok(())
}

/// What all threads have used, in nanoseconds.
pub(super) fn cpu_ns() -> i64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec * 1_000_000_000 + used.tv_nsec
}
