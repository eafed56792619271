//! Real peers: other people's clients and servers as child processes that never outlive their test.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use thiserror::Error;

/// A running program, spoken to by lines, killed with its process group when dropped.
///
/// Launch it on port 0 and let it say in its ready line where it listens. Its standard input stays
/// open as long as the peer lives, so a script can end itself when its test is gone.
///
/// # Examples
///
/// ```
/// use std::process::Command;
/// use sockeye_testkit::Peer;
///
/// let mut command = Command::new("sh");
/// command.args(["-c", "echo listening on http://127.0.0.1:1; read word; echo got $word"]);
/// let mut peer = Peer::launch(command, "listening on ")?;
/// assert_eq!(peer.ready(), "http://127.0.0.1:1");
/// peer.say("hello")?;
/// assert_eq!(peer.next_line()?, "got hello");
/// assert!(peer.finish()?.success());
/// # Ok::<_, sockeye_testkit::PeerError>(())
/// ```
#[derive(Debug)]
pub struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Line>,
    transcript: String,
    ready: String,
    deadline: Instant,
}

/// One line of a peer's output.
#[derive(Debug)]
enum Line {
    Out(String),
    Err(String),
}

impl Peer {
    /// How long a peer may live unless its launch says otherwise: 60 seconds.
    pub const LIFETIME: Duration = Duration::from_secs(60);

    /// Starts `command` and waits for the line of its output that begins with `ready`.
    ///
    /// # Errors
    ///
    /// If it can't be started, or ends or takes longer than [`Self::LIFETIME`] before that line.
    pub fn launch(command: Command, ready: &str) -> Result<Self, PeerError> {
        Self::launch_for(Self::LIFETIME, command, ready)
    }

    /// [`Self::launch`] with a time limit of its own, from now to the end of the peer.
    ///
    /// # Errors
    ///
    /// As [`Self::launch`].
    pub fn launch_for(
        lifetime: Duration,
        mut command: Command,
        ready: &str,
    ) -> Result<Self, PeerError> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| PeerError::Start { program: format!("{command:?}"), source })?;
        let (sender, lines) = mpsc::channel();
        forward(child.stdout.take(), Line::Out, sender.clone());
        forward(child.stderr.take(), Line::Err, sender);
        let stdin = child.stdin.take();
        let deadline = Instant::now() + lifetime;
        let mut peer =
            Self { child, stdin, lines, transcript: String::new(), ready: String::new(), deadline };
        loop {
            if let Some(rest) = peer.next_line()?.strip_prefix(ready) {
                peer.ready = rest.to_owned();
                return Ok(peer);
            }
        }
    }

    /// Writes one line to the peer's standard input.
    ///
    /// # Errors
    ///
    /// If the peer has closed it, most likely because it ended.
    pub fn say(&mut self, line: &str) -> Result<(), PeerError> {
        let written =
            self.stdin.as_mut().map(|stdin| stdin.write_all(format!("{line}\n").as_bytes()));
        match written {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(self.ended()),
        }
    }

    /// Waits for the next line of the peer's standard output.
    ///
    /// # Errors
    ///
    /// If the peer closes its output or its lifetime ends first.
    pub fn next_line(&mut self) -> Result<String, PeerError> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            match &line {
                Ok(Line::Out(text)) => _ = writeln!(self.transcript, "  {text}"),
                Ok(Line::Err(text)) => _ = writeln!(self.transcript, "! {text}"),
                Err(_) => {}
            }
            match line {
                Ok(Line::Out(text)) => return Ok(text),
                Ok(Line::Err(_)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(PeerError::TooLong { transcript: self.transcript.clone() });
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            }
        }
    }

    /// Waits for the end of the peer's output and returns the lines of it not read before.
    ///
    /// # Errors
    ///
    /// If its lifetime ends first.
    pub fn remaining_lines(&mut self) -> Result<Vec<String>, PeerError> {
        let mut lines = Vec::new();
        loop {
            match self.next_line() {
                Ok(line) => lines.push(line),
                Err(PeerError::Ended { .. }) => return Ok(lines),
                Err(error) => return Err(error),
            }
        }
    }

    /// Closes the peer's standard input, reads its output to the end and returns how it ended.
    ///
    /// # Errors
    ///
    /// If its lifetime ends first.
    pub fn finish(mut self) -> Result<ExitStatus, PeerError> {
        self.stdin = None;
        self.remaining_lines()?;
        self.reap().map_err(|source| PeerError::Wait { source })
    }

    /// What followed the ready text on the ready line, such as a URL.
    #[must_use]
    pub fn ready(&self) -> &str {
        &self.ready
    }

    /// Everything read from the peer so far, for failure messages; `!` marks standard error.
    #[must_use]
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// The process id, which is also the id of the peer's process group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn ended(&self) -> PeerError {
        PeerError::Ended { transcript: self.transcript.clone() }
    }

    /// Waits for the program, then ends what is left of its group.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        // NOWAIT leaves a zombie behind, so that the group's id can't have been given to another.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), options)?;
        self.kill_group();
        self.child.wait()
    }

    fn kill_group(&self) {
        // The only error is a group that is already gone.
        _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // After `finish` the id is no longer ours to kill.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_group();
            _ = self.child.wait();
        }
    }
}

/// Sends each line of a stream until its end, from a thread of its own.
fn forward(stream: Option<impl Read + Send + 'static>, line: fn(String) -> Line, to: Sender<Line>) {
    let Some(stream) = stream else { return };
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while stream.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            if to.send(line(text)).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

/// Why a peer could not do its part.
#[non_exhaustive]
#[derive(Error)]
pub enum PeerError {
    /// The program could not be started.
    #[error("starting {program}: {source}; `cargo xtask test` installs the peers")]
    Start {
        /// The command line.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program closed its output, most likely because it ended.
    #[error("the peer ended; it had said:\n{transcript}")]
    Ended {
        /// All it had written.
        transcript: String,
    },
    /// The program lived longer than it may.
    #[error("the peer took too long; it had said:\n{transcript}")]
    TooLong {
        /// All it had written.
        transcript: String,
    },
    /// The system would not tell how the program ended.
    #[error("waiting for the peer: {source}")]
    Wait {
        /// What the system said.
        source: io::Error,
    },
}

/// As [`Display`](std::fmt::Display): a test that unwraps should show the transcript line by line.
impl std::fmt::Debug for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
