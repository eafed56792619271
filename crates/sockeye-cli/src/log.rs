//! Log lines: which of them, in what form, to stderr; nobody ever waits for one to be written.

mod writer;

use std::{fmt, io, panic, str::FromStr, time::Duration};

use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    prelude::*,
    reload,
};

use self::writer::Writer;

use crate::config::{Expected, Setting, words};

words! {
    /// The form of log lines.
    pub(crate) enum Format {
        /// For people.
        Text = "text",
        /// For machines: one object a line.
        Json = "json",
    }
}

/// Which log lines are written: `info`, or `warn,sockeye::engine=debug`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    text: String,
    targets: Targets,
}

impl Filter {
    /// Warnings and errors.
    pub(crate) fn warn() -> Self {
        Self { text: "warn".into(), targets: Targets::new().with_default(LevelFilter::WARN) }
    }

    /// Everything up to `info`.
    pub(crate) fn info() -> Self {
        Self { text: "info".into(), targets: Targets::new().with_default(LevelFilter::INFO) }
    }
}

impl FromStr for Filter {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        // Stricter than `Targets`, which takes the typing mistake `inof` for the name of a target.
        for part in text.split(',') {
            let (target, level) = part.split_once('=').unwrap_or(("any", part));
            let (target, level) = (target.trim(), level.trim());
            // To `LevelFilter` no text at all is a level.
            if target.is_empty() || level.is_empty() || level.parse::<LevelFilter>().is_err() {
                return Err(Self::EXPECTED);
            }
        }
        let targets = text.parse().map_err(|_| Self::EXPECTED)?;
        Ok(Self { text: text.into(), targets })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Setting for Filter {
    const EXPECTED: Expected = Expected(
        r#"a level (off, error, warn, info, debug, trace), or levels by target, such as "warn,sockeye::engine=debug""#,
    );
}

/// What lines show.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shows {
    /// What they were given: a server's own words.
    All,
    /// No secrets, which a server that we call may repeat.
    NoSecrets,
}

/// How long the first lines may take, and the last ones. Past that nobody reads them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log of this process.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    filter: reload::Handle<Targets, Registry>,
    writer: Writer,
}

impl Log {
    /// Writes the lines of this filter from now on.
    pub(crate) fn set_filter(&self, filter: Filter) {
        // It fails only without a subscriber, and then there are no lines.
        let _ = self.filter.reload(filter.targets);
    }

    /// Waits a moment for the lines that there are to be written.
    pub(crate) fn settle(&self) {
        self.writer.settle(PATIENCE);
    }
}

/// Begins to write log lines, panics among them. Only the first call of a process has an effect.
///
/// # Errors
///
/// There is no thread to be had for it.
pub(crate) fn start(
    filter: Filter,
    format: Format,
    colored: bool,
    shows: Shows,
) -> io::Result<Log> {
    let writer = Writer::start(io::stderr(), shows)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer.clone());
    let lines = match format {
        Format::Text => lines.with_ansi(colored).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let (targets, filter) = reload::Layer::new(filter.targets);
    // The only error is a second call.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
    // The hook that there is would write to stderr itself, and wait.
    panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(Log { filter, writer })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, valid: bool) {
            assert_eq!(text.parse::<Filter>().is_ok(), valid, "{text:?}");
        }
        check("info", true);
        check("OFF", true);
        check("warn,sockeye::engine=debug", true);
        check("sockeye::engine=debug, warn", true);
        check("inof", false);
        check("sockeye=", false);
        check("=info", false);
        check("sockeye", false);
        check("info,", false);
        check("", false);
    }
}
