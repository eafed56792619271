//! A relay as a process that may die at any moment.

use std::{
    fs::{self, File},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a relay may take to die, or to end, once it should.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `sockeye relay`; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Relay {
    child: Child,
    /// What it has said.
    log: PathBuf,
}

impl Relay {
    /// Starts it in `folder`, where its log is added to `relay.log`.
    pub(crate) fn launch(folder: &std::path::Path, mut command: Command) -> Self {
        let log = folder.join("relay.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        command
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            // Nothing that a terminal sends to the tests is meant for it.
            .process_group(0);
        let child = command.spawn().unwrap();
        Self { child, log }
    }

    /// Its standard input, once.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Its standard output, once.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it, as the system does that has no memory left.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.ends_within(PATIENCE).unwrap_or_else(|| {
            panic!("the relay lives on; its log ends so:\n{}", self.log_end());
        })
    }

    /// How it ended; `None` if it has not by then.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return Some(status),
                None if Instant::now() > deadline => return None,
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Asks it to drain and end, and says whether it ended well.
    #[track_caller]
    pub(crate) fn drain(mut self) {
        self.signal(Signal::TERM);
        let status = self.ended();
        assert!(status.success(), "{status}; its log ends so:\n{}", self.log_end());
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        log_end(&self.log)
    }
}

/// The last lines of a log.
pub(crate) fn log_end(log: &std::path::Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// Whether it died as a process does that somebody killed, or that aborted.
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal().is_some()
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
