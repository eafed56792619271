//! The body of a request, read as the tasks it holds: one, an array, or lines.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::value::RawValue;

use super::{Bounds, answer::Mistake};
use crate::{
    inlet::{Reading, new_id},
    queue::NewTask,
};

/// What was posted.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) tasks: Vec<NewTask>,
    /// Whether it is one, and answered as one.
    pub(super) is_single: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Json,
    Lines,
}

/// Reads all of them, or none.
pub(super) fn read(
    headers: &HeaderMap,
    body: &Bytes,
    reading: &Reading,
    bounds: &Bounds,
) -> Result<Posted, Mistake> {
    let form = form(headers)?;
    let text = std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
        .map_err(|error| Mistake::invalid(format!("the body is not UTF-8: {error}")))?;
    let (parts, is_single) = match form {
        Form::Lines => (lines(text), false),
        Form::Json => match text.trim_ascii_start().starts_with('[') {
            true => (items(text)?, false),
            false => (vec![text.trim_ascii()], true),
        },
    };
    if parts.is_empty() {
        return Err(Mistake::invalid("there is no task in the body; expected at least one"));
    }
    if parts.len() > bounds.max_tasks {
        let message = format!("{} tasks at once; post at most {}", parts.len(), bounds.max_tasks);
        return Err(Mistake::too_large(message));
    }
    let mut tasks = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        if part.len() > bounds.max_task_bytes {
            let message = format!(
                "the task has {} bytes; it may have at most {}",
                part.len(),
                bounds.max_task_bytes
            );
            return Err(Mistake::too_large(message).with("index", index));
        }
        // A copy of its own: the whole body would stay for as long as one of them does.
        let task = reading.read(&Bytes::copy_from_slice(part.as_bytes()));
        tasks.push(task.map_err(|reason| Mistake::invalid(reason).with("index", index))?);
    }
    name(&mut tasks, headers, reading, is_single)?;
    for task in tasks.iter_mut().filter(|task| task.id.is_none()) {
        reading.name(task, new_id());
    }
    Ok(Posted { tasks, is_single })
}

/// The form that the request says its body has. It has to: pages of a browser can post anything else anywhere.
fn form(headers: &HeaderMap) -> Result<Form, Mistake> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.unwrap_or("none").split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Lines),
        _ => {
            let message = format!(
                "the Content-Type is {essence}; expected application/json, or application/x-ndjson for a task on each line"
            );
            let status = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Mistake::new(status, "content-type", message))
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_ascii).filter(|line| !line.is_empty()).collect()
}

fn items(text: &str) -> Result<Vec<&str>, Mistake> {
    let items: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| Mistake::invalid(format!("the body is no JSON: {error}")))?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// Takes the id of a single task from the header that producers know for it.
fn name(
    tasks: &mut [NewTask],
    headers: &HeaderMap,
    reading: &Reading,
    is_single: bool,
) -> Result<(), Mistake> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(()) };
    let key = key.to_str().ok().map(|key| key.trim().trim_matches('"'));
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Err(Mistake::invalid(
            "the Idempotency-Key is empty, or no text; it is the task's id",
        ));
    };
    let ([task], true) = (tasks, is_single) else {
        return Err(Mistake::invalid(
            "an Idempotency-Key names one task, and the body holds a list; give each an \"id\" instead",
        ));
    };
    match &task.id {
        Some(id) if **id != *key => Err(Mistake::invalid(format!(
            "the task's id is {id:?}, and the Idempotency-Key is {key:?}; give one of them"
        ))),
        Some(_) => Ok(()),
        None => {
            reading.name(task, Arc::from(key));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::*;

    fn headers(content_type: &str, key: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        if let Some(key) = key {
            headers.insert("idempotency-key", key.parse().unwrap());
        }
        headers
    }

    fn read_one(headers: &HeaderMap, body: &str) -> Result<Posted, Mistake> {
        let bounds = Bounds::default().max_tasks(3).max_task_bytes(40);
        read(headers, &Bytes::copy_from_slice(body.as_bytes()), &Reading::envelope(), &bounds)
    }

    const JSON: &str = "application/json; charset=utf-8";
    const LINES: &str = "application/x-ndjson";

    #[test]
    fn bodies_hold_tasks() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(content_type: &str, body: &str, expect: &[&str], is_single: bool) {
            let posted = read_one(&headers(content_type, None), body).unwrap();
            let found: Vec<_> = posted.tasks.iter().map(|task| task.body.as_ref()).collect();
            assert_eq!(found, expect.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
            assert_eq!(posted.is_single, is_single);
        }
        let (a, b) = (r#"{"event":"a","id":"1"}"#, r#"{ "id": "2", "event": "b" }"#);
        check(JSON, &format!("\u{feff} {a}\n"), &[a], true);
        check(JSON, &format!(" [{a} , {b}]"), &[a, b], false);
        check(JSON, &format!("[{a}]"), &[a], false);
        check(LINES, &format!("{a}\r\n\n{b}"), &[a, b], false);
        check("Application/JSONL", a, &[a], false);
    }

    #[test]
    fn mistakes_are_told() {
        #[track_caller]
        fn check(content_type: &str, key: Option<&str>, body: &str, status: u16, part: &str) {
            let mistake = read_one(&headers(content_type, key), body).unwrap_err();
            let text = format!("{mistake:?}");
            assert_eq!(mistake.into_response().status(), status, "{body}: {text}");
            assert!(text.contains(part), "{body}: {text}");
        }
        let a = r#"{"event":"a"}"#;
        check("", None, a, 415, "Content-Type is none");
        check("text/plain", None, a, 415, "expected application/json");
        check(JSON, None, "[]", 400, "no task");
        check(JSON, None, "", 400, "EOF");
        check(LINES, None, "\n", 400, "no task");
        check(JSON, None, &format!("[{a},"), 400, "no JSON");
        check(JSON, None, &format!("[{a},{{}}]"), 400, "\"index\": Number(1)");
        check(JSON, None, &format!("[{a},{a},{a},{a}]"), 413, "4 tasks at once; post at most 3");
        check(JSON, None, &format!(r#"{{"event":"{}"}}"#, "x".repeat(40)), 413, "52 bytes");
        check(JSON, Some("k"), &format!("[{a}]"), 400, "names one task");
        check(JSON, Some("\"\""), a, 400, "Idempotency-Key is empty");
        check(JSON, Some("k"), r#"{"event":"a","id":"i"}"#, 400, "give one of them");
    }

    #[test]
    fn the_header_names_the_task() {
        for (key, body) in [
            ("\"k\"", r#"{"event":"a"}"#),
            ("k", r#"{"event":"a"}"#),
            ("k", r#"{"event":"a","id":"k"}"#),
        ] {
            let posted = read_one(&headers(JSON, Some(key)), body).unwrap();
            assert_eq!(posted.tasks[0].id.as_deref(), Some("k"), "{key} {body}");
        }
    }
}
