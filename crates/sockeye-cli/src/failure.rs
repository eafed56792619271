//! Why a subcommand could not do its work, and the exit code that says so.

use std::io;

use thiserror::Error;

use crate::{config::ConfigError, exit::Exit, serve::BindError, serve::TlsError};

/// A subcommand's failure.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the server can't be built: {0}")]
    Build(#[from] sockeye::server::BuildError),
    #[error("standard output: {source}")]
    Stdout { source: io::Error },
    #[error("the system does not let us start: {source}")]
    Start { source: io::Error },
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Usage,
            Self::Bind(_) => Exit::Network,
            Self::Tls(error) => error.exit(),
            // Every setting was checked when it was read.
            Self::Build(_) | Self::Stdout { .. } | Self::Start { .. } => Exit::Fault,
        }
    }
}
