//! Log lines: which of them, in what form, to stderr.

use std::{fmt, io, str::FromStr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

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

/// Begins to write log lines. Only the first call of a process has an effect.
pub(crate) fn start(filter: Filter, format: Format, colored: bool) {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        Format::Text => lines.with_ansi(colored).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // The only error is a second call.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter.targets)).try_init();
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
