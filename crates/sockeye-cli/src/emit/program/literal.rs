//! Values as they stand in a program, in the three languages.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sockeye::event::Value;

/// A text in double quotes, with `escape` for what is better not seen as it is.
fn quoted(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut shown = String::from('"');
    for c in text.chars() {
        match c {
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            c if c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic() => shown.push(c),
            c => shown.push_str(&escape(c)),
        }
    }
    shown + "\""
}

/// A text of Python.
pub(super) fn python(text: &str) -> String {
    quoted(text, |c| format!("\\U{:08x}", u32::from(c)))
}

/// A text of JavaScript.
pub(super) fn javascript(text: &str) -> String {
    quoted(text, |c| format!("\\u{{{:x}}}", u32::from(c)))
}

/// A text of Rust.
pub(super) fn rust(text: &str) -> String {
    javascript(text)
}

/// Bytes of Python and Rust.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let escaped = bytes.iter().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "\\x{byte:02x}"); // a String takes everything
        escaped
    });
    format!("b\"{escaped}\"")
}

/// A value of Python.
pub(super) fn python_value(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(python_value))),
        Value::Object(entries) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{}: {}", python(key), python_value(value))
            };
            format!("{{{}}}", list(entries.iter().map(pair)))
        }
        Value::Bytes(found) => bytes(found),
    }
}

/// A value of JavaScript.
pub(super) fn javascript_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => javascript(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(javascript_value))),
        Value::Object(entries) => {
            // In brackets, since `__proto__` without them is no key like others.
            let pair = |(key, value): (&String, &Value)| {
                let (open, close) = if key == "__proto__" { ("[", "]") } else { ("", "") };
                format!("{open}{}{close}: {}", javascript(key), javascript_value(value))
            };
            format!("{{{}}}", list(entries.iter().map(pair)))
        }
        Value::Bytes(found) => {
            format!("Buffer.from(\"{}\", \"base64\")", BASE64_STANDARD.encode(found))
        }
    }
}

/// A `sockeye::event::Value` of Rust.
pub(super) fn rust_value(value: &Value) -> String {
    if !has_bytes(value) {
        return format!("Value::from(json!({}))", rust_json(value));
    }
    match value {
        Value::Array(items) => format!("Value::from(vec![{}])", list(items.iter().map(rust_value))),
        Value::Object(entries) => {
            let pair =
                |(key, value): (&String, &Value)| format!("({}, {})", rust(key), rust_value(value));
            format!("Value::from_iter([{}])", list(entries.iter().map(pair)))
        }
        Value::Bytes(found) => format!("Value::Bytes({}.as_slice().into())", bytes(found)),
        // Whatever else there will be has no attachments in it.
        other => format!("Value::from(json!({}))", rust_json(other)),
    }
}

/// What stands inside of `json!`.
fn rust_json(value: &Value) -> String {
    match value {
        Value::String(text) => rust(text),
        Value::Array(items) => format!("[{}]", list(items.iter().map(rust_json))),
        Value::Object(entries) => {
            let pair =
                |(key, value): (&String, &Value)| format!("{}: {}", rust(key), rust_json(value));
            format!("{{{}}}", list(entries.iter().map(pair)))
        }
        // A whole number is an `i32` unless it says otherwise.
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) if i32::try_from(number).is_ok() => number.to_string(),
            (Some(number), _) => format!("{number}_i64"),
            (None, Some(number)) => format!("{number}_u64"),
            (None, None) => number.to_string(),
        },
        other => serde_json::to_string(other).unwrap_or_else(|_| "null".to_owned()),
    }
}

fn has_bytes(value: &Value) -> bool {
    match value {
        Value::Bytes(_) => true,
        Value::Array(items) => items.iter().any(has_bytes),
        Value::Object(entries) => entries.values().any(has_bytes),
        _ => false,
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use sockeye::event::Value;

    use super::*;

    #[test]
    fn texts_can_be_read_again() {
        let text = "a\"\\\n\u{1b}\u{202e}é\u{1f600}";
        assert_eq!(python(text), r#""a\"\\\n\U0000001b\U0000202eé\U0001f600""#);
        assert_eq!(javascript(text), r#""a\"\\\n\u{1b}\u{202e}é\u{1f600}""#);
    }

    #[test]
    fn values() {
        let bytes = Value::Bytes(b"\x00\xff".as_slice().into());
        let value = Value::from_iter([
            ("a", Value::from(serde_json::json!([1, 2.5, null, true, 5_000_000_000_u64]))),
            ("b", bytes),
        ]);
        assert_eq!(
            python_value(&value),
            r#"{"a": [1, 2.5, None, True, 5000000000], "b": b"\x00\xff"}"#
        );
        assert_eq!(
            javascript_value(&value),
            r#"{"a": [1, 2.5, null, true, 5000000000], "b": Buffer.from("AP8=", "base64")}"#
        );
        assert_eq!(
            rust_value(&value),
            r#"Value::from_iter([("a", Value::from(json!([1, 2.5, null, true, 5000000000_i64]))), ("b", Value::Bytes(b"\x00\xff".as_slice().into()))])"#
        );
    }
}
