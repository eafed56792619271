//! A fresh network namespace for each launch, where one may be made.
//!
//! Ten thousand connections leave as many ports in TIME_WAIT; a second run in the same namespace
//! spends half a minute looking for free ones.

use std::process::{Command, Stdio};

/// How a launch gets its network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Namespace {
    /// The caller may make one.
    Fresh,
    /// Only inside a user namespace of its own.
    FreshAsRoot,
    /// None can be made: launches share the caller's.
    Shared,
}

/// Brings up loopback, then becomes the command it was given.
const UP_AND_EXEC: &str = "ip link set lo up && exec \"$0\" \"$@\"";

impl Namespace {
    /// Tries what this system allows.
    pub(crate) fn probe() -> Self {
        [Self::Fresh, Self::FreshAsRoot]
            .into_iter()
            .find(|namespace| {
                let mut command = namespace.command("true");
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.status().is_ok_and(|status| status.success())
            })
            .unwrap_or(Self::Shared)
    }

    /// A command that runs `program` in this kind of namespace.
    pub(crate) fn command(self, program: &str) -> Command {
        let flags = match self {
            Self::Fresh => "-n",
            Self::FreshAsRoot => "-rn",
            Self::Shared => return Command::new(program),
        };
        let mut command = Command::new("unshare");
        command.args([flags, "--", "sh", "-c", UP_AND_EXEC, program]);
        command
    }

    /// One line for the reader of the report.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::Fresh | Self::FreshAsRoot => {
                "each launch in a network namespace of its own, loopback only"
            }
            Self::Shared => "no network namespace could be made: launches share one, loopback only",
        }
    }
}
