//! What is promised for a task: how it is confirmed, how often it is tried, what a doubt means.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What has to happen before a task is done.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirm {
    /// Nothing: it leaves the queue before it is sent. At most once.
    None,
    /// The operating system has taken its bytes. At least once to the socket, and no further.
    Written,
    /// The server has acknowledged it. At least once to the application, if that acknowledges after the work.
    #[default]
    Ack,
    /// An event has come that answers it. As with an ack.
    Event,
}

/// What to do with a task that was written and not confirmed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// Send it again: the server may get it twice.
    #[default]
    Retry,
    /// Keep it until somebody decides.
    Hold,
    /// Lay it among the dead.
    Dead,
}

/// How often a task is tried, and how long is waited in between: exponential, with full jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts that count before the task is dead. Default: 10.
    pub max_attempts: u32,
    /// The bound of the first delay. Default: 1 s.
    pub first: Duration,
    /// The greatest bound of a delay. Default: 1 minute.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 10, first: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

/// What is promised for a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What has to happen before it is done.
    pub confirm: Confirm,
    /// How long that may take. Default: 10 s.
    pub confirm_timeout: Duration,
    /// What to do if that is not known.
    pub on_unknown: OnUnknown,
    /// How often it is tried.
    pub retry: Retry,
    /// How old it may become, counted from when it was put. Default: without end.
    pub max_age: Option<Duration>,
    /// How many times it may be claimed. Default: 20.
    pub max_deliveries: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            confirm: Confirm::default(),
            confirm_timeout: Duration::from_secs(10),
            on_unknown: OnUnknown::default(),
            retry: Retry::default(),
            max_age: None,
            max_deliveries: 20,
        }
    }
}

/// How fast tasks may be sent: a bucket of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tasks a second, in the long run.
    pub per_second: f64,
    /// How many at once.
    pub burst: u32,
}
