//! Why a queue could not be used, and the exit code that says so.

use std::{io, path::PathBuf};

use sockeye_relay::{
    config::ConfigError,
    ingress::SpoolError,
    inlet::http::{Exposed, TokenError},
    queue::QueueError,
    relay::Unroutable,
};
use thiserror::Error;

use crate::{exit::Exit, failure::Ends};

/// What a queue said, and whether it is reached over the network.
#[derive(Debug, Error)]
#[error("{error}")]
pub(super) struct Unqueued {
    pub(super) error: QueueError,
    pub(super) is_remote: bool,
}

impl Ends for Unqueued {
    fn exit(&self) -> Exit {
        match &self.error {
            QueueError::Unusable { .. } | QueueError::Newer { .. } => Exit::Usage,
            QueueError::Unavailable { .. } if self.is_remote => Exit::Network,
            // A disk that is full, a file that others keep locked, a bound.
            _ => Exit::Fault,
        }
    }
}

/// What is wrong with how the relay was asked for, or with what came in.
#[derive(Debug, Error)]
pub(super) enum Wrong {
    #[error(
        "the URL names no queue; expected something like --{flag} sqlite:relay.db, or --{flag} 'redis://localhost?list=tasks'"
    )]
    Queue { flag: &'static str },
    #[error(
        "--from names the queue already; leave --queue out, or read standard input with --from -"
    )]
    TwoQueues,
    #[error(
        "standard input is a terminal; feed it lines such as {{\"event\":\"chat\"}}, or name an event"
    )]
    Terminal,
    #[error("{}: {source}; name a file that can be read with --token-file FILE", path.display())]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("{}: {error}", path.display())]
    Token { path: PathBuf, error: TokenError },
    #[error(transparent)]
    Exposed(Exposed),
    #[error(
        "there is no task {0:?} among the dead and the held; `sockeye relay dead ls` lists them"
    )]
    NoSuchDead(String),
    #[error("lines of standard input that were no tasks: {count}")]
    Lines { count: u64 },
    #[error("standard input can't be read: {0}")]
    Input(io::Error),
}

impl Ends for Wrong {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Ends for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Ends for Unroutable {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl Ends for SpoolError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoSuchDead { .. } => Exit::Usage,
            _ => Exit::Fault,
        }
    }
}
