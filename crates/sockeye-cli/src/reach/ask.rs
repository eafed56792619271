//! An event that asks for an ack, whatever the ack says: a refusal is an answer, too.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use sockeye::{
    client::{CallError, EmitError, RemoteError, Socket},
    event::RawArgs,
};

/// Sends the event when it is first polled; the ack, and how long it took.
///
/// # Errors
///
/// [`CallError`]: there is no ack.
pub(crate) async fn ask(
    socket: &Socket,
    event: &str,
    args: RawArgs,
    timeout: Duration,
) -> Result<(RawArgs, Duration), CallError> {
    let began = Instant::now();
    let answer = match socket.call::<RawArgs>(event, args).timeout(timeout).await {
        Err(CallError::Refused(error)) => refusal(&error)?,
        answer => answer?,
    };
    Ok((answer, began.elapsed()))
}

/// An ack that says no, as it came.
fn refusal(error: &RemoteError) -> Result<RawArgs, EmitError> {
    let mut inner = Map::new();
    inner.insert("code".to_owned(), error.code.clone().into());
    inner.insert("message".to_owned(), error.message.clone().into());
    if let Some(data) = &error.data {
        inner.insert("data".to_owned(), serde_json::to_value(data).unwrap_or(Value::Null));
    }
    Ok(RawArgs::from_list(&[json!({ "error": inner })])?)
}
