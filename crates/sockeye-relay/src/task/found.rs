//! What was found in a task, as a type or as it is told.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::InvalidTask;

/// Reads a field as a type.
pub(super) fn typed<T: DeserializeOwned>(
    field: &str,
    raw: &RawValue,
    expected: &str,
) -> Result<T, InvalidTask> {
    serde_json::from_str(raw.get()).map_err(|_| InvalidTask::Type {
        field: field.into(),
        found: quoted(raw.get()),
        expected: expected.to_owned(),
    })
}

/// The beginning of what was found.
pub(super) fn quoted(found: &str) -> String {
    const MAX_CHARS: usize = 80;

    match found.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &found[..end]),
        None => found.to_owned(),
    }
}
