//! Builds and installs what is compared, and says how each server is started.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use thiserror::Error;

use crate::plan::ServerName;
use crate::server::ServerCommand;

/// Why a server cannot take part.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PrepareError {
    /// A tool could not be started.
    #[error("cannot start {tool}: {source}; install it, or leave its server out with --servers")]
    Tool {
        /// The tool.
        tool: String,
        /// Why it did not start.
        source: io::Error,
    },
    /// A tool failed; it said why itself.
    #[error("{command} failed; leave its server out with --servers to go on without it")]
    Failed {
        /// What was run.
        command: String,
    },
    /// Cargo built something else than asked for.
    #[error("cargo named no executable for {target}")]
    NoExecutable {
        /// What was built.
        target: String,
    },
}

pub(crate) fn prepare(name: ServerName) -> Result<ServerCommand, PrepareError> {
    Ok(match name {
        ServerName::Floor => ServerCommand {
            program: env::current_exe()
                .map_err(|source| PrepareError::Tool { tool: "the floor".into(), source })?,
            args: vec!["floor".into()],
        },
        ServerName::Sockeye => built("sockeye", Some(Target::Example("interop_server")), true)?,
        ServerName::Oxide => built("interop-oxide", None, true)?,
        ServerName::Node => {
            let script = npm("socket.io")?.join("server.js").to_string_lossy().into_owned();
            ServerCommand { program: "node".into(), args: vec![script] }
        }
    })
}

/// The folder of the npm peers, once this one of them is installed.
pub(crate) fn npm(package: &str) -> Result<PathBuf, PrepareError> {
    let folder = workspace().join("interop/bench");
    if !folder.join("node_modules").join(package).exists() {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    }
    Ok(folder)
}

/// The interpreter of the virtual environment that `cargo xtask test` uses as well, with the pinned packages.
pub(crate) fn python() -> Result<PathBuf, PrepareError> {
    let target = env::var_os("CARGO_TARGET_DIR");
    let target = workspace().join(target.unwrap_or_else(|| "target".into()));
    let venv = target.join("venv");
    if !venv.join("bin/pip").exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let pins = workspace().join("interop/requirements.txt");
    run(Command::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(pins))?;
    Ok(venv.join("bin/python"))
}

/// Ours without optimisation, with all that it asserts.
pub(crate) fn interop_server() -> Result<ServerCommand, PrepareError> {
    built("sockeye", Some(Target::Example("interop_server")), false)
}

/// What is built of a package, if it is not the binary of its name.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Bin(&'static str),
    Example(&'static str),
}

/// Builds a package's binary, or another target of it.
pub(crate) fn built(
    package: &str,
    target: Option<Target>,
    optimised: bool,
) -> Result<ServerCommand, PrepareError> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", package]);
    command.args(optimised.then_some("--release"));
    command.args(["--message-format", "json-render-diagnostics"]).current_dir(workspace());
    let target = match target {
        None => package,
        Some(Target::Bin(name)) => {
            command.args(["--bin", name]);
            name
        }
        Some(Target::Example(name)) => {
            command.args(["--example", name]);
            name
        }
    };
    let messages = run(command.stdout(Stdio::piped()))?;
    let program = executable(&messages, target)
        .ok_or_else(|| PrepareError::NoExecutable { target: target.into() })?;
    Ok(ServerCommand { program, args: Vec::new() })
}

fn run(command: &mut Command) -> Result<String, PrepareError> {
    let tool = command.get_program().to_string_lossy().into_owned();
    // Talk belongs on stderr: our stdout is the report.
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| PrepareError::Tool { tool, source })?;
    if !output.status.success() {
        return Err(PrepareError::Failed { command: format!("{command:?}") });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path in Cargo's messages of the executable `target`.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Built,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Built {
        name: String,
    }
    messages
        .lines()
        // Other kinds of messages have other fields.
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok())
        .filter(|artifact| artifact.target.name == target)
        .find_map(|artifact| artifact.executable)
}

/// The root of the sources this was built from: the bench only runs inside its workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"bytes"},"executable":null}
{"reason":"build-script-executed","package_id":"x"}
{"reason":"compiler-artifact","target":{"name":"echo"},"executable":"/target/echo"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "echo"), Some(PathBuf::from("/target/echo")));
        assert_eq!(executable(messages, "bytes"), None);
        assert_eq!(executable("", "echo"), None);
    }
}
