//! Arguments as they stand on the command line: JSON, text, `@file`, `@bin:file`, `@-`.

use std::{fs, io, path::PathBuf};

use thiserror::Error;

use super::{Arg, unmarked, without_mark};
use crate::{exit::Exit, failure::Ends};

/// Reads the arguments of an event.
///
/// # Errors
///
/// [`Unreadable`]: a file can't be read, or is no JSON.
pub(crate) fn event_args(given: &[String]) -> Result<Vec<Arg>, Unreadable> {
    given.iter().map(|text| event_arg(text)).collect()
}

/// Reads one of them.
///
/// # Errors
///
/// As [`event_args`].
pub(crate) fn event_arg(text: &str) -> Result<Arg, Unreadable> {
    if let Some(name) = text.strip_prefix("@bin:") {
        return file(name).map(Arg::bytes);
    }
    if let Some(name) = text.strip_prefix('@') {
        let json = json_of(name)?;
        return Arg::from_json(&json).map_err(|error| Unreadable::Json {
            name: name.to_owned(),
            reason: error.to_string(),
        });
    }
    match Arg::from_json(text) {
        Ok(arg) => Ok(arg),
        // It is JSON, but its base64 is wrong: a text would hide that.
        Err(error) if serde_json::from_str::<serde::de::IgnoredAny>(unmarked(text)).is_ok() => {
            Err(Unreadable::Argument { text: text.to_owned(), reason: error.to_string() })
        }
        Err(_) => Ok(Arg::string(text)),
    }
}

/// The text of a file; `-` is standard input.
pub(crate) fn json_of(name: &str) -> Result<String, Unreadable> {
    let not_text = |_| Unreadable::Json { name: name.to_owned(), reason: "not UTF-8".into() };
    let bytes = file(name)?;
    std::str::from_utf8(without_mark(&bytes)).map(str::to_owned).map_err(not_text)
}

fn file(name: &str) -> Result<Vec<u8>, Unreadable> {
    let read = if name == "-" {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        fs::read(name)
    };
    read.map_err(|source| Unreadable::File { path: name.into(), source })
}

/// Why an argument could not be read. The user's to mend.
#[derive(Debug, Error)]
pub(crate) enum Unreadable {
    #[error(
        "{}: {source}; after \"@\" name a file that can be read, or write a text as JSON: '\"@…\"'",
        path.display()
    )]
    File { path: PathBuf, source: io::Error },
    #[error("{name} is no JSON: {reason}; \"@bin:{name}\" sends it as bytes")]
    Json { name: String, reason: String },
    #[error("{text}: {reason}")]
    Argument { text: String, reason: String },
    #[error("--auth is no JSON object: {reason}; expected something like '{{\"token\":\"…\"}}'")]
    Auth { reason: String },
    #[error("{flag} is no JSON: {reason}")]
    Flag { flag: &'static str, reason: String },
    #[error("{place}: {reason}")]
    Recorded { place: String, reason: String },
    #[error("line {number} of standard input: {reason}")]
    Line { number: usize, reason: String },
}

impl Ends for Unreadable {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_else_text() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(given: &str, expect: &str) {
            let args = event_args(&[given.to_owned()]).unwrap();
            assert_eq!(Arg::raw_args(&args).unwrap().text(), expect, "{given:?}");
        }
        check("1", "1");
        check("hello", r#""hello""#);
        check(r#""1""#, r#""1""#);
        check("true", "true");
        check("{\"a\":[1]}", "{\"a\":[1]}");
        check("{a:1}", r#""{a:1}""#);
        check("", r#""""#);
        check(r#""@x""#, r#""@x""#);
    }

    #[test]
    fn mistakes_are_told() {
        let error = |given: &str| event_args(&[given.to_owned()]).unwrap_err().to_string();
        assert!(error("@/nowhere").contains("/nowhere"));
        assert!(error("@bin:/nowhere").contains("/nowhere"));
        assert!(error(r#"{"$bin":"%"}"#).contains("base64"));
    }
}
