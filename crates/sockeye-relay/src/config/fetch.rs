//! What is fetched anew each time it is needed, from files and commands.

use std::{io, path::Path, sync::Arc};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::shell::ShellError;

/// Is told each secret that is fetched, so that it can be kept out of what is shown: servers may repeat it.
pub type Learn = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells of the texts in an auth payload.
pub(super) fn learn(learn: &Learn, value: &Value) {
    match value {
        Value::String(text) => learn(text),
        Value::Array(items) => items.iter().for_each(|item| self::learn(learn, item)),
        Value::Object(members) => members.values().for_each(|item| self::learn(learn, item)),
        _ => {}
    }
}

/// Why a secret could not be fetched. None of these shows what was read.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error(transparent)]
    Command(#[from] ShellError),
    #[error(
        "not a JSON object, line {line}, column {column}; expected something like {{\"token\":\"…\"}}"
    )]
    NotAuth { line: usize, column: usize },
    #[error("what the command printed can't stand in a header; expected a token on one line")]
    NotAToken,
}

/// What a file holds.
pub(super) async fn file(path: &Path) -> Result<String, FetchError> {
    tokio::fs::read_to_string(path)
        .await
        .map_err(|source| FetchError::File { path: path.display().to_string(), source })
}

/// An auth payload.
pub(super) fn auth(text: &str, learn: &Learn) -> Result<Map<String, Value>, FetchError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as files from Windows begin
    let payload: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| FetchError::NotAuth {
            // Its own text may quote what it read.
            line: error.line(),
            column: error.column(),
        })?;
    payload.values().for_each(|value| self::learn(learn, value));
    Ok(payload)
}
