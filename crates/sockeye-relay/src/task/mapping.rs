//! Reads tasks as a producer of others writes them: says by JSONPath (RFC 9535) where each part of a task is.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, value::RawValue};
use serde_json_path::JsonPath;
use sockeye::event::{Arg, RawArgs};

use super::{
    InvalidTask, Task,
    envelope::{FIELDS, args, moment, name, reply_to},
    found::{quoted, typed},
};
use thiserror::Error;

/// Where the parts of a task are in the JSON of its producer.
///
/// A text that begins with `$` is a path; any other stands for itself, and so does one behind a backslash. `args` is a path to
/// a list, or a list of paths, one for each argument. Numbers that no double holds are not kept as they were written, as they
/// are in envelopes.
///
/// # Examples
///
/// ```
/// use sockeye_relay::task::{Mapping, Task};
///
/// let mapping = Mapping::new([("event", "$.type"), ("key", "$.data.account")], ["$.data"])?;
/// let body = br#"{"type":"message","data":{"account":"7","text":"hi"}}"#;
/// let task = Task::read(Some(&mapping), body)?;
/// assert_eq!((&*task.event, task.key.as_deref()), ("message", Some("7")));
/// assert_eq!(task.args.text(), r#"{"account":"7","text":"hi"}"#);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mapping {
    fields: BTreeMap<&'static str, Source>,
    args: Vec<Source>,
    /// Whether the one path of `args` is that of the whole list.
    is_args_whole: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Path(Box<JsonPath>, String),
    Constant(String),
}

/// Why a mapping can't be used. The fault of whoever wrote it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum MappingError {
    /// A path can't be read.
    #[error(
        "{field}: {path:?} is not a JSONPath: {reason}; a text that is none begins with another character, or a backslash"
    )]
    Path {
        /// The field.
        field: String,
        /// What was given.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such field.
    #[error("tasks have no field {field:?}; {hint}")]
    Field {
        /// What was given.
        field: String,
        /// What may have been meant.
        hint: String,
    },
    /// The event is not mapped.
    #[error("no event: say where its name is, such as event = \"$.type\", or what it is")]
    NoEvent,
}

impl Mapping {
    /// A mapping of these fields, and of a path for each argument.
    ///
    /// # Errors
    ///
    /// [`MappingError`].
    pub fn new<'a>(
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, MappingError> {
        let mut mapped = BTreeMap::new();
        for (field, text) in fields {
            let Some(known) = FIELDS.into_iter().find(|known| *known == field && field != "args")
            else {
                let hint = super::hint(field, &FIELDS);
                return Err(MappingError::Field { field: field.to_owned(), hint });
            };
            mapped.insert(known, Source::new(field, text)?);
        }
        if !mapped.contains_key("event") {
            return Err(MappingError::NoEvent);
        }
        let args = args.into_iter().map(|text| Source::new("args", text));
        Ok(Self { fields: mapped, args: args.collect::<Result<_, _>>()?, is_args_whole: false })
    }

    /// The same, with the whole list of the arguments at one path.
    ///
    /// # Errors
    ///
    /// [`MappingError`].
    pub fn with_args_at(mut self, path: &str) -> Result<Self, MappingError> {
        self.args = vec![Source::new("args", path)?];
        self.is_args_whole = true;
        Ok(self)
    }

    pub(super) fn read(&self, text: &str) -> Result<Task, InvalidTask> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| InvalidTask::Json { reason: error.to_string() })?;
        let Some(event) = self.find("event", &value)? else {
            return Err(self.missing("event"));
        };
        let confirm = self.find("confirm", &value)?;
        let attempts = self.find("attempts", &value)?;
        Ok(Task {
            id: self.named("id", &value)?,
            key: self.named("key", &value)?,
            namespace: self.named("nsp", &value)?,
            event: name("event", &event)?,
            args: self.args(&value)?,
            not_before: self.moment("not_before", &value)?,
            deadline: self.moment("deadline", &value)?,
            confirm: confirm
                .map(|raw| typed("confirm", &raw, "\"none\", \"written\", \"ack\" or \"event\""))
                .transpose()?,
            max_attempts: attempts
                .map(|raw| typed("attempts", &raw, "a number from 1 on"))
                .transpose()?,
            reply_to: self.find("reply_to", &value)?.map(|raw| reply_to(&raw)).transpose()?,
            traceparent: self.named("traceparent", &value)?,
            whole: value.into(),
        })
    }

    fn args(&self, value: &Value) -> Result<RawArgs, InvalidTask> {
        if let ([source], true) = (&*self.args, self.is_args_whole) {
            return match source.find("args", value)? {
                Some(found) => args(&found),
                None => Err(self.missing("args")),
            };
        }
        let args = self.args.iter().map(|source| {
            let found = source.find("args", value)?;
            let found = found.ok_or_else(|| source.missing("args"))?;
            Arg::from_raw(found).map_err(|error| InvalidTask::Args { reason: error.to_string() })
        });
        Ok(Arg::raw_args(&args.collect::<Result<Vec<_>, _>>()?)?)
    }

    fn named(&self, field: &str, value: &Value) -> Result<Option<Arc<str>>, InvalidTask> {
        self.find(field, value)?.map(|raw| name(field, &raw)).transpose()
    }

    fn moment(
        &self,
        field: &str,
        value: &Value,
    ) -> Result<Option<std::time::SystemTime>, InvalidTask> {
        self.find(field, value)?.map(|raw| moment(field, &raw)).transpose()
    }

    fn find(&self, field: &str, value: &Value) -> Result<Option<Box<RawValue>>, InvalidTask> {
        self.fields.get(field).map_or(Ok(None), |source| source.find(field, value))
    }

    fn missing(&self, field: &'static str) -> InvalidTask {
        self.fields
            .get(field)
            .or_else(|| self.args.first())
            .map_or_else(|| InvalidTask::Missing { field: field.into() }, |it| it.missing(field))
    }
}

impl Source {
    fn new(field: &str, text: &str) -> Result<Self, MappingError> {
        if !text.starts_with('$') {
            return Ok(Self::Constant(text.strip_prefix('\\').unwrap_or(text).to_owned()));
        }
        match JsonPath::parse(text) {
            Ok(path) => Ok(Self::Path(Box::new(path), text.to_owned())),
            Err(error) => Err(MappingError::Path {
                field: field.to_owned(),
                path: text.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// What is there; `None` if nothing is, or `null`.
    fn find(&self, field: &str, value: &Value) -> Result<Option<Box<RawValue>>, InvalidTask> {
        let found = match self {
            Self::Constant(text) => return Ok(Some(raw(&Value::from(text.as_str()))?)),
            Self::Path(path, text) => {
                let nodes = path.query(value).all();
                if let [first, second, ..] = nodes[..] {
                    return Err(InvalidTask::Many {
                        field: field.to_owned(),
                        path: text.clone(),
                        found: quoted(&format!("{first}, {second}")),
                    });
                }
                nodes.first().copied()
            }
        };
        found.filter(|found| field == "args" || !found.is_null()).map(raw).transpose()
    }

    fn missing(&self, field: &str) -> InvalidTask {
        match self {
            Self::Path(_, path) => {
                InvalidTask::NotThere { field: field.to_owned(), path: path.clone() }
            }
            Self::Constant(_) => InvalidTask::Missing { field: field.to_owned() },
        }
    }
}

fn raw(value: &Value) -> Result<Box<RawValue>, InvalidTask> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| InvalidTask::Json { reason: error.to_string() })
}
