//! Why a subcommand could not do its work, and the exit code that says so.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{
    config::ConfigError,
    exit::Exit,
    reach::{BearerError, RoadError, Trouble},
    serve::{BindError, TlsError},
    values::{Unreadable, Unsaved},
    ws,
};

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
    #[error(transparent)]
    Road(#[from] RoadError),
    #[error(transparent)]
    Bearer(#[from] BearerError),
    #[error("{0}")]
    Trouble(Box<Trouble>),
    #[error("{0}")]
    WebSocket(Box<ws::Trouble>),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Unsaved(#[from] Unsaved),
    #[error("{}: {source}; name a file that can be written with --trace FILE", path.display())]
    Trace { path: PathBuf, source: io::Error },
    #[error("{}: {source}; name a file that can be read", path.display())]
    Decode { path: PathBuf, source: io::Error },
    /// The certificates of a server can't be written to their file.
    #[error("{}: {source}; name a file that can be written with --save-cert FILE", path.display())]
    UnsavedChain { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Usage(&'static str),
    /// A line at a prompt.
    #[error("{0}")]
    Typed(String),
    /// No failure, but the end of the work all the same.
    #[error("nobody reads what is printed")]
    NobodyReads,
    #[error("standard output: {source}")]
    Stdout { source: io::Error },
    #[error("the system does not let us start: {source}")]
    Start { source: io::Error },
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(Box::new(trouble))
    }
}

impl From<ws::Trouble> for Failure {
    fn from(trouble: ws::Trouble) -> Self {
        Self::WebSocket(Box::new(trouble))
    }
}

impl Failure {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_)
            | Self::Unreadable(_)
            | Self::Bearer(_)
            | Self::Trace { .. }
            | Self::Decode { .. }
            | Self::Unsaved(Unsaved { is_folder: true, .. })
            | Self::Typed(_)
            | Self::Usage(_) => Exit::Usage,
            Self::NobodyReads => Exit::Done,
            Self::Road(error) => error.exit(),
            Self::Trouble(trouble) => trouble.exit(),
            Self::WebSocket(trouble) => trouble.exit(),
            Self::Bind(_) => Exit::Network,
            Self::Tls(error) => error.exit(),
            // Every setting was checked when it was read.
            Self::Build(_)
            | Self::Stdout { .. }
            | Self::Start { .. }
            | Self::Unsaved(_)
            | Self::UnsavedChain { .. } => Exit::Fault,
        }
    }
}
