//! One argument to send: JSON kept as it was written, or a tree that holds attachments.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sockeye::event::{RawArgs, Value};

/// One argument.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Arg {
    /// Its own text: order of keys and all digits of numbers stay as they are.
    Text(Box<RawValue>),
    /// With attachments somewhere inside.
    Tree(Value),
}

/// The key that stands for an attachment.
const BIN: &str = "$bin";

impl Arg {
    /// A text.
    pub(crate) fn string(text: &str) -> Self {
        Self::Tree(Value::from(text))
    }

    /// An attachment.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        Self::Tree(Value::Bytes(bytes.into()))
    }

    /// Reads JSON; `{"$bin":"<base64>"}` anywhere inside is an attachment.
    ///
    /// # Errors
    ///
    /// It is no JSON, or what stands for an attachment is no base64.
    pub(crate) fn from_json(text: &str) -> Result<Self, String> {
        let raw: Box<RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Self::from_raw(raw)
    }

    /// As [`Self::from_json`], of JSON that is known to be some.
    ///
    /// # Errors
    ///
    /// What stands for an attachment is no base64.
    pub(crate) fn from_raw(raw: Box<RawValue>) -> Result<Self, String> {
        if !raw.get().contains(BIN) {
            return Ok(Self::Text(raw));
        }
        let json: serde_json::Value =
            serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        attach(json).map(Self::Tree)
    }

    /// What is sent.
    ///
    /// # Errors
    ///
    /// A value can't be written.
    pub(crate) fn raw_args(args: &[Self]) -> Result<RawArgs, String> {
        RawArgs::from_list(args).map_err(|error| error.to_string())
    }
}

/// A field of input that is an argument.
impl<'de> Deserialize<'de> for Arg {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).map_err(serde::de::Error::custom)
    }
}

/// Puts attachments where they are written in base64.
fn attach(json: serde_json::Value) -> Result<Value, String> {
    Ok(match json {
        serde_json::Value::Array(items) => {
            Value::Array(items.into_iter().map(attach).collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(mut object) => {
            if object.len() == 1
                && let Some(serde_json::Value::String(text)) = object.get_mut(BIN)
            {
                let bytes = BASE64_STANDARD.decode(&*text);
                let bytes = bytes.map_err(|error| format!("{BIN}: no base64 ({error})"))?;
                return Ok(Value::Bytes(Bytes::from(bytes)));
            }
            let entries = object.into_iter().map(|(key, value)| Ok((key, attach(value)?)));
            Value::Object(entries.collect::<Result<_, String>>()?)
        }
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_arguments() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(json: &str, text: &str, attachments: &[&[u8]]) {
            let args = Arg::raw_args(&[Arg::from_json(json).unwrap()]).unwrap();
            assert_eq!((args.text(), args.attachments().len()), (text, attachments.len()));
            for (found, expect) in args.attachments().iter().zip(attachments) {
                assert_eq!(found, expect);
            }
        }
        check(r#"{"b":1.50,"a":2}"#, r#"{"b":1.50,"a":2}"#, &[]);
        check("12345678901234567890123", "12345678901234567890123", &[]);
        check(r#"{"$bin":"AP8="}"#, r#"{"_placeholder":true,"num":0}"#, &[b"\x00\xff"]);
        check(
            r#"[{"f":{"$bin":"YQ=="}},1]"#,
            r#"[{"f":{"_placeholder":true,"num":0}},1]"#,
            &[b"a"],
        );
        check(r#"{"$bin":1}"#, r#"{"$bin":1}"#, &[]);
        check(r#"{"$bin":"YQ==","x":1}"#, r#"{"$bin":"YQ==","x":1}"#, &[]);
    }

    #[test]
    fn mistakes_are_told() {
        assert!(Arg::from_json("{").is_err());
        assert!(Arg::from_json(r#"{"$bin":"%"}"#).unwrap_err().contains("base64"));
    }
}
