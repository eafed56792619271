//! The configuration of a relay: `relay.toml`, its values, and what is made of them.
//!
//! Whatever is wrong in it is said when it is read, with the file, the line, and what may have been meant.

mod build;
mod connection;
mod delivery;
mod error;
mod fetch;
mod reference;
mod several;
mod storage;
#[cfg(test)]
mod tests;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use connection::{Connection, Connections, Eio, OnConnect, Parser, Transport};
pub use delivery::{Delivery, Event, MappedArgs, Mapping, Rate, Reply};
pub use error::ConfigError;
pub use fetch::Learn;
pub use reference::reference;
pub use storage::{Fsync, Sink, Spool, Store, WhenFull};
pub use values::{Location, Secret, Size, Time};

/// What a relay is told.
///
/// # Examples
///
/// ```
/// use sockeye_relay::config::Config;
///
/// let text = r#"
///     from = "redis://127.0.0.1/0?list=tasks"
///     to = "https://example.com/imchat"
///
///     [delivery]
///     confirm_timout = "5s"
/// "#;
/// let error = Config::read(text, "relay.toml").unwrap_err();
/// assert_eq!(error.to_string(), r#"relay.toml:6: unknown key "confirm_timout"; did you mean "confirm_timeout"?"#);
/// ```
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The queue: `redis://host/0?list=NAME`, `redis://host/0?stream=NAME`, `sqlite:FILE`, or `-` for lines of JSON on
    /// standard input, which are kept in `queue` until they are done. Default: `sqlite:relay.db`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Location>,
    /// Where lines of standard input are kept. Default: `sqlite:relay.db`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Location>,
    /// The address to take tasks at by HTTP, such as `127.0.0.1:8080`. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The bearer token that tasks by HTTP need. Without one only addresses of this machine are listened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file with that token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<std::path::PathBuf>,
    /// The address of `/healthz`, `/readyz` and `/metrics`. Default: that of `listen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// The server: a URL, a table `[to]`, or several `[[to]]`.
    pub to: Connections,
    /// What is promised for tasks.
    pub delivery: Delivery,
    /// Where it differs for the tasks of one event: `[event.NAME]`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub event: BTreeMap<String, Event>,
    /// Where the parts of a task are, if its producer writes no envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Mapping>,
    /// How much the queue holds, and for how long.
    pub store: Store,
    /// Where what the server sends goes: a place, a table `[sink]`, or several `[[sink]]`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "several::tables")]
    pub sink: Vec<Sink>,
    /// Where it is kept until the sinks have it.
    pub spool: Spool,
}

impl Config {
    /// Reads TOML; `place` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn read(text: &str, place: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::of_toml(place, text, &error))
    }

    /// Reads a file. Relative paths in it are those of the working directory, as everywhere else: a relay that a service manager
    /// starts has its configuration in one folder, and its queue, spool and files in another.
    ///
    /// # Errors
    ///
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::read(&text, &path.display().to_string())
    }

    /// It as TOML, with every default, and without secrets.
    #[must_use]
    pub fn show(&self) -> String {
        // All of its types have a form in TOML.
        toml::to_string_pretty(self).unwrap_or_default()
    }

    /// Takes over from the configuration of a running relay what can't be changed while it runs; says which keys had other
    /// values. Of the connections their `keys` can be changed.
    pub fn keep_fixed(&mut self, running: &Self) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        macro_rules! keep {
            ($($key:literal: $($field:ident).+,)+) => {
                $(if self.$($field).+ != running.$($field).+ {
                    self.$($field).+.clone_from(&running.$($field).+);
                    kept.push($key.to_owned());
                })+
            };
        }
        if !self.to.differs_in_keys_alone(&running.to) {
            self.to.clone_from(&running.to);
            kept.push("to".to_owned());
        }
        keep! {
            "from": from,
            "queue": queue,
            "listen": listen,
            "token": token,
            "token_file": token_file,
            "health": health,
            "task": task,
            "store": store,
            "sink": sink,
            "spool": spool,
            "delivery.success": delivery.success,
            "delivery.permanent": delivery.permanent,
            "delivery.reply": delivery.reply,
        }
        // Answers are judged by the connections, which stay; inlets read tasks as they did, and so do we.
        let names: BTreeSet<&String> = self.event.keys().chain(running.event.keys()).collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        for name in names {
            let old = running.event.get(&name).cloned().unwrap_or_default();
            let new = self.event.get(&name).cloned().unwrap_or_default();
            for (key, differs) in [
                ("success", new.success != old.success),
                ("permanent", new.permanent != old.permanent),
                ("args", new.args != old.args),
            ] {
                if differs {
                    kept.push(format!("event.{name}.{key}"));
                }
            }
            let fixed = |it: &Event| (it.success.clone(), it.permanent.clone(), it.args.clone());
            if fixed(&new) != fixed(&old) {
                let event = self.event.entry(name).or_default();
                (event.success, event.permanent, event.args) = fixed(&old);
            }
        }
        kept
    }
}
