//! The four sources, laid over each other, with a record of which one gave what.

use std::{
    env,
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{ConfigError, PathSetting, Setting, file::File};

/// The sources of settings. [`Self::pick`] each setting once, then [`Self::finish`].
#[derive(Debug)]
pub(crate) struct Layers {
    file: Option<File>,
    effective: Vec<Entry>,
}

impl Layers {
    /// Opens the sources; the file is the one of `--config`, else of `SOCKEYE_CONFIG`, else `sockeye.toml` if it is there.
    pub(crate) fn open(config: Option<PathSetting>) -> Result<Self, ConfigError> {
        let named = match config {
            Some(flag) => Some(flag),
            None => from_environment("config")?,
        };
        let file = File::find(named.as_ref().map(PathSetting::path))?;
        Ok(Self { file, effective: Vec::new() })
    }

    /// The effective value of a setting.
    pub(crate) fn pick<T: Setting>(
        &mut self,
        key: &'static str,
        flag: Option<T>,
        default: T,
    ) -> Result<T, ConfigError> {
        let (value, source) = self.given(key, flag)?.unwrap_or((default, Source::Default));
        self.effective.push(Entry { key, literal: Some(value.literal()), source });
        Ok(value)
    }

    /// The effective value of a setting that has no default.
    pub(crate) fn pick_optional<T: Setting>(
        &mut self,
        key: &'static str,
        flag: Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let (value, source) = self.given(key, flag)?.unzip();
        let literal = value.as_ref().map(T::literal);
        self.effective.push(Entry { key, literal, source: source.unwrap_or(Source::Default) });
        Ok(value)
    }

    /// Ends it; what the file has and nobody picked is an error.
    pub(crate) fn finish(self) -> Result<Effective, ConfigError> {
        if let Some(file) = &self.file {
            let known: Vec<_> = self.effective.iter().map(|entry| entry.key).collect();
            file.refuse_others(&known)?;
        }
        let file = self.file.map(|file| file.path().to_owned());
        Ok(Effective { file, entries: self.effective })
    }

    /// All sources are read, even below one that wins: a mistake is found before the day it matters.
    fn given<T: Setting>(
        &self,
        key: &'static str,
        flag: Option<T>,
    ) -> Result<Option<(T, Source)>, ConfigError> {
        let in_file = self.file.as_ref().map(|file| file.value(key)).transpose()?.flatten();
        let in_environment = from_environment(key)?;
        Ok(match (flag, in_environment, in_file) {
            (Some(value), _, _) => Some((value, Source::Flag)),
            (None, Some(value), _) => Some((value, Source::Environment)),
            (None, None, Some((value, line))) => Some((value, Source::File { line })),
            (None, None, None) => None,
        })
    }
}

/// The environment variable of a setting.
fn variable(key: &str) -> String {
    format!("SOCKEYE_{}", key.replace('-', "_").to_uppercase())
}

fn from_environment<T: Setting>(key: &str) -> Result<Option<T>, ConfigError> {
    let variable = variable(key);
    let Some(value) = env::var_os(&variable) else {
        return Ok(None);
    };
    let text = value.to_string_lossy();
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(expected) => {
            Err(ConfigError::Variable { variable, found: text.into_owned(), expected })
        }
    }
}

/// The configuration that came out, for people to read: TOML with the source of each value.
#[derive(Debug)]
pub(crate) struct Effective {
    file: Option<PathBuf>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: &'static str,
    literal: Option<String>,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Flag,
    Environment,
    File { line: usize },
    Default,
}

impl Effective {
    /// The keys whose values differ.
    pub(crate) fn changed(&self, other: &Self) -> Vec<&'static str> {
        let pairs = self.entries.iter().zip(&other.entries);
        pairs.filter(|(one, other)| one.literal != other.literal).map(|(one, _)| one.key).collect()
    }

    /// Takes the values of these keys over.
    pub(crate) fn take_over(&mut self, other: &Self, keys: &[&str]) {
        for (one, other) in self.entries.iter_mut().zip(&other.entries) {
            if keys.contains(&one.key) {
                one.literal.clone_from(&other.literal);
                one.source = other.source;
            }
        }
    }

    /// The file that was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "# The file is {}.", file.display())?,
            None => f.write_str("# No file was read.")?,
        }
        let lines: Vec<_> = self.entries.iter().map(Entry::line).collect();
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        for (line, entry) in lines.iter().zip(&self.entries) {
            write!(f, "\n{line:width$}  # ")?;
            match entry.source {
                Source::Flag => write!(f, "flag --{}", entry.key)?,
                Source::Environment => write!(f, "environment {}", variable(entry.key))?,
                Source::File { line } => write!(f, "file, line {line}")?,
                Source::Default => f.write_str("default")?,
            }
        }
        Ok(())
    }
}

impl Entry {
    fn line(&self) -> String {
        let mut line = String::new();
        // Writing to a string can't fail.
        let _ = match &self.literal {
            Some(literal) => write!(line, "{} = {literal}", self.key),
            None => write!(line, "#{} =", self.key),
        };
        line
    }
}
