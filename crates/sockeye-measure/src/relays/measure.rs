//! One turn of one way: a queue, the server, the relay between them, and what it costs.

use std::env;
use std::error::Error;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::plan::{Case, Kind, Sizes, Way};
use super::queue::{Queue, task};
use super::store;
use crate::clients::Program;
use crate::process;
use crate::server::ServerCommand;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Share of the tasks that is sent before anything is measured.
const WARM_UP: u64 = 10;

/// The figures of one turn.
pub(super) fn measure(
    way: Way,
    program: &ServerCommand,
    sockeye: &Path,
    kind: Kind,
    sizes: Sizes,
) -> Outcome<Vec<(Case, f64)>> {
    let mut queue = Queue::new(way, sockeye)?;
    if kind == Kind::Store {
        let ns = store::run(&queue.folder().join("bare.db"), sizes.fast, &task(0))?;
        return Ok(vec![(Case::Store, ns as f64 / 1_000.0 / sizes.fast as f64)]);
    }
    let this = env::current_exe()?;
    let server = ServerCommand { program: this, args: vec!["serve-relays".into()] };
    let (mut server, url) = Program::listening(&server)?;
    match kind {
        Kind::Drain => {
            let (count, warm) = (sizes.drain(way), sizes.drain(way) / WARM_UP);
            queue.fill(count + warm)?;
            let relay = Relay::start(way, program, &queue.url(), &url)?;
            let begin = server.number(&format!("reach {warm}"))?;
            let cpu = relay.cpu_ns()?;
            let end = server.number(&format!("reach {}", warm + count))?;
            let cpu = relay.cpu_ns()? - cpu;
            let us = |ns: f64| ns / 1_000.0 / count as f64;
            Ok(vec![(Case::Time, us(end - begin)), (Case::Cpu, us(cpu as f64))])
        }
        Kind::Latency => {
            queue.fill(1)?;
            let _relay = Relay::start(way, program, &queue.url(), &url)?;
            server.ask("reach 1")?;
            let step = Duration::from_secs(1) / u32::try_from(sizes.per_second)?;
            let mut producer = queue.producer()?;
            let start = Instant::now();
            for number in 0..u32::try_from(sizes.steady)? {
                thread::sleep((start + step * number).saturating_duration_since(Instant::now()));
                producer.put()?;
            }
            drop(producer);
            server.ask(&format!("reach {}", 1 + sizes.steady))?;
            let ages = server.ask("ages")?;
            let ages: Vec<f64> = ages.split(' ').map(str::parse).collect::<Result<_, _>>()?;
            let [middle, tail] = ages[..] else { return Err("two ages were asked for".into()) };
            Ok(vec![(Case::Middle, middle / 1_000.0), (Case::Tail, tail / 1_000.0)])
        }
        Kind::Backlog => {
            queue.fill(sizes.backlog)?;
            let relay = Relay::start(way, program, &queue.url(), &url)?;
            server.ask(&format!("reach {}", sizes.drained))?;
            let bytes = process::peak_resident_bytes(relay.id())?;
            Ok(vec![(Case::Memory, bytes as f64 / 1_048_576.0)])
        }
        Kind::Store => Ok(Vec::new()), // above
    }
}

/// A relay at work, ended when dropped.
struct Relay {
    child: Child,
    ends_threads: bool,
}

impl Relay {
    fn start(way: Way, program: &ServerCommand, queue: &str, server: &str) -> Outcome<Self> {
        // The tether ends it with us even when we are killed.
        let mut command = Command::new(env::current_exe()?);
        command.args(["tether", "--"]).arg(&program.program).args(&program.args);
        if way.is_ours() {
            command.args(["relay", "--from", queue, "--to", server, "--in-flight", "64"]);
            command.args(["--transport", "websocket"]);
        } else {
            command.args([queue, server]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { child: command.spawn()?, ends_threads: way == Way::Python })
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    fn cpu_ns(&self) -> io::Result<u64> {
        // python-socketio begins and ends a thread for each answer.
        match self.ends_threads {
            false => process::cpu_ns(self.id()),
            true => process::cpu_with_ended_ns(self.id()),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
