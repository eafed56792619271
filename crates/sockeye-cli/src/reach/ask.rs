//! An event that asks for an ack, whatever the ack says: a refusal is an answer, too.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sockeye::{
    client::{CallError, CallErrorKind, EmitError, RemoteError, Socket},
    event::RawArgs,
};

/// What came of asking.
#[derive(Debug)]
pub(crate) struct Ack {
    pub(crate) args: RawArgs,
    /// The error that it is, if it is one of ours: `[{"error":{"code",…}}]`.
    pub(crate) refusal: Option<RemoteError>,
    /// How long it took.
    pub(crate) rtt: Duration,
}

/// Sends the event when it is first polled.
///
/// # Errors
///
/// [`CallError`]: there is no ack.
pub(crate) async fn ask(
    socket: &Socket,
    event: &str,
    args: RawArgs,
    timeout: Duration,
) -> Result<Ack, CallError> {
    let began = Instant::now();
    let answer = socket.call::<RawArgs>(event, args).timeout(timeout).await;
    let refused = match &answer {
        Err(CallError { kind: CallErrorKind::Refused(error), .. }) => {
            refusal(error).ok().map(|args| (args, error.clone()))
        }
        _ => None,
    };
    let (args, refusal) = match refused {
        Some((args, error)) => (args, Some(error)),
        None => (answer?, None),
    };
    Ok(Ack { args, refusal, rtt: began.elapsed() })
}

/// An ack that says no, as it came.
fn refusal(error: &RemoteError) -> Result<RawArgs, EmitError> {
    let mut inner = Map::new();
    inner.insert("code".to_owned(), error.code.clone().into());
    if !error.message.is_empty() {
        inner.insert("message".to_owned(), error.message.clone().into());
    }
    if let Some(data) = &error.data {
        inner.insert("data".to_owned(), serde_json::to_value(data).unwrap_or(Value::Null));
    }
    Ok(RawArgs::from_list(&[json!({ "error": inner })])?)
}
