//! A task: an event to emit, and what is wanted of it.

mod envelope;
mod found;
mod invalid;
mod located;
mod mapping;
mod members;
mod moment;
#[cfg(test)]
mod tests;
mod whole;

use std::{sync::Arc, time::SystemTime};

use serde_json::{Map, Value};
use sockeye::event::RawArgs;

pub use invalid::InvalidTask;
pub use mapping::{Mapping, MappingError};
pub use whole::Whole;

use crate::{delivery::Confirm, expression::Subject};

/// The largest task that is read, in bytes.
pub const MAX_TASK_BYTES: usize = 16 * 1024 * 1024;

/// A task, read.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its id, if its producer gave one. By it copies are known, and results are found.
    pub id: Option<Arc<str>>,
    /// Those of one key are sent in order; the key also chooses the connection.
    pub key: Option<Arc<str>>,
    /// The namespace, if it is not that of the connection.
    pub namespace: Option<Arc<str>>,
    /// The event's name.
    pub event: Arc<str>,
    /// Its arguments.
    pub args: RawArgs,
    /// Not sent before.
    pub not_before: Option<SystemTime>,
    /// Not sent after.
    pub deadline: Option<SystemTime>,
    /// What has to happen before it is done, if not what is configured.
    pub confirm: Option<Confirm>,
    /// How many attempts may count, if not what is configured.
    pub max_attempts: Option<u32>,
    /// Where its result goes, as its store understands it.
    pub reply_to: Option<Arc<str>>,
    /// The trace that it belongs to (W3C Trace Context).
    pub traceparent: Option<Arc<str>>,
    /// The whole of it, for expressions that speak of `task`.
    pub whole: Whole,
}

impl Task {
    /// Reads a task: by the mapping if there is one, else as an envelope.
    ///
    /// # Errors
    ///
    /// [`InvalidTask`]: what was found, and what was expected.
    ///
    /// # Examples
    ///
    /// ```
    /// use sockeye_relay::task::Task;
    ///
    /// let task = Task::read(None, br#"{"id":"7","event":"chat","args":["hi"]}"#)?;
    /// assert_eq!((&*task.event, task.args.text()), ("chat", r#""hi""#));
    /// let mistaken = Task::read(None, br#"{"event":"chat","deadlin":"2026-12-01T12:00:00Z"}"#);
    /// assert!(mistaken.unwrap_err().to_string().contains(r#"did you mean "deadline"?"#));
    /// # Ok::<_, sockeye_relay::task::InvalidTask>(())
    /// ```
    pub fn read(mapping: Option<&Mapping>, body: &[u8]) -> Result<Self, InvalidTask> {
        if body.len() > MAX_TASK_BYTES {
            return Err(InvalidTask::TooLarge { bytes: body.len(), max_bytes: MAX_TASK_BYTES });
        }
        let text = std::str::from_utf8(body).map_err(|_| InvalidTask::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as files from Windows begin
        mapping.map_or_else(|| envelope::read(text), |mapping| mapping.read(text))
    }

    /// It as expressions see it: `task.event`, `task.id`, `task.key`, `task.nsp` and `task.args` are what was read, wherever the
    /// mapping found them; everything else is as its producer wrote it. On a clash of names what was read wins.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        let whole = self.whole.value();
        self.whole
            .named(|| self.named())
            .map_or_else(|| Subject::from(whole), |named| Subject::new(named, whole))
    }

    fn named(&self) -> Map<String, Value> {
        let texts = [
            ("event", Some(&self.event)),
            ("id", self.id.as_ref()),
            ("key", self.key.as_ref()),
            ("nsp", self.namespace.as_ref()),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, (**text?).into())));
        let args = serde_json::from_str(&format!("[{}]", self.args.text())).unwrap_or_default();
        texts.chain([("args", args)]).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Reads a list of arguments, in which `{"$bin":"<base64>"}` is an attachment.
///
/// # Errors
///
/// [`InvalidTask`].
pub fn read_args(json: &str) -> Result<RawArgs, InvalidTask> {
    let raw = serde_json::from_str(json);
    let raw: &serde_json::value::RawValue =
        raw.map_err(|error| InvalidTask::Json { reason: error.to_string() })?;
    envelope::args(raw)
}

/// What the writer of a field may have meant.
fn hint(field: &str, known: &[&str]) -> String {
    const ALIKE: f64 = 0.7;

    let alike = |known: &str| strsim::jaro_winkler(&field.to_lowercase(), known);
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match nearest.filter(|nearest| alike(nearest) >= ALIKE) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("the fields are {}", known.join(", ")),
    }
}
