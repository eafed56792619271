//! How each relay is built or installed, and started.

use std::env;

use super::plan::Way;
use crate::prepare::{PrepareError, Target, built, python, workspace};
use crate::server::ServerCommand;

/// The program of a way; queue and server are added.
pub(super) fn prepare(way: Way) -> Result<ServerCommand, PrepareError> {
    let script = |name| workspace().join("interop/bench").join(name).to_string_lossy().into_owned();
    Ok(match way {
        Way::Bare => ServerCommand {
            program: env::current_exe()
                .map_err(|source| PrepareError::Tool { tool: "this program".into(), source })?,
            args: vec!["bare-relay".into()],
        },
        Way::List | Way::Stream | Way::Sqlite => command()?,
        Way::Python => ServerCommand { program: python()?, args: vec![script("relay.py")] },
        Way::PythonAsyncio => {
            ServerCommand { program: python()?, args: vec![script("relay_asyncio.py")] }
        }
    })
}

/// The command `sockeye`.
pub(super) fn command() -> Result<ServerCommand, PrepareError> {
    built("sockeye-cli", Some(Target::Bin("sockeye")), true)
}
