//! What is kept, and for how long, as it is configured: the queue, the spool, the sinks.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Location, Secret, Size, Time,
    several::{self, Short},
};

/// How much a queue holds, and for how long.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Tasks that may wait or be claimed; more are refused.
    pub max_tasks: u64,
    /// Tasks that are done and remembered, with their results; copies of these are known. 0 remembers none.
    pub done_count: u64,
    /// For how long.
    pub done_age: Time,
    /// Dead and held tasks that are kept.
    pub dead_count: u64,
    /// For how long; what is held waits for somebody.
    pub dead_age: Time,
    /// How long claims stay a relay's that says nothing.
    pub lease: Time,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            max_tasks: 1_000_000,
            done_count: 100_000,
            done_age: Time::seconds(3_600),
            dead_count: 100_000,
            dead_age: Time::seconds(30 * 86_400),
            lease: Time::seconds(30),
        }
    }
}

/// Where what the server sends is kept until the sinks have it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// The file.
    pub path: PathBuf,
    /// Most records.
    pub max_records: u64,
    /// Most bytes of records.
    pub max_bytes: Size,
    /// How old a record may become. Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Time>,
    /// What happens past these: `drop_oldest`, `drop_newest`, or `disconnect`.
    pub when_full: WhenFull,
    /// Where an event has its id, as a JSONPath of its arguments, such as `$[0].id`; copies are not kept. Default: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            path: "relay-spool.db".into(),
            max_records: 1_000_000,
            max_bytes: Size(1 << 30),
            max_age: None,
            when_full: WhenFull::default(),
            event_id: None,
        }
    }
}

/// What a full spool does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The oldest records make room.
    #[default]
    DropOldest,
    /// The event is not kept, nor acknowledged.
    DropNewest,
    /// Nor is it then, and the connection is closed, so that the server knows.
    Disconnect,
}

/// Where what the server sends goes.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// What it is called; each has a name of its own, by which the spool keeps how far it is. Default:
    /// where it is (of a webhook, its host).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The place: `redis://host/0?stream=NAME` (or `list=`, or `channel=`), `sqlite:FILE`, `file:FILE`, `-` for standard
    /// output, or the URL of a webhook, whose path is not shown.
    #[serde(serialize_with = "origin")]
    pub to: Location,
    /// Which events, by name; `*` stands for any text. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "several::texts")]
    pub events: Vec<String>,
    /// The secret that a webhook's requests are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Of a file: how large it may become before the next begins. Default: without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_bytes: Option<Size>,
    /// Of a file: how many that were full are kept.
    #[serde(default = "five")]
    pub keep: usize,
    /// Of a file: when it is made sure that lines are on the disk: `always`, `batch` or `never`.
    #[serde(default)]
    pub fsync: Fsync,
    /// Of a stream or a table: how many entries are kept. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_entries: Option<u64>,
}

/// Of a webhook: where it begins. Whoever knows the rest may post to it.
fn origin<S: serde::Serializer>(to: &Location, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&to.origin())
}

impl Sink {
    /// One that gets everything.
    #[must_use]
    pub fn new(to: Location) -> Self {
        Self {
            name: None,
            to,
            events: Vec::new(),
            secret: None,
            rotate_bytes: None,
            keep: five(),
            fsync: Fsync::default(),
            max_entries: None,
        }
    }
}

impl Short for Sink {
    const EXPECTED: &'static str =
        "a place such as \"file:events.ndjson\", a table [sink], or several [[sink]]";

    fn short(text: &str) -> Self {
        Self::new(Location::new(text))
    }
}

const fn five() -> usize {
    5
}

/// When lines are made sure to be on the disk.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// Each line by itself.
    Always,
    /// Those that were written together.
    #[default]
    Batch,
    /// When the system likes.
    Never,
}
