//! A client's program while it runs: told what to do, waited for with a limit, ended when dropped.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::server::ServerCommand;

/// Why a program did not do what it was told.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    #[error("cannot start the client: {0}")]
    Start(io::Error),
    #[error("the client has ended before {0:?}")]
    Ended(String),
    #[error("no answer to {0:?} within {PATIENCE:?}")]
    Silent(String),
    #[error("{line:?} failed: {answer}")]
    Failed { line: String, answer: String },
}

/// Longer than anything that is measured takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Program {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

impl Program {
    pub(crate) fn start(command: &ServerCommand, url: &str) -> Result<Self, ProgramError> {
        Self::launch(command, Some(url))
    }

    /// One that is a server, and says first where it listens.
    pub(crate) fn listening(command: &ServerCommand) -> Result<(Self, String), ProgramError> {
        let program = Self::launch(command, None)?;
        let url = program.answer("its address")?;
        Ok((program, url))
    }

    fn launch(command: &ServerCommand, url: Option<&str>) -> Result<Self, ProgramError> {
        // The tether ends it with us even when we are killed.
        let mut child = Command::new(env::current_exe().map_err(ProgramError::Start)?)
            .args(["tether", "--"])
            .arg(&command.program)
            .args(&command.args)
            .args(url)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(ProgramError::Start)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdin = stdin.ok_or_else(|| ProgramError::Start(io::ErrorKind::BrokenPipe.into()))?;
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line); // the program may have been given up
            }
        });
        Ok(Self { child, stdin, answers })
    }

    /// Has the program do what `line` says; gives its answer.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String, ProgramError> {
        writeln!(self.stdin, "{line}").map_err(|_| ProgramError::Ended(line.to_owned()))?;
        self.answer(line)
    }

    /// The number that it answers.
    pub(crate) fn number(&mut self, line: &str) -> Result<f64, ProgramError> {
        let answer = self.ask(line)?;
        answer.parse().map_err(|_| ProgramError::Failed { line: line.to_owned(), answer })
    }

    fn answer(&self, line: &str) -> Result<String, ProgramError> {
        let answer = self.answers.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => ProgramError::Silent(line.to_owned()),
            RecvTimeoutError::Disconnected => ProgramError::Ended(line.to_owned()),
        })?;
        if answer.starts_with("error") {
            return Err(ProgramError::Failed { line: line.to_owned(), answer });
        }
        Ok(answer)
    }

    /// CPU used so far, in nanoseconds, by all threads, those that have ended as well.
    pub(crate) fn cpu_ns(&mut self) -> Result<f64, ProgramError> {
        self.number("cpu")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
