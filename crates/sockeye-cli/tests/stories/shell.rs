//! A shell that has the command in its path, and nothing else of the surrounding environment.

use std::{path::Path, process::Command};

use crate::sandbox::Sandbox;

/// `sh` with a script, the server's URL in `$SERVER`; not yet started.
pub(crate) fn shell(sandbox: &Sandbox, script: &str, server: &str) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_sockeye")).parent().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(sandbox.path("")).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.display())).env("SERVER", server);
    command
}
