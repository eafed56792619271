//! A task: an event to emit, and what is wanted of it.

use std::{sync::Arc, time::SystemTime};

use serde_json::Value;
use sockeye::event::RawArgs;

use crate::delivery::Confirm;

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
    /// The whole envelope, for expressions that speak of `task`.
    pub value: Arc<Value>,
}
