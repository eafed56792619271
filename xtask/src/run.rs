//! Running other programs.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use crate::failure::{Context, Failure, Outcome};
use crate::place;

/// The workspace but for its two peers, socketioxide and rust_socketio: these are somebody else's, have no tests, and
/// their dependencies would be built for nothing.
pub(crate) const OURS: [&str; 5] =
    ["--workspace", "--exclude", "interop-oxide", "--exclude", "interop-rust-client"];

/// A command in the workspace's folder, by program and arguments.
pub(crate) fn command<I>(program: impl AsRef<OsStr>, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place::root()).stdin(Stdio::null());
    command
}

/// Prints the command, runs it with our own output, and fails unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line(command);
    eprintln!("$ {line}");
    let status = command.status().context(format_args!("starting `{line}`"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("`{line}` ended with {status}")))
    }
}

/// Runs the command and returns its standard output.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let line = line(command);
    let output =
        command.stderr(Stdio::inherit()).output().context(format_args!("starting `{line}`"))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`{line}` ended with {}", output.status)));
    }
    String::from_utf8(output.stdout).context(format_args!("reading the output of `{line}`"))
}

/// Whether the program can be started at all with these arguments, silently.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
