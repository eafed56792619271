//! What an ack that this side asked for is read as: types, or the error that the peer answered.

use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;

use super::{Args, ArgsError, RawArgs, Value};

/// An error that the peer answered: `{"error":{"code","message"?,"data"?}}`.
#[derive(Clone, Deserialize, Error)]
#[error("{}", in_words(.code, .message))]
pub struct RemoteError {
    /// A word for programs.
    pub code: String,
    /// A text for people; empty if there is none.
    #[serde(default)]
    pub message: String,
    /// Anything else.
    #[serde(default)]
    pub data: Option<Value>,
}

reads_as_text!(RemoteError);

fn in_words(code: &str, message: &str) -> String {
    if message.is_empty() { code.to_owned() } else { format!("{message} ({code})") }
}

impl RemoteError {
    pub(crate) fn read(answer: &RawArgs) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct ErrorAck {
            error: RemoteError,
        }
        if !answer.text().starts_with('{') {
            return None; // most acks: nothing is parsed twice
        }
        answer.parse::<(ErrorAck,)>().ok().map(|(ack,)| ack.error)
    }
}

/// A type that the arguments of an ack can be read as.
#[diagnostic::on_unimplemented(
    message = "an ack can't be read as `{Self}`",
    note = "serde has to be able to read it: `#[derive(serde::Deserialize)]`; `Args<(A, B, …)>` takes all arguments, `RawArgs` \
            leaves them unparsed"
)]
pub trait FromAck: Sized {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// [`ArgsError`]: they are of other types.
    fn from_ack(answer: &RawArgs) -> Result<Self, ArgsError>;
}

/// The first argument.
impl<T: DeserializeOwned> FromAck for T {
    fn from_ack(answer: &RawArgs) -> Result<Self, ArgsError> {
        answer.parse::<(T,)>().map(|(first,)| first)
    }
}

/// All arguments.
impl<T: DeserializeOwned> FromAck for Args<T> {
    fn from_ack(answer: &RawArgs) -> Result<Self, ArgsError> {
        answer.parse().map(Self)
    }
}

/// All arguments, not parsed.
impl FromAck for RawArgs {
    fn from_ack(answer: &RawArgs) -> Result<Self, ArgsError> {
        Ok(answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use sockeye_proto::wire::{packet::Limits, payload::Payload};

    use super::*;

    #[track_caller]
    fn check(array: &str, expect: Option<&str>) {
        let answer = RawArgs(Payload::ack(array, &Limits::default()).unwrap().into_owned());
        assert_eq!(RemoteError::read(&answer).map(|error| error.to_string()).as_deref(), expect);
    }

    #[test]
    fn an_error_ack_is_told_from_data() {
        check(r#"[{"error":{"code":"full","message":"no seat"}}]"#, Some("no seat (full)"));
        check(r#"[{"error":{"code":"full"}}]"#, Some("full"));
        check(r#"[{"error":{"message":"no seat"}}]"#, None);
        check(r#"[{"error":"text"}]"#, None);
        check(r#"[{"error":{"code":"a","message":"b"},"more":1}]"#, None);
        check("[]", None);
        check("[1]", None);
    }
}
