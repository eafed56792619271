//! Where what the server sends goes.
//!
//! | Sink | Twice after a crash? |
//! | --- | --- |
//! | [`RedisSink`] stream, list | no: the last id is written in the same transaction |
//! | [`RedisSink`] channel | perhaps; and whoever does not listen at that time never gets it |
//! | [`TableSink`] | no: the id is unique |
//! | [`FileSink`] | no: the last line is looked at when it is opened |
//! | [`OutputSink`] | perhaps |
//! | [`Webhook`] | perhaps, with the same `webhook-id` |

mod file;
mod output;
mod redis;
mod table;
mod webhook;

use std::{fmt, time::Duration};

use futures_util::future::BoxFuture;
use thiserror::Error;

pub use self::{
    file::{FileSink, Fsync},
    output::OutputSink,
    redis::{RedisKind, RedisSink},
    table::TableSink,
    webhook::{Webhook, WebhookBuilder, WebhookError},
};
use super::Record;

/// Takes records.
pub trait Sink: fmt::Debug + Send {
    /// Takes records, in this order, and says how many of the first of them it has: at least one. What it can't take is an error
    /// about the first.
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>>;
}

/// Why a sink did not take the first of the records.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SinkError {
    /// It will never take this record.
    #[error("the sink refuses the record: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// It was reached, and did not take the record this time.
    #[error("the sink failed: {reason}")]
    Failed {
        /// What it said.
        reason: String,
        /// Not to be tried before.
        retry_after: Option<Duration>,
    },
    /// It can't be reached, or has no room; no fault of the record.
    #[error("the sink can't be reached or has no room: {reason}")]
    Unreachable {
        /// What was found.
        reason: String,
    },
    /// It takes nothing more.
    #[error("the sink has ended: {reason}")]
    Ended {
        /// Why.
        reason: String,
    },
}

impl SinkError {
    fn unreachable(error: impl fmt::Display) -> Self {
        Self::Unreachable { reason: error.to_string() }
    }
}
