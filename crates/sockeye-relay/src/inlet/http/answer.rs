//! What is answered: JSON, and of mistakes a code for programs and a sentence for people.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::queue::{Accepted, Queue, QueueError, Seen};

/// Why it was not done.
#[derive(Debug)]
pub(super) struct Mistake {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Members beside those two.
    more: Map<String, Value>,
    header: Option<(HeaderName, &'static str)>,
}

impl Mistake {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), more: Map::new(), header: None }
    }

    /// The request holds no task, or what is none.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
    }

    pub(super) fn unknown(id: &str, queue: &(impl Queue + ?Sized)) -> Self {
        let message = match queue.finds_waiting() {
            true => format!("no task {id:?} waits, and none is remembered; the id may be another"),
            false => format!(
                "no task {id:?} is done or dead, as far as is remembered; whether one waits, a queue in Redis does not tell by its id"
            ),
        };
        Self::new(StatusCode::NOT_FOUND, "unknown", message)
    }

    /// Says more to programs.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl From<QueueError> for Mistake {
    fn from(error: QueueError) -> Self {
        let unavailable = |code| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, error.to_string())
                .header(header::RETRY_AFTER, "1")
        };
        match error {
            QueueError::Full { .. } => unavailable("full"),
            QueueError::Unavailable { .. } => unavailable("unavailable"),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unusable", error.to_string()),
        }
    }
}

impl IntoResponse for Mistake {
    fn into_response(self) -> Response {
        let Self { status, code, message, mut more, header } = self;
        more.insert("code".to_owned(), code.into());
        more.insert("message".to_owned(), message.into());
        let mut response = (status, json(&json!({ "error": more }))).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// A value as the body of an answer.
pub(super) fn json(value: &impl Serialize) -> Response {
    // What is answered here has texts for keys: it can always be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// A task that was taken.
#[derive(Serialize)]
pub(super) struct Taken {
    id: String,
    state: &'static str,
}

impl From<&Accepted> for Taken {
    fn from(accepted: &Accepted) -> Self {
        match accepted {
            Accepted::Queued(id) => Self { id: id.to_string(), state: "queued" },
            Accepted::Known(id) => Self { id: id.to_string(), state: "known" },
        }
    }
}

/// A task as it stands, without what it says: that its producer knows.
pub(super) fn seen(task: &Seen) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), (*task.id).into());
    shown.insert("state".to_owned(), task.state.as_str().into());
    shown.insert("attempts".to_owned(), task.attempts.into());
    if let Some(since) = task.since.and_then(moment) {
        shown.insert("since".to_owned(), since.into());
    }
    if let Some(result) = &task.result {
        // What a server answered is JSON; if it is none, it is shown as the text it is.
        let text = || Value::from(String::from_utf8_lossy(result));
        shown
            .insert("result".to_owned(), serde_json::from_slice(result).unwrap_or_else(|_| text()));
    }
    if let Some(epitaph) = &task.epitaph {
        let why = json!({ "code": epitaph.reason.as_str(), "message": epitaph.error });
        shown.insert("error".to_owned(), why);
    }
    shown.into()
}

fn moment(time: std::time::SystemTime) -> Option<String> {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    // No finer than stores keep it.
    let time = OffsetDateTime::from(time);
    let time = time.replace_nanosecond(time.nanosecond() / 1_000_000 * 1_000_000).ok()?;
    time.format(&Rfc3339).ok()
}
