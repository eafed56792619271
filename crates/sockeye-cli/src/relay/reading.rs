//! Envelopes, read as the relay emits them: bytes taken out of the arguments, and what a task wants for itself.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sockeye::event::Arg;
use sockeye_relay::{
    delivery::{Confirm, Policy},
    inlet::Reading,
    task::Task,
};

use crate::date::of_rfc_3339;

/// As much of an envelope as the inlet has not read.
#[derive(Deserialize)]
struct Rest {
    nsp: Option<Arc<str>>,
    event: Arc<str>,
    #[serde(default)]
    args: Vec<Box<RawValue>>,
    deadline: Option<String>,
    confirm: Option<Confirm>,
    attempts: Option<u32>,
    reply_to: Option<Arc<str>>,
    traceparent: Option<Arc<str>>,
}

/// Reads one, and says what is promised for it where `usual` is what is promised for others.
///
/// # Errors
///
/// It can't be read: what was found, and what was expected.
pub(super) fn read(body: &Bytes, usual: &Arc<Policy>) -> Result<(Task, Arc<Policy>), String> {
    let put = Reading::envelope().read(body)?;
    let rest: Rest = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Rest { nsp, event, args, deadline, confirm, attempts, reply_to, traceparent } = rest;
    let args: Result<Vec<_>, _> = args.into_iter().map(Arg::from_raw).collect();
    let args = Arg::raw_args(&args.map_err(|error| error.to_string())?);
    let args = args.map_err(|error| error.to_string())?;
    let mut policy = Arc::clone(usual);
    if confirm.is_some() || attempts.is_some() {
        let own = Arc::make_mut(&mut policy);
        own.confirm = confirm.unwrap_or(own.confirm);
        own.retry.max_attempts = attempts.unwrap_or(own.retry.max_attempts);
    }
    let task = Task {
        id: put.id,
        key: put.key,
        namespace: nsp,
        event,
        args,
        not_before: put.not_before,
        deadline: deadline.as_deref().and_then(of_rfc_3339),
        confirm,
        max_attempts: attempts,
        reply_to,
        traceparent,
        whole: serde_json::from_slice(body).unwrap_or(Value::Null).into(),
    };
    Ok((task, policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_may_want_something_for_itself() {
        let usual = Arc::new(Policy::default());
        let read = |text: &'static str| read(&text.into(), &usual);
        let (task, policy) = read(r#"{"event":"a","args":[{"$bin":"YQ=="},1.50]}"#).unwrap();
        assert_eq!(task.args.text(), r#"{"_placeholder":true,"num":0},1.50"#);
        assert!(Arc::ptr_eq(&policy, &usual));
        let (_, policy) = read(r#"{"event":"a","confirm":"written","attempts":3}"#).unwrap();
        assert_eq!((policy.confirm, policy.retry.max_attempts), (Confirm::Written, 3));
        assert!(read(r#"{"event":"a","args":[{"$bin":"%"}]}"#).unwrap_err().contains("base64"));
        assert!(read(r#"{"event":"a","confirm":"maybe"}"#).unwrap_err().contains("maybe"));
    }
}
