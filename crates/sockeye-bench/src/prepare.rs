//! Builds and installs the servers, and says how each is started.

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
        ServerName::Sockeye => built("sockeye", Some("interop_server"), true)?,
        ServerName::Oxide => built("interop-oxide", None, true)?,
        ServerName::Node => {
            let folder = workspace().join("interop/bench");
            if !folder.join("node_modules/socket.io").exists() {
                run(Command::new("npm")
                    .args(["ci", "--no-audit", "--no-fund"])
                    .current_dir(&folder))?;
            }
            let script = folder.join("server.js").to_string_lossy().into_owned();
            ServerCommand { program: "node".into(), args: vec![script] }
        }
    })
}

/// Ours without optimisation, with all that it asserts.
pub(crate) fn interop_server() -> Result<ServerCommand, PrepareError> {
    built("sockeye", Some("interop_server"), false)
}

/// Builds a package's binary, or one of its examples.
fn built(
    package: &str,
    example: Option<&str>,
    optimised: bool,
) -> Result<ServerCommand, PrepareError> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", package]);
    command.args(optimised.then_some("--release"));
    command.args(["--message-format", "json-render-diagnostics"]).current_dir(workspace());
    if let Some(example) = example {
        command.args(["--example", example]);
    }
    let messages = run(command.stdout(Stdio::piped()))?;
    let target = example.unwrap_or(package);
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
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
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
fn workspace() -> PathBuf {
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
