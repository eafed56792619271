//! The signals that say to stop, or to read the settings again.

#[cfg(unix)]
use std::io::IsTerminal as _;
use std::{fmt, io};

use crate::exit::Exit;

/// A signal to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signal {
    /// From the keyboard.
    Interrupt,
    /// From a service manager.
    Terminate,
    /// The terminal that it was started in is gone.
    #[cfg_attr(windows, expect(dead_code, reason = "there is none"))]
    Hangup,
}

impl Signal {
    /// The exit code after it: 130 as shells expect it after Ctrl-C; 0 after SIGTERM, since it is how a service ends.
    pub(crate) const fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate | Self::Hangup => Exit::Done,
        }
    }
}

/// What a signal says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Stop(Signal),
    /// SIGHUP, as a service manager sends it.
    #[cfg_attr(windows, expect(dead_code, reason = "there is none"))]
    Reload,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP without a terminal",
        })
    }
}

/// Catches signals from now on; without it they end the process.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
    /// Whether somebody sits before it.
    #[cfg(unix)]
    has_terminal: bool,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            has_terminal: io::stdin().is_terminal(),
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop(Signal::Interrupt),
            _ = self.terminate.recv() => Told::Stop(Signal::Terminate),
            // When a terminal goes, all that was started in it gets the signal; what it means is the end.
            _ = self.hangup.recv() => match self.has_terminal && !io::stdin().is_terminal() {
                true => Told::Stop(Signal::Hangup),
                false => Told::Reload,
            },
        }
    }
}

#[cfg(windows)]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Told {
        self.interrupt.recv().await;
        Told::Stop(Signal::Interrupt)
    }
}
