//! What scripts are told.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::queue::{Reason, Settlement, Verdict};

/// An argument of a script.
pub(super) enum Word<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Owned(String),
    Number(u64),
}

/// The six words of a settlement. `misread` is said of a task that can't be read, as well.
pub(super) fn words_of<'a>(
    settlement: &'a Settlement,
    ticket: &'a str,
    misread: Option<&str>,
    words: &mut Vec<Word<'a>>,
) {
    let id = settlement.id.as_deref().unwrap_or_default();
    let none = Word::Text("");
    let (verb, x, y, z) = match &settlement.verdict {
        Verdict::Done { result, reply_to } => {
            let message = match reply_to {
                Some(_) => Word::Owned(message(id, result.as_ref())),
                None => Word::Text(""),
            };
            let result = result.as_deref().unwrap_or_default();
            (
                "done",
                Word::Bytes(result),
                Word::Text(reply_to.as_deref().unwrap_or_default()),
                message,
            )
        }
        Verdict::Duplicate => ("duplicate", none, Word::Text(""), Word::Text("")),
        Verdict::Tried { attempts } => {
            ("tried", Word::Number((*attempts).into()), Word::Text(""), none)
        }
        Verdict::Later { due, attempts } => {
            ("later", Word::Number(since_epoch(*due)), Word::Number((*attempts).into()), none)
        }
        Verdict::Release => ("release", none, Word::Text(""), Word::Text("")),
        Verdict::Held(why) | Verdict::Dead(why) => {
            let verb = if matches!(settlement.verdict, Verdict::Held(_)) { "held" } else { "dead" };
            let reason = Word::Text(why.reason.as_str());
            let error = match misread.filter(|_| why.reason == Reason::Invalid) {
                Some(misread) => Word::Owned(format!("{}{misread}", why.error)),
                None => Word::Text(&why.error),
            };
            (verb, reason, error, Word::Number(why.attempts.into()))
        }
    };
    words.extend([Word::Text(ticket), Word::Text(verb), Word::Text(id), x, y, z]);
}

/// What is put in a list for a task that wants its result there.
fn message(id: &str, result: Option<&Bytes>) -> String {
    let id = serde_json::Value::from(id);
    let result = result.and_then(|result| std::str::from_utf8(result).ok()).unwrap_or("null");
    format!(r#"{{"id":{id},"result":{result}}}"#)
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX >> 12).min(u64::MAX >> 12)
}

pub(super) fn since_epoch(time: SystemTime) -> u64 {
    // Rounded up: a task must not come before its time.
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| millis(since + Duration::from_micros(999)))
}
