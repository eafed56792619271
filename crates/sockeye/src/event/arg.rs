//! One argument to send: JSON kept as it was written, from which attachments are taken out.

use bytes::Bytes;
use serde::{
    Deserialize, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, to_raw_value};
use sockeye_proto::wire::base64;
use thiserror::Error;

use super::{EncodeError, RawArgs};

/// One argument of an event as JSON, in which `{"$bin":"<base64>"}` stands for an attachment. What holds no attachment is its
/// own text: order of keys and all digits of numbers stay as they are.
///
/// # Examples
///
/// ```
/// use sockeye::event::Arg;
///
/// let arg = Arg::from_json(r#"{"id": 12345678901234567890123, "photo": {"$bin": "AP8="}}"#)?;
/// let args = Arg::raw_args(&[arg])?;
/// assert_eq!(args.text(), r#"{"id":12345678901234567890123,"photo":{"_placeholder":true,"num":0}}"#);
/// assert_eq!(args.attachments()[0][..], [0, 255]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub enum Arg {
    /// JSON without attachments.
    Text(Box<RawValue>),
    /// An attachment.
    Bytes(Bytes),
    /// A list of which the parts are known, since there are attachments among them.
    List(Vec<Self>),
    /// An object, likewise; the keys are JSON, too.
    Object(Vec<(Box<RawValue>, Self)>),
}

/// The key that stands for an attachment.
const BIN: &str = "$bin";
/// Deeper down nobody looks for attachments; no peer would read that.
const MAX_DEPTH: usize = 127;

impl Arg {
    /// A text.
    pub fn string(text: &str) -> Self {
        // A text can always be written.
        Self::Text(to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// An attachment.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }

    /// Reads JSON; `{"$bin":"<base64>"}` anywhere inside is an attachment, but not inside of a text.
    ///
    /// # Errors
    ///
    /// [`NotAnArg`]: it is no JSON, or what stands for an attachment is no base64.
    pub fn from_json(text: &str) -> Result<Self, NotAnArg> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as files from Windows begin
        let raw: Box<RawValue> = serde_json::from_str(text).map_err(NotAnArg::new)?;
        Self::from_raw(raw)
    }

    /// As [`Self::from_json`], of JSON that is known to be some.
    ///
    /// # Errors
    ///
    /// [`NotAnArg`]: what stands for an attachment is no base64.
    pub fn from_raw(raw: Box<RawValue>) -> Result<Self, NotAnArg> {
        Self::from_raw_with(raw, |_| Ok(None))
    }

    /// As [`Self::from_raw`]; `find` is asked for each object first, and may say that it stands for these bytes.
    ///
    /// # Errors
    ///
    /// [`NotAnArg`]: what stands for an attachment is no base64, or `find` says what is wrong.
    pub fn from_raw_with(
        raw: Box<RawValue>,
        find: impl Fn(&RawValue) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Self, NotAnArg> {
        match attach(&raw, &find, MAX_DEPTH)? {
            Some(arg) => Ok(arg),
            None => Ok(Self::Text(raw)),
        }
    }

    /// What a list or an object holds, as it is written; `None` of what is neither.
    pub fn opened(raw: &RawValue) -> Option<Self> {
        let part = |raw: &RawValue| Self::Text(raw.to_owned());
        match raw.get().as_bytes().first()? {
            b'[' => {
                let items: Vec<&RawValue> = read(raw).ok()?;
                Some(Self::List(items.into_iter().map(part).collect()))
            }
            b'{' => {
                let Members(members) = read(raw).ok()?;
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), part(value)));
                Some(Self::Object(members.collect()))
            }
            _ => None,
        }
    }

    /// Whether there is an attachment in it.
    pub const fn has_attachments(&self) -> bool {
        !matches!(self, Self::Text(_))
    }

    /// What is sent.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: a value can't be written.
    pub fn raw_args(args: &[Self]) -> Result<RawArgs, EncodeError> {
        RawArgs::from_list(args)
    }
}

/// Why JSON can't be an argument. The fault of whoever wrote it.
#[derive(Clone, Error, Eq, PartialEq)]
#[error("{0}")]
pub struct NotAnArg(String);

reads_as_text!(NotAnArg);

impl NotAnArg {
    fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

impl Serialize for Arg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(raw) => raw.serialize(serializer),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

type Find<'f> = dyn Fn(&RawValue) -> Result<Option<Vec<u8>>, String> + 'f;

/// What has attachments inside, opened only as far as they are; none if it has none.
fn attach(raw: &RawValue, find: &Find<'_>, depth: usize) -> Result<Option<Arg>, NotAnArg> {
    let text = raw.get();
    // A key may be written with escapes; nothing but these spells letters otherwise.
    let may_speak_of_it = text.contains(BIN) || text.contains("\\u");
    if depth == 0 || !may_speak_of_it {
        return Ok(None);
    }
    let part = |raw: &RawValue| {
        let attached = attach(raw, find, depth - 1)?;
        Ok::<_, NotAnArg>(attached.unwrap_or_else(|| Arg::Text(raw.to_owned())))
    };
    let arg = match text.as_bytes().first() {
        Some(b'[') => {
            let items: Vec<&RawValue> = read(raw)?;
            let items = items.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
            items.iter().any(Arg::has_attachments).then_some(Arg::List(items))
        }
        Some(b'{') => {
            if let Some(bytes) = find(raw).map_err(NotAnArg::new)? {
                return Ok(Some(Arg::bytes(bytes)));
            }
            let Members(members) = read(raw)?;
            if let [(key, value)] = members[..]
                && read::<String>(key).is_ok_and(|key| key == BIN)
                && value.get().starts_with('"')
            {
                let text: String =
                    read(value).map_err(|why| NotAnArg(format!("{BIN}: not base64: {why}")))?;
                let bytes =
                    base64::decode(text).map_err(|error| NotAnArg(format!("{BIN}: {error}")))?;
                return Ok(Some(Arg::bytes(bytes)));
            }
            let members =
                members.into_iter().map(|(key, value)| Ok((key.to_owned(), part(value)?)));
            let members = members.collect::<Result<Vec<_>, NotAnArg>>()?;
            members.iter().any(|(_, value)| value.has_attachments()).then_some(Arg::Object(members))
        }
        // A text that speaks of attachments.
        _ => None,
    };
    Ok(arg)
}

fn read<'r, T: Deserialize<'r>>(raw: &'r RawValue) -> Result<T, NotAnArg> {
    serde_json::from_str(raw.get()).map_err(NotAnArg::new)
}

/// The members of an object as they are written, in this order.
struct Members<'j>(Vec<(&'j RawValue, &'j RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
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
        check(r#"{"$bin":"AR=="}"#, r#"{"_placeholder":true,"num":0}"#, &[b"\x01"]);
        for key in [r"\u0024bin", r"$\u0062in", r"\u0024\u0062\u0069\u006E"] {
            let json = format!(r#"[{{"{key}":"YQ=="}}]"#);
            check(&json, r#"[{"_placeholder":true,"num":0}]"#, &[b"a"]);
        }
        check(r#"{"\u0024bi":"YQ=="}"#, r#"{"\u0024bi":"YQ=="}"#, &[]);
        // All that is no attachment stays as it is.
        check(
            r#"{"z":12345678901234567890123,"b":{"$bin":"YQ=="},"a":[1e400, 1.50,"\ud800"],"\udfff":1,"z":-0}"#,
            r#"{"z":12345678901234567890123,"b":{"_placeholder":true,"num":0},"a":[1e400, 1.50,"\ud800"],"\udfff":1,"z":-0}"#,
            &[b"a"],
        );
        check(
            r#"["{\"$bin\":\"YQ==\"}",{"$bin":"YQ=="}]"#,
            r#"["{\"$bin\":\"YQ==\"}",{"_placeholder":true,"num":0}]"#,
            &[b"a"],
        );
        let spoken = r#"{"b": 1e400, "a": "$bin", "$bin": [ ]}"#;
        check(spoken, spoken, &[]);
        check(r#"{"$bin":1}"#, r#"{"$bin":1}"#, &[]);
        check(r#"{"$bin":"YQ==","x":1}"#, r#"{"$bin":"YQ==","x":1}"#, &[]);
    }

    #[test]
    fn mistakes_are_told() {
        assert!(Arg::from_json("{").is_err());
        assert!(Arg::from_json(r#"{"$bin":"%"}"#).unwrap_err().to_string().contains("base64"));
        assert!(
            Arg::from_json(r#"[{"$bin":"\ud800"}]"#).unwrap_err().to_string().contains("base64")
        );
    }

    #[test]
    fn no_depth_is_too_much() {
        let deep = "[".repeat(100_000) + r#"{"$bin":"YQ=="}"# + &"]".repeat(100_000);
        assert!(!Arg::from_json(&deep).unwrap().has_attachments());
    }
}
