//! What was sent to be kept, in a file that outlives the server's death.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use sockeye::event::Value;

/// The events of one run; each is also a line of JSON, `{"event":…,"args":[…]}`, of the file, if there is one.
#[derive(Debug)]
pub(super) struct Record(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    file: Option<File>,
    count: usize,
    times: HashMap<String, usize>,
}

impl Record {
    pub(super) fn open(file: Option<&Path>) -> io::Result<Self> {
        let file = file.map(|file| OpenOptions::new().create(true).append(true).open(file));
        let file = file.transpose()?;
        Ok(Self(Mutex::new(Inner { file, count: 0, times: HashMap::new() })))
    }

    /// Once this returns the line is with the system, which a SIGKILL does not touch.
    pub(super) fn add(&self, event: &str, args: &[Value]) -> io::Result<()> {
        let args: Vec<_> = args.iter().map(plain).collect();
        let line = format!("{}\n", json!({ "event": event, "args": args }));
        let mut inner = self.inner();
        inner.count += 1;
        inner.file.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes()))
    }

    /// How many were added.
    pub(super) fn count(&self) -> usize {
        self.inner().count
    }

    /// How often `id` was seen, this time included.
    pub(super) fn times(&self, id: &Value) -> usize {
        let mut inner = self.inner();
        let times = inner.times.entry(plain(id).to_string()).or_default();
        *times += 1;
        *times
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// JSON has no bytes; they are kept as `{"base64":…}`.
fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.clone().into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
        }
        Value::Bytes(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
    }
}
