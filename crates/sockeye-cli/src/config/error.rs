//! What can be wrong in a configuration. All of it is the user's to mend, so each text says where and how.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::Expected;
use crate::{exit::Exit, failure::Ends};

/// Why there is no configuration.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("{}: {source}; name a file that can be read with --config FILE", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    // The text of the parser ends with a line break.
    #[error("{} is not TOML: {}", path.display(), reason.trim_end())]
    Syntax { path: PathBuf, reason: String },
    #[error("{}:{line}: unknown key {key:?}; {hint}", path.display())]
    UnknownKey { path: PathBuf, line: usize, key: String, hint: String },
    #[error("{}:{line}: {key} is {found}; {expected}", path.display())]
    FileValue { path: PathBuf, line: usize, key: &'static str, found: String, expected: Expected },
    #[error("{variable} is {found:?}; {expected}")]
    Variable { variable: String, found: String, expected: Expected },
    #[error("{given} is set, but {missing} is not; add --{missing} FILE")]
    Half { given: &'static str, missing: &'static str },
}

impl Ends for ConfigError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}
