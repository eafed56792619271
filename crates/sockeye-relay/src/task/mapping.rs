//! Reads tasks as a producer of others writes them: says by JSONPath (RFC 9535) where each part of a task is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, value::RawValue};
use serde_json_path::JsonPath;
use sockeye::event::{Arg, RawArgs};

use super::{
    InvalidTask, Task, Whole,
    envelope::{self, FIELDS},
    found::quoted,
    located,
};
use thiserror::Error;

/// Where the parts of a task are in the JSON of its producer.
///
/// A text that begins with `$` is a path; any other stands for itself, and so does one behind a backslash. `args` is a path to
/// a list, or a list of paths, one for each argument. What a path finds goes through as its producer wrote it, to the last digit
/// of a number and in the order of the keys.
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
    args: Args,
    /// Where they are for the tasks of these events.
    args_of: BTreeMap<String, Args>,
    /// Whether it was told that the event may be meant as a path.
    has_warned: Arc<AtomicBool>,
}

/// Where the arguments are.
#[derive(Clone, Debug)]
enum Args {
    /// Each of them.
    Each(Vec<Source>),
    /// The whole list.
    Whole(Source),
}

#[derive(Clone, Debug)]
enum Source {
    Path(Box<JsonPath>, String),
    Constant {
        text: String,
        json: Box<RawValue>,
        /// Whether a backslash before it says that it is no path.
        is_meant: bool,
    },
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
    /// A text stands where only a path makes sense.
    #[error("{field}: {text:?} has no $ before it, so it stands for itself, {consequence}")]
    NoPath {
        /// The field.
        field: String,
        /// What was given.
        text: String,
        /// What would come of it, and what was meant, likely.
        consequence: String,
    },
    /// A text that stands for itself can't.
    #[error("{0}")]
    Constant(InvalidTask),
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
            let source = Source::new(known, text)?;
            if known == "id" && matches!(source, Source::Constant { .. }) {
                let path = likely(text);
                let consequence = format!(
                    "and every task but the first would be a copy of it; expected a path, such as {path:?}"
                );
                return Err(MappingError::NoPath {
                    field: field.to_owned(),
                    text: text.to_owned(),
                    consequence,
                });
            }
            mapped.insert(known, source);
        }
        let args = each(args)?;
        let Some(event) = mapped.get("event") else { return Err(MappingError::NoEvent) };
        let is_path = |source: &Source| matches!(source, Source::Path(..));
        if let Source::Constant { text, is_meant: false, .. } = event
            && !mapped.values().chain(&args).any(is_path)
        {
            let path = likely(text);
            let consequence = format!(
                "and nothing else is a path: every task would be the same; expected something like {path:?}, or {:?} if the text is meant",
                format!("\\{text}")
            );
            let (field, text) = ("event".to_owned(), text.clone());
            return Err(MappingError::NoPath { field, text, consequence });
        }
        let has_warned = Arc::default();
        Ok(Self { fields: mapped, args: Args::Each(args), args_of: BTreeMap::new(), has_warned })
    }

    /// The same, with the whole list of the arguments at one path.
    ///
    /// # Errors
    ///
    /// [`MappingError`].
    pub fn with_args_at(mut self, path: &str) -> Result<Self, MappingError> {
        self.args = whole(path)?;
        Ok(self)
    }

    /// The same, with other arguments for the tasks of an event: a path for each.
    ///
    /// # Errors
    ///
    /// [`MappingError`].
    pub fn with_args_of<'a>(
        mut self,
        event: &str,
        args: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, MappingError> {
        self.args_of.insert(event.to_owned(), Args::Each(each(args)?));
        Ok(self)
    }

    /// The same, with the whole list of the arguments of an event at one path.
    ///
    /// # Errors
    ///
    /// [`MappingError`].
    pub fn with_args_of_at(mut self, event: &str, path: &str) -> Result<Self, MappingError> {
        self.args_of.insert(event.to_owned(), whole(path)?);
        Ok(self)
    }

    pub(super) fn read(&self, text: &str) -> Result<Task, InvalidTask> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| InvalidTask::Json { reason: error.to_string() })?;
        let body = Body { text, value: &value };
        let Some(event) = self.find("event", body, envelope::event)? else {
            return Err(self.missing("event"));
        };
        self.warn_once(body);
        let named = |field| self.find(field, body, |raw| envelope::name(field, raw));
        let moment = |field| self.find(field, body, |raw| envelope::moment(field, raw));
        Ok(Task {
            id: named("id")?,
            key: named("key")?,
            namespace: self.find("nsp", body, envelope::namespace)?,
            args: self.args_of.get(&*event).unwrap_or(&self.args).read(body)?,
            event,
            not_before: moment("not_before")?,
            deadline: moment("deadline")?,
            confirm: self.find("confirm", body, envelope::confirm)?,
            max_attempts: self.find("attempts", body, envelope::attempts)?,
            reply_to: self.find("reply_to", body, envelope::reply_to)?,
            traceparent: named("traceparent")?,
            whole: Whole::of_mapped(text),
        })
    }

    /// Reads what is there, unless it is `null`.
    fn find<T>(
        &self,
        field: &str,
        body: Body<'_>,
        read: impl FnOnce(&RawValue) -> Result<T, InvalidTask>,
    ) -> Result<Option<T>, InvalidTask> {
        let Some(source) = self.fields.get(field) else { return Ok(None) };
        let found = source.find(field, body)?.filter(|raw| raw.get() != "null");
        found.map(|raw| read(&raw)).transpose()
    }

    /// Says once that the tasks have what the event is called: a path may have been meant.
    fn warn_once(&self, body: Body<'_>) {
        let Some(Source::Constant { text, is_meant: false, .. }) = self.fields.get("event") else {
            return;
        };
        if body.value.get(text).is_some_and(Value::is_string)
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                target: "sockeye::relay",
                "every task emits the event {text:?}, as [task] says, and there is a {text:?} in the tasks: to emit what that holds, \
                 write event = {:?}",
                likely(text)
            );
        }
    }

    fn missing(&self, field: &'static str) -> InvalidTask {
        self.fields
            .get(field)
            .map_or_else(|| InvalidTask::Missing { field: field.into() }, |it| it.missing(field))
    }
}

impl Args {
    fn read(&self, body: Body<'_>) -> Result<RawArgs, InvalidTask> {
        let found =
            |source: &Source| source.find("args", body)?.ok_or_else(|| source.missing("args"));
        match self {
            Self::Whole(source) => envelope::args(&found(source)?),
            Self::Each(sources) => {
                let args = sources.iter().map(|source| {
                    Arg::from_raw(found(source)?)
                        .map_err(|error| InvalidTask::Args { reason: error.to_string() })
                });
                Ok(Arg::raw_args(&args.collect::<Result<Vec<_>, _>>()?)?)
            }
        }
    }
}

fn each<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Vec<Source>, MappingError> {
    args.into_iter().map(|text| Source::new("args", text)).collect()
}

fn whole(path: &str) -> Result<Args, MappingError> {
    let source = Source::new("args", path)?;
    if matches!(source, Source::Path(..)) {
        return Ok(Args::Whole(source));
    }
    let consequence = format!(
        "and a text is no list of arguments; expected the path of the whole list, such as {:?}, or a list with a path for each",
        likely(path)
    );
    Err(MappingError::NoPath { field: "args".to_owned(), text: path.to_owned(), consequence })
}

/// A task as its producer wrote it, and its values.
#[derive(Clone, Copy)]
struct Body<'b> {
    text: &'b str,
    value: &'b Value,
}

impl Source {
    fn new(field: &str, text: &str) -> Result<Self, MappingError> {
        if !text.starts_with('$') {
            return Self::constant(field, text);
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

    /// A text that stands for itself, if the field takes it.
    fn constant(field: &str, text: &str) -> Result<Self, MappingError> {
        let (text, is_meant) = match text.strip_prefix('\\') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let is_number =
            matches!(field, "attempts" | "not_before" | "deadline") && text.parse::<u64>().is_ok();
        let json = if is_number { RawValue::from_string(text.to_owned()) } else { written(text) };
        let json = json.map_err(|error| {
            MappingError::Constant(InvalidTask::Json { reason: error.to_string() })
        })?;
        let read = match field {
            "event" => envelope::event(&json).map(drop),
            "nsp" => envelope::namespace(&json).map(drop),
            "confirm" => envelope::confirm(&json).map(drop),
            "attempts" => envelope::attempts(&json).map(drop),
            "not_before" | "deadline" => envelope::moment(field, &json).map(drop),
            "args" => Ok(()),
            _ => envelope::name(field, &json).map(drop),
        };
        read.map_err(MappingError::Constant)?;
        Ok(Self::Constant { text: text.to_owned(), json, is_meant })
    }

    /// What is there, as it was written; `None` if nothing is.
    fn find(&self, field: &str, body: Body<'_>) -> Result<Option<Box<RawValue>>, InvalidTask> {
        let (path, text) = match self {
            Self::Constant { json, .. } => return Ok(Some(json.clone())),
            Self::Path(path, text) => (path, text),
        };
        let nodes = path.query_located(body.value).all();
        if let [first, second, ..] = &nodes[..] {
            return Err(InvalidTask::Many {
                field: field.to_owned(),
                path: text.clone(),
                found: quoted(&format!("{}, {}", first.node(), second.node())),
            });
        }
        let found = nodes.first().and_then(|node| located::at(body.text, node.location()));
        Ok(found.map(RawValue::to_owned))
    }

    fn missing(&self, field: &str) -> InvalidTask {
        match self {
            Self::Path(_, path) => {
                InvalidTask::NotThere { field: field.to_owned(), path: path.clone() }
            }
            Self::Constant { .. } => InvalidTask::Missing { field: field.to_owned() },
        }
    }
}

/// The path that may have been meant by a text without its begin.
fn likely(text: &str) -> String {
    format!("$.{}", text.trim_start_matches(['\\', '.']))
}

fn written(text: &str) -> serde_json::Result<Box<RawValue>> {
    serde_json::value::to_raw_value(text)
}
