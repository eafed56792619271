//! What `sockeye relay --dry-run` prints: a task as the relay would emit it.

use serde::Serialize;
use serde_json::value::RawValue;
use sockeye_relay::{queue::Seen, relay::Settings};

use crate::values::Binary;

/// A task, read. Its keys are written in this order, which scripts rely on.
#[derive(Serialize)]
pub(super) struct Mapped<'m> {
    id: String,
    event: String,
    args: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nsp: Option<String>,
    /// The connection; none if none is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'m str>,
}

impl<'m> Mapped<'m> {
    /// Reads one as the relay does.
    ///
    /// # Errors
    ///
    /// Why it would lie among the dead.
    pub(super) fn of(
        seen: &Seen,
        settings: &Settings,
        targets: &'m [String],
    ) -> Result<Self, String> {
        let (task, _) = settings.reader.read(&seen.body)?;
        let target = match targets {
            [] => None,
            targets => {
                let index = settings.routes.of(task.key.as_deref());
                let index = index.map_err(|error| error.to_string())?;
                targets.get(index).map(String::as_str)
            }
        };
        let args = Binary::Base64.show(&task.args).map_err(|error| error.to_string())?;
        let args = RawValue::from_string(args).map_err(|error| error.to_string())?;
        Ok(Self {
            id: task.id.as_deref().unwrap_or(&seen.id).to_owned(),
            event: task.event.as_ref().to_owned(),
            args,
            key: task.key.as_deref().map(str::to_owned),
            nsp: task.namespace.as_deref().map(str::to_owned),
            target,
        })
    }

    pub(super) fn json(&self) -> String {
        // It has texts for keys: it can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
