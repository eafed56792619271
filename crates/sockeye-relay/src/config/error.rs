//! What can be wrong in a configuration. All of it is the user's to mend, so each text says where and how.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::reference::tables_with;

/// Why there is no configuration.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{}: {source}; name a file that can be read with --config FILE", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something that it may not.
    #[error("{place}: {reason}")]
    Wrong {
        /// The file and the line, or where else it came from.
        place: String,
        /// What was found, what was expected.
        reason: String,
    },
    /// A value does not go with the rest.
    #[error("{key}: {reason}")]
    Value {
        /// The key, such as `delivery.confirm`.
        key: String,
        /// What was found, what to do.
        reason: String,
    },
}

impl ConfigError {
    pub(super) fn value(key: impl Into<String>, reason: impl ToString) -> Self {
        Self::Value { key: key.into(), reason: reason.to_string() }
    }

    /// What TOML says, with the line, and the key that may have been meant.
    pub(super) fn of_toml(place: &str, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        let place = line.map_or_else(|| place.to_owned(), |line| format!("{place}:{line}"));
        let message = error.message().trim_end();
        let reason = several(text)
            .or_else(|| unknown(message))
            .or_else(|| missing(message))
            .or_else(|| mistyped(message))
            .unwrap_or_else(|| message.to_owned());
        Self::Wrong { place, reason }
    }
}

/// What is said of a key that is not there, from the words of serde: "missing field `x`".
fn missing(message: &str) -> Option<String> {
    let key = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    let expected = match key {
        // A task whose arguments are forgotten would be emitted without any, and be done.
        "args" => {
            "write args = [\"$\"] for the whole task as the only argument, args = [] for none"
        }
        "event" => "write event = \"…\"",
        "to" => "write where this sink is, such as to = \"file:events.ndjson\"",
        "where" => "write which task an event answers, such as where = \"$[0].reqId == task.id\"",
        _ => "it has no default",
    };
    Some(format!("the key {key:?} is missing; {expected}"))
}

/// What is said of `[[x]]` where there is one table alone: serde takes it for a list of values, and says strange things of them.
fn several(text: &str) -> Option<String> {
    ["delivery", "store", "spool", "task"].into_iter().find_map(|table| {
        let is_there = text.lines().any(|line| line.trim().starts_with(&format!("[[{table}]]")));
        is_there.then(|| {
            format!("there is one table of this name; write [{table}] instead of [[{table}]]")
        })
    })
}

/// What is said of a value of another type, from the words of serde: "invalid type: x, expected struct Y".
fn mistyped(message: &str) -> Option<String> {
    if message.starts_with("duplicate key") {
        return Some(format!(
            "{message}; a table that may be there several times is written [[to]] or [[sink]], each time"
        ));
    }
    let (found, expected) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let expected = match expected {
        "struct Delivery" => "a table [delivery], such as delivery = { confirm = \"ack\" }",
        "struct Event" => {
            "a table; what differs for an event is in a table of its name: [event.NAME]"
        }
        "struct Mapping" => "a table [task], which says where the parts of a task are",
        "struct Store" => "a table [store]",
        "struct Spool" => "a table [spool], such as spool = { path = \"relay-spool.db\" }",
        "struct Reply" => {
            "something like { event = \"answer\", where = \"$[0].reqId == task.id\" }"
        }
        "struct Rate" => "something like { per_second = 50 }",
        "struct OnConnect" => "a table [[to.on_connect]], such as { event = \"login\" }",
        "a sequence" => "a list, such as [\"…\"]",
        "a map" => "a table",
        other => other,
    };
    Some(format!("found {found}; expected {expected}"))
}

/// What is said of a key that is none, from the words of serde: "unknown field `x`, expected one of `a`, `b`".
fn unknown(message: &str) -> Option<String> {
    const ALIKE: f64 = 0.7;

    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let alike = |known: &str| strsim::jaro_winkler(&key.to_lowercase(), known);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    let elsewhere: Vec<String> = tables_with(key)
        .into_iter()
        .map(|table| match table {
            "" => "at the top, before the first [table]".to_owned(),
            table => format!("in {table}"),
        })
        .collect();
    if !elsewhere.is_empty() {
        return Some(format!(
            "the key {key:?} is not known here; it belongs {}",
            elsewhere.join(" or ")
        ));
    }
    Some(match nearest.filter(|nearest| alike(nearest) >= ALIKE) {
        Some(nearest) => format!("unknown key {key:?}; did you mean {nearest:?}?"),
        None => format!("unknown key {key:?}; the keys here are {}", known.join(", ")),
    })
}
