//! The whole of a task as JSON, parsed when an expression first speaks of it: most never do.

use std::sync::OnceLock;

use serde_json::Value;

/// The whole of a task, as its producer wrote it.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    text: Box<str>,
    value: OnceLock<Value>,
}

impl Whole {
    /// Of a text that is known to be JSON.
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.into(), value: OnceLock::new() }
    }

    /// The value; `null` if the text holds what Rust can't.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }
}

impl From<Value> for Whole {
    fn from(value: Value) -> Self {
        Self { text: Box::default(), value: value.into() }
    }
}
