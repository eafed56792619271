//! The whole of a task as JSON, parsed when an expression first speaks of it: most never do.

use std::sync::OnceLock;

use serde_json::{Map, Value};

/// The whole of a task, as its producer wrote it.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    text: Box<str>,
    value: OnceLock<Value>,
    /// Whether a mapping says where its parts are, so that they are not where an envelope has them.
    is_mapped: bool,
    named: OnceLock<Map<String, Value>>,
}

impl Whole {
    /// Of a text that is known to be JSON.
    pub(super) fn of_text(text: &str) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Of a text that is known to be JSON, and whose parts are where a mapping says.
    pub(super) fn of_mapped(text: &str) -> Self {
        Self { text: text.into(), is_mapped: true, ..Self::default() }
    }

    /// What its parts are called in expressions, if that is not what its producer calls them.
    pub(super) fn named(
        &self,
        parts: impl FnOnce() -> Map<String, Value>,
    ) -> Option<&Map<String, Value>> {
        self.is_mapped.then(|| self.named.get_or_init(parts))
    }

    /// The value; `null` if the text holds what Rust can't.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }
}

impl From<Value> for Whole {
    fn from(value: Value) -> Self {
        Self { value: value.into(), ..Self::default() }
    }
}
