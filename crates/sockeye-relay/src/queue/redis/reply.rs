//! Reads what scripts answer.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use redis::Value;
use serde_json::{Map, Value as Json};

use crate::queue::{Epitaph, Reason, Seen, State, Stats};

/// The values of an array; none if it is something else.
pub(super) fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

/// Takes values one after another; what is missing or of another type is nothing.
pub(super) struct Fields(std::vec::IntoIter<Value>);

impl Fields {
    pub(super) fn of(value: Value) -> Self {
        Self(array(value).into_iter())
    }

    pub(super) fn value(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Nil)
    }

    pub(super) fn bytes(&mut self) -> Bytes {
        match self.value() {
            Value::BulkString(bytes) => bytes.into(),
            Value::SimpleString(text) => text.into(),
            Value::Int(number) => number.to_string().into(),
            _ => Bytes::new(),
        }
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let text = self.text();
        // Scores are numbers with a point.
        text.parse().ok().or_else(|| text.split('.').next()?.parse().ok())
    }

    pub(super) fn count(&mut self) -> u64 {
        self.number().unwrap_or(0)
    }

    pub(super) fn small(&mut self) -> u32 {
        u32::try_from(self.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn time(&mut self) -> Option<SystemTime> {
        self.number().map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    }

    /// A body: as it is, or the fields of an entry as an object.
    pub(super) fn body(&mut self) -> Bytes {
        self.body_and_fields().0
    }

    /// A body, and the names of the fields if it is an entry as a whole.
    pub(super) fn body_and_fields(&mut self) -> (Bytes, Option<Arc<str>>) {
        match self.value() {
            Value::BulkString(bytes) => (bytes.into(), None),
            Value::Array(fields) => {
                let names = names(&fields);
                (object(fields), Some(names.into()))
            }
            _ => (Bytes::new(), None),
        }
    }

    /// State, reason, error, attempts, time and body of one that is not sent any more.
    pub(super) fn grave(mut self, id: Arc<str>) -> Seen {
        let state = if self.text() == "held" { State::Held } else { State::Dead };
        let word = self.text();
        let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == word);
        let error = self.text();
        let attempts = self.small();
        let since = self.time();
        let body = self.body();
        let epitaph = Epitaph { reason: reason.unwrap_or(Reason::Invalid), error, attempts };
        Seen { id, state, body, attempts, result: None, epitaph: Some(epitaph), since }
    }
}

/// The names of the first fields of an entry, each with no more than its beginning.
fn names(fields: &[Value]) -> String {
    const MAX_NAMES: usize = 8;
    const MAX_CHARS: usize = 40;

    let name = |field: &Value| match field {
        Value::BulkString(bytes) => {
            String::from_utf8_lossy(bytes).chars().take(MAX_CHARS).collect()
        }
        _ => String::new(),
    };
    let names = fields.iter().step_by(2).take(MAX_NAMES).map(|field| format!("{:?}", name(field)));
    let mut names = names.collect::<Vec<String>>().join(", ");
    if fields.len() > 2 * MAX_NAMES {
        names.push_str(", …");
    }
    names
}

/// The fields of an entry as an object of strings.
fn object(fields: Vec<Value>) -> Bytes {
    let mut map = Map::new();
    let mut fields = Fields(fields.into_iter());
    while fields.0.len() > 1 {
        let name = fields.text();
        map.insert(name, Json::String(fields.text()));
    }
    Json::Object(map).to_string().into()
}

/// What `stats` answers.
pub(super) fn stats(value: Value) -> Stats {
    let mut fields = Fields::of(value);
    Stats {
        ready: fields.count(),
        delayed: fields.count(),
        claimed: fields.count(),
        held: fields.count(),
        dead: fields.count(),
        done: fields.number(),
        oldest: fields.number().map(Duration::from_millis),
        is_paused: fields.count() == 1,
        instances: {
            let mut names = Fields::of(fields.value());
            let mut instances = Vec::new();
            while names.0.len() > 0 {
                instances.push(names.text());
            }
            instances
        },
    }
}
