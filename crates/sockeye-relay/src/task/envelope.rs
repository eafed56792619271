//! Reads a task as our own producers write it: a JSON object with an event, its arguments, and what is wanted of it.

use std::sync::Arc;

use serde_json::value::RawValue;
use sockeye::event::{Arg, EncodeError, RawArgs, ToArgs as _};

use super::{
    InvalidTask, Task, Whole,
    found::{quoted, typed},
    members::Members,
    moment::Moment,
};
use crate::delivery::Confirm;

/// The fields of an envelope.
pub(super) const FIELDS: [&str; 11] = [
    "id",
    "key",
    "nsp",
    "event",
    "args",
    "not_before",
    "deadline",
    "confirm",
    "attempts",
    "reply_to",
    "traceparent",
];

/// The largest number of attempts that a task may ask for.
const MAX_ATTEMPTS: u32 = 1_000_000;

/// Reads one.
pub(super) fn read(text: &str) -> Result<Task, InvalidTask> {
    let members = Members::read(text)?;
    if let Some(unknown) = members.names().find(|name| !FIELDS.contains(&&**name)) {
        return Err(InvalidTask::unknown_field(unknown, &FIELDS));
    }
    let event = match members.find("event") {
        Some(raw) => event(raw)?,
        None => return Err(InvalidTask::Missing { field: "event".into() }),
    };
    let args = members.find("args").map_or_else(|| Ok(RawArgs::from_list::<u8>(&[])?), args)?;
    Ok(Task {
        id: members.find("id").map(|raw| name("id", raw)).transpose()?,
        key: members.find("key").map(|raw| name("key", raw)).transpose()?,
        namespace: members.find("nsp").map(namespace).transpose()?,
        event,
        args,
        not_before: members.find("not_before").map(|raw| moment("not_before", raw)).transpose()?,
        deadline: members.find("deadline").map(|raw| moment("deadline", raw)).transpose()?,
        confirm: members.find("confirm").map(confirm).transpose()?,
        max_attempts: members.find("attempts").map(attempts).transpose()?,
        reply_to: members.find("reply_to").map(reply_to).transpose()?,
        traceparent: members.find("traceparent").map(|raw| name("traceparent", raw)).transpose()?,
        whole: Whole::of_text(text),
    })
}

/// The name of an event: a text that may be emitted.
pub(super) fn event(raw: &RawValue) -> Result<Arc<str>, InvalidTask> {
    let event: String = typed("event", raw, "a text")?;
    let wrong = |expected: &str| InvalidTask::Type {
        field: "event".into(),
        found: quoted(raw.get()),
        expected: expected.to_owned(),
    };
    if event.is_empty() {
        return Err(wrong("the name of the event to emit"));
    }
    match RawArgs::from_list::<u8>(&[])?.to_event(&event) {
        Ok(_) => Ok(event.into()),
        Err(EncodeError::ReservedEventName { .. }) => {
            Err(wrong("another name, for this one is reserved by Socket.IO"))
        }
        Err(error) => Err(error.into()),
    }
}

/// The arguments: a list, in which `{"$bin":…}` is an attachment.
pub(super) fn args(raw: &RawValue) -> Result<RawArgs, InvalidTask> {
    let items: Vec<Box<RawValue>> = typed("args", raw, "a list, such as [\"hi\", 1]")?;
    let args = items.into_iter().map(Arg::from_raw).collect::<Result<Vec<_>, _>>();
    let args = args.map_err(|error| InvalidTask::Args { reason: error.to_string() })?;
    Ok(Arg::raw_args(&args)?)
}

/// What something is called: a text, or a number, which stands for its digits.
pub(super) fn name(field: &str, raw: &RawValue) -> Result<Arc<str>, InvalidTask> {
    let found = raw.get();
    let text = match found.as_bytes().first() {
        Some(b'0'..=b'9' | b'-') => found.to_owned(),
        _ => typed(field, raw, "a text or a number")?,
    };
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        let expected = format!("a text of 1 to {MAX_NAME_BYTES} bytes");
        return Err(InvalidTask::Type { field: field.into(), found: quoted(found), expected });
    }
    Ok(text.into())
}

/// Where a result goes: a key beside the queue, not a place of its own.
pub(super) fn reply_to(raw: &RawValue) -> Result<Arc<str>, InvalidTask> {
    let key = name("reply_to", raw)?;
    let is_place = key.contains("://") || key.starts_with("list:") || key.starts_with("stream:");
    if !is_place {
        return Ok(key);
    }
    let expected = "the name of a key (a list or stream beside the queue), such as \"replies\"";
    Err(InvalidTask::Type {
        field: "reply_to".into(),
        found: quoted(raw.get()),
        expected: expected.to_owned(),
    })
}

/// The longest id or key.
const MAX_NAME_BYTES: usize = 512;

pub(super) fn namespace(raw: &RawValue) -> Result<Arc<str>, InvalidTask> {
    let name: String = typed("nsp", raw, "a text, such as \"/imchat\"")?;
    if name.starts_with('/') && !name.contains([',', '?', '#']) {
        return Ok(name.into());
    }
    let expected = "the name of a namespace, such as \"/imchat\"".to_owned();
    Err(InvalidTask::Type { field: "nsp".into(), found: quoted(raw.get()), expected })
}

pub(super) fn moment(field: &str, raw: &RawValue) -> Result<std::time::SystemTime, InvalidTask> {
    Moment::read(raw.get()).map(|Moment(at)| at).map_err(|expected| InvalidTask::Type {
        field: field.into(),
        found: quoted(raw.get()),
        expected: expected.to_owned(),
    })
}

pub(super) fn confirm(raw: &RawValue) -> Result<Confirm, InvalidTask> {
    typed("confirm", raw, "\"none\", \"written\", \"ack\" or \"event\"")
}

pub(super) fn attempts(raw: &RawValue) -> Result<u32, InvalidTask> {
    let attempts: u32 = typed("attempts", raw, "a number from 1 on")?;
    if (1..=MAX_ATTEMPTS).contains(&attempts) {
        return Ok(attempts);
    }
    let expected = format!("a number from 1 to {MAX_ATTEMPTS}");
    Err(InvalidTask::Type { field: "attempts".into(), found: quoted(raw.get()), expected })
}
