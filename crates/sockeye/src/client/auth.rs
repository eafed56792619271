//! What a server gets to decide by, when a client asks to join a namespace.

use std::error::Error;

use serde_json::{Map, Value};

use crate::event::Running;

/// An error of the application's.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What the server gets when a namespace is joined.
pub(super) enum Auth {
    Value(Map<String, Value>),
    /// Asked for each time.
    Ask(Box<dyn Fn() -> Running<Result<Value, BoxError>> + Send + Sync>),
}

/// What kind of JSON it is, for people.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
