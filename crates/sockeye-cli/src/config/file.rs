//! The TOML file: its values with their lines, and the keys nobody asked for.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Setting};

/// The file that is read when none is named.
const DEFAULT: &str = "sockeye.toml";

/// How alike two keys must be for one to be taken for a typing mistake of the other; 1 is the same.
const ALIKE: f64 = 0.7;

/// Values longer than this are cut in error messages, in characters.
const MAX_QUOTED: usize = 60;

/// A configuration file that was read, but not yet understood.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    /// In order of their lines.
    items: Vec<Item>,
}

/// One key and its value.
#[derive(Debug)]
struct Item {
    key: String,
    line: usize,
    value: Value,
    /// The value as it stands in the file.
    quoted: String,
}

/// As far as settings care.
#[derive(Debug)]
enum Value {
    String(String),
    Integer(String),
    Other,
}

impl File {
    /// Reads the file that is named, else `sockeye.toml` in the current folder if there is one.
    pub(super) fn find(named: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        let path = named.unwrap_or_else(|| Path::new(DEFAULT));
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text).map(Some),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut items: Vec<_> = table
            .into_inner()
            .into_iter()
            .map(|(key, value)| Item {
                line: 1 + text[..key.span().start].matches('\n').count(),
                quoted: quote(text, value.span()),
                key: key.into_inner().into_owned(),
                value: match value.into_inner() {
                    DeValue::String(text) => Value::String(text.into_owned()),
                    DeValue::Integer(number) => Value::Integer(number.to_string()),
                    _ => Value::Other,
                },
            })
            .collect();
        items.sort_by_key(|item| item.line);
        Ok(Self { path: path.to_owned(), items })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The value of `key` and its line.
    pub(super) fn value<T: Setting>(
        &self,
        key: &'static str,
    ) -> Result<Option<(T, usize)>, ConfigError> {
        let Some(item) = self.items.iter().find(|item| item.key == key) else {
            return Ok(None);
        };
        let parsed = match &item.value {
            Value::String(text) => text.parse::<T>(),
            Value::Integer(number) if T::INTEGER => number.parse(),
            Value::Integer(_) | Value::Other => Err(T::EXPECTED),
        };
        match parsed {
            Ok(value) => {
                let folder = self.path.parent().unwrap_or(&self.path);
                Ok(Some((value.in_folder(folder), item.line)))
            }
            Err(expected) => Err(ConfigError::FileValue {
                path: self.path.clone(),
                line: item.line,
                key,
                found: item.quoted.clone(),
                expected,
            }),
        }
    }

    /// Refuses keys that are not in `known`.
    pub(super) fn refuse_others(&self, known: &[&'static str]) -> Result<(), ConfigError> {
        let Some(item) = self.items.iter().find(|item| !known.contains(&&*item.key)) else {
            return Ok(());
        };
        let key = item.key.clone();
        let hint = match nearest(&key, known) {
            Some(nearest) => format!("did you mean {nearest:?}?"),
            None => format!("the keys are {}", known.join(", ")),
        };
        Err(ConfigError::UnknownKey { path: self.path.clone(), line: item.line, key, hint })
    }
}

/// What the writer of `key` may have meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let alike = |known: &str| strsim::jaro_winkler(&key.to_lowercase(), known);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(nearest) >= ALIKE).then_some(nearest)
}

/// A part of the file, cut to one short line.
fn quote(text: &str, span: Range<usize>) -> String {
    let text = text[span].lines().next().unwrap_or_default();
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
