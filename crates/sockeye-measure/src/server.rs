//! A server under load: started on a port of ours, ended when dropped.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, thread};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How to start a server; `--port`, `--ping-interval` and `--ping-timeout` are added.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ServerCommand {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
}

/// Why a server could not be put under load.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ServerError {
    /// It could not be started.
    #[error("cannot start {program:?}: {source}")]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("{program:?} ended before it printed that it listens")]
    Ended {
        /// What was started.
        program: PathBuf,
    },
    /// It said nothing.
    #[error("{program:?} printed no line within {patience:?}")]
    Silent {
        /// What was started.
        program: PathBuf,
        /// How long it had.
        patience: Duration,
    },
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Times between ping and pong, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heartbeat {
    pub(crate) interval: &'static str,
    pub(crate) timeout: &'static str,
}

impl Heartbeat {
    /// Longer than any load: a heartbeat would be counted as its cost.
    pub(crate) const NONE: Self = Self { interval: "300000", timeout: "300000" };
}

impl Server {
    /// Starts a server and waits for the line that it prints when it listens.
    pub(crate) fn start(
        command: &ServerCommand,
        heartbeat: Heartbeat,
    ) -> Result<Self, ServerError> {
        let start = |source| ServerError::Start { program: command.program.clone(), source };
        Self::start_at(free_address().map_err(start)?, command, heartbeat)
    }

    /// As [`Self::start`], where an earlier one has listened.
    pub(crate) fn start_at(
        address: SocketAddr,
        command: &ServerCommand,
        heartbeat: Heartbeat,
    ) -> Result<Self, ServerError> {
        let program = &command.program;
        let start = |source| ServerError::Start { program: program.clone(), source };
        // The tether ends it with us even when we are killed.
        let mut child = Command::new(env::current_exe().map_err(start)?)
            .args(["tether", "--"])
            .arg(program)
            .args(&command.args)
            .args(["--port", &address.port().to_string()])
            .args(["--ping-interval", heartbeat.interval, "--ping-timeout", heartbeat.timeout])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let stdout = child.stdout.take();
        let server = Self { child, address };

        let (line, first_line) = mpsc::channel();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
            // Goes on reading after the first, so that the server never waits for us.
            for text in lines.map_while(Result::ok) {
                let _ = line.send(text); // nobody wants the later ones
            }
        });
        match first_line.recv_timeout(PATIENCE) {
            Ok(_) => Ok(server),
            Err(RecvTimeoutError::Disconnected) => {
                Err(ServerError::Ended { program: program.clone() })
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(ServerError::Silent { program: program.clone(), patience: PATIENCE })
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago; nobody else takes ports in a namespace of our own.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
