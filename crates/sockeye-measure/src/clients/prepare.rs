//! How the program of each client is built or installed, and started.

use std::env;
use std::path::PathBuf;

use super::plan::Client;
use crate::prepare::{PrepareError, Target, built, npm, python, workspace};
use crate::server::ServerCommand;

/// A client of the comparison: how it is started; the server's URL is added.
pub(crate) fn prepare(name: Client) -> Result<ServerCommand, PrepareError> {
    let script = |folder: PathBuf, name| folder.join(name).to_string_lossy().into_owned();
    Ok(match name {
        Client::Floor | Client::Sockeye => {
            let program = env::current_exe()
                .map_err(|source| PrepareError::Tool { tool: "this program".into(), source })?;
            let mut args = vec!["client".to_owned()];
            args.extend((name == Client::Floor).then(|| "--floor".to_owned()));
            ServerCommand { program, args }
        }
        Client::Rust | Client::RustAsync => {
            let mut rust =
                built("interop-rust-client", Some(Target::Bin("interop-rust-bench")), true)?;
            rust.args.extend((name == Client::RustAsync).then(|| "--async".to_owned()));
            rust
        }
        Client::Node => ServerCommand {
            program: "node".into(),
            args: vec!["--expose-gc".into(), script(npm("socket.io-client")?, "client.js")],
        },
        Client::Python => ServerCommand {
            program: python()?,
            args: vec![script(workspace().join("interop/bench"), "client.py")],
        },
    })
}
