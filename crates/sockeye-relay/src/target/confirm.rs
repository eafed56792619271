//! How a task is emitted, and what has to happen before it is done: written, acknowledged, or answered by an event.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use sockeye::{
    client::{CallErrorKind, EmitError, SendError, Socket},
    event::RawArgs,
};
use tokio::time;

use super::replies::Replies;
use crate::{delivery::Outcome, task::Task};

/// What an answer of the server means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// The task is done.
    Success,
    /// The server said no, and may say yes later.
    Retryable,
    /// The server said no, and would again.
    Permanent,
}

impl Judgement {
    /// What is told of an answer that is no success.
    pub(super) fn text(self, answer: &RawArgs) -> String {
        let text: String = answer.text().chars().take(MAX_QUOTED).collect();
        format!("the server answered [{text}], which is no success")
    }

    fn outcome(self, answer: &RawArgs) -> Outcome {
        match self {
            Self::Success => Outcome::Confirmed { result: Some(result(answer)) },
            Self::Retryable | Self::Permanent => {
                Outcome::Refused { error: self.text(answer), is_retryable: self == Self::Retryable }
            }
        }
    }
}

/// Of what a server answers, this many characters are told.
const MAX_QUOTED: usize = 200;

/// Judges the arguments of an ack to a task, or to a step of a script, which has none.
#[derive(Clone)]
pub struct Judge(Arc<Judging>);

type Judging = dyn Fn(Option<&Task>, &Value) -> Judgement + Send + Sync;

impl Judge {
    /// One that judges so, by the arguments as a list.
    pub fn new(judge: impl Fn(Option<&Task>, &Value) -> Judgement + Send + Sync + 'static) -> Self {
        Self(Arc::new(judge))
    }

    /// What an answer means.
    #[must_use]
    pub fn judge(&self, task: Option<&Task>, answer: &Value) -> Judgement {
        (self.0)(task, answer)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge(..)")
    }
}

/// What `judge` says; without one every ack is a success.
pub(super) fn judged(judge: Option<&Judge>, task: Option<&Task>, answer: &RawArgs) -> Judgement {
    judge.map_or(Judgement::Success, |judge| judge.judge(task, &values(answer)))
}

/// The arguments as a list; `null` if they hold what Rust can't.
pub(super) fn values(args: &RawArgs) -> Value {
    serde_json::from_str(&format!("[{}]", args.text())).unwrap_or_default()
}

/// The event that answers a task.
#[derive(Clone)]
pub struct Reply {
    /// Its name.
    pub event: Arc<str>,
    matches: Arc<Matching>,
}

type Matching = dyn Fn(&Task, &Value) -> Option<Judgement> + Send + Sync;

impl Reply {
    /// An event of this name, if `matches` says so of its arguments, a list: what it means for the task, or `None` if it is not for
    /// that. Asked for each task that waits, the oldest first.
    pub fn new(
        event: impl Into<Arc<str>>,
        matches: impl Fn(&Task, &Value) -> Option<Judgement> + Send + Sync + 'static,
    ) -> Self {
        Self { event: event.into(), matches: Arc::new(matches) }
    }

    pub(super) fn judge(&self, task: &Task, args: &Value) -> Option<Judgement> {
        (self.matches)(task, args)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("event", &self.event).finish_non_exhaustive()
    }
}

/// A task on its way.
pub(super) type Sending = BoxFuture<'static, Outcome>;

/// Emits it, on this connection or the next: it has left the queue, and has nowhere else to wait.
pub(super) fn by_nothing(socket: &Socket, task: &Arc<Task>) -> Sending {
    let (socket, task) = (socket.clone(), Arc::clone(task));
    let mut emitted = socket.emit(&task.event, task.args.clone());
    Box::pin(async move {
        loop {
            let sent = match emitted {
                Ok(sent) => sent,
                Err(error) => return not_emitted(&error),
            };
            match sent.written().await {
                Ok(()) => return Outcome::Confirmed { result: None },
                Err(SendError::Expired { .. } | SendError::Lost { may_have_arrived: false }) => {}
                Err(error) => return not_sent(&error),
            }
            if let Err(left) = socket.joined().await {
                return not_sent(&SendError::NotJoined(left));
            }
            emitted = socket.emit(&task.event, task.args.clone());
        }
    })
}

/// Emits it, and waits until the operating system has it.
pub(super) fn by_writing(socket: &Socket, task: &Arc<Task>) -> Sending {
    match socket.emit(&task.event, task.args.clone()) {
        Ok(sent) => Box::pin(async move {
            match sent.written().await {
                Ok(()) => Outcome::Confirmed { result: None },
                Err(error) => not_sent(&error),
            }
        }),
        Err(error) => Box::pin(std::future::ready(not_emitted(&error))),
    }
}

/// Emits it, and waits for the server's ack. One that was not written in that time is taken back.
pub(super) fn by_ack(
    socket: &Socket,
    task: &Arc<Task>,
    timeout: Duration,
    judge: Option<Judge>,
) -> Sending {
    let call = socket.call::<RawArgs>(&task.event, task.args.clone()).timeout(timeout);
    let task = Arc::clone(task);
    Box::pin(async move {
        match call.await {
            Ok(answer) => judged(judge.as_ref(), Some(&task), &answer).outcome(&answer),
            Err(error) => not_acked(&error.kind),
        }
    })
}

/// Emits it, and waits for the event that answers it. The time begins once it is written.
pub(super) fn by_event(
    socket: &Socket,
    task: &Arc<Task>,
    timeout: Duration,
    replies: &Arc<Replies>,
) -> Sending {
    // Before it is emitted: the answer may be quicker than we are.
    let waiting = replies.wait(task);
    match socket.emit(&task.event, task.args.clone()) {
        Ok(sent) => Box::pin(async move {
            if let Err(error) = sent.written().await {
                return not_sent(&error);
            }
            match time::timeout(timeout, waiting.answer()).await {
                Ok((judgement, args)) => judgement.outcome(&args),
                Err(_) => {
                    Outcome::Unknown { error: format!("no event answered it within {timeout:?}") }
                }
            }
        }),
        Err(error) => Box::pin(std::future::ready(not_emitted(&error))),
    }
}

/// The arguments of an answer, as JSON.
fn result(answer: &RawArgs) -> Bytes {
    Bytes::copy_from_slice(format!("[{}]", answer.text()).as_bytes())
}

fn not_emitted(error: &EmitError) -> Outcome {
    let text = error.to_string();
    match error {
        EmitError::BufferFull { .. } | EmitError::Busy => Outcome::Unwritten { error: text },
        // It was refused there, and may be let in later: at this pace.
        EmitError::NotJoined { .. } => Outcome::Refused { error: text, is_retryable: true },
        _ => Outcome::Invalid { error: text },
    }
}

fn not_sent(error: &SendError) -> Outcome {
    let text = error.to_string();
    match error {
        SendError::Rejected(_) => Outcome::Refused { error: text, is_retryable: true },
        SendError::TooLarge { .. } => Outcome::Invalid { error: text },
        SendError::NotJoined(_) => Outcome::Refused { error: text, is_retryable: true },
        SendError::Expired { .. } => {
            Outcome::Unwritten { error: "there was no connection".to_owned() }
        }
        error if error.may_have_arrived() => Outcome::Lost { error: text },
        _ => Outcome::Unwritten { error: text },
    }
}

fn not_acked(error: &CallErrorKind) -> Outcome {
    let text = error.to_string();
    match error {
        CallErrorKind::Timeout { written: true, .. } => Outcome::Unknown { error: text },
        CallErrorKind::Disconnected { written: true } => Outcome::Lost { error: text },
        CallErrorKind::Timeout { .. } | CallErrorKind::Disconnected { .. } => {
            Outcome::Unwritten { error: text }
        }
        CallErrorKind::Refused(_) => Outcome::Refused { error: text, is_retryable: true },
        CallErrorKind::Emit(error) => not_emitted(error),
        CallErrorKind::Send(error) => not_sent(error),
        // It was answered; that the answer can't be read changes nothing.
        _ => Outcome::Confirmed { result: None },
    }
}
