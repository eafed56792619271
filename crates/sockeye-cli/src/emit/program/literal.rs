//! Arguments as they stand in a program, in the three languages, and what of them a language has no values for.

use std::{collections::BTreeSet, fmt::Write as _};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::value::RawValue;

use super::{
    Language,
    number::{Written, shortened},
};
use crate::{reach::Encoding, values::Arg};

/// An argument in a program.
#[derive(Debug, Default)]
pub(super) struct Literal {
    pub(super) text: String,
    /// What is sent otherwise than it was written, because the language can't hold it.
    pub(super) lost: Vec<String>,
    /// Whether the language's own reader of JSON would make something else of it.
    pub(super) is_rewritten: bool,
}

/// Deeper down the language's own reader of JSON has to do it: compilers have limits, and so has our stack.
const MAX_DEPTH: usize = 64;
/// The longest JSON that a macro takes apart: it does so one token after the other, to a limit.
const LONGEST_MACRO: usize = 100;

impl Literal {
    /// Writes it. In Rust an argument is of a type of its own, or one of a list of `Value`.
    pub(super) fn new(language: Language, parser: Encoding, arg: &Arg, is_in_list: bool) -> Self {
        let mut writer = Writer { language, parser, literal: Self::default() };
        let text = match language {
            Language::Rust => writer.rust(arg, is_in_list),
            _ => writer.value(arg, MAX_DEPTH),
        };
        // What has its own type in Rust is read without a look at it.
        let is_read = language == Language::Rust && !is_in_list;
        let is_rewritten = writer.literal.is_rewritten && !is_read;
        Self { text, is_rewritten, ..writer.literal }
    }
}

/// A text of Python.
pub(super) fn python(text: &str) -> String {
    quoted(Language::Python, text)
}

/// A text of JavaScript.
pub(super) fn javascript(text: &str) -> String {
    quoted(Language::JavaScript, text)
}

/// A text of Rust.
pub(super) fn rust(text: &str) -> String {
    quoted(Language::Rust, text)
}

/// A text in double quotes, with what is better not seen as it is escaped as the language does it.
fn quoted(language: Language, text: &str) -> String {
    let units: Vec<_> = text.encode_utf16().collect();
    quoted_units(language, &units)
}

/// The same of one that may have halves of characters, which JSON has.
fn quoted_units(language: Language, units: &[u16]) -> String {
    let mut shown = String::from('"');
    for c in char::decode_utf16(units.iter().copied()) {
        match c {
            Ok('"') => shown.push_str("\\\""),
            Ok('\\') => shown.push_str("\\\\"),
            Ok('\n') => shown.push_str("\\n"),
            Ok(c) if c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic() => shown.push(c),
            c => {
                let code = c.map_or_else(|half| half.unpaired_surrogate().into(), u32::from);
                // A String takes everything.
                let _ = match language {
                    Language::Python => write!(shown, "\\U{code:08x}"),
                    _ => write!(shown, "\\u{{{code:x}}}"),
                };
            }
        }
    }
    shown + "\""
}

/// The text that a string of JSON means.
fn units(json: &str) -> Vec<u16> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json);
    let mut units = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let c = match (c, if c == '\\' { chars.next() } else { None }) {
            (_, Some('u')) => {
                let hex = chars.as_str().get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
                units.extend(hex);
                chars = chars.as_str().get(4..).unwrap_or_default().chars();
                continue;
            }
            (_, Some('b')) => '\u{8}',
            (_, Some('f')) => '\u{c}',
            (_, Some('n')) => '\n',
            (_, Some('r')) => '\r',
            (_, Some('t')) => '\t',
            (_, Some(c)) | (c, None) => c,
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
    }
    units
}

struct Writer {
    language: Language,
    parser: Encoding,
    literal: Literal,
}

impl Writer {
    /// A value as JSON has it, in brackets and braces, as all three languages have them.
    fn value(&mut self, arg: &Arg, depth: usize) -> String {
        let raw = match arg {
            Arg::Bytes(found) => return bytes(self.language, found),
            Arg::List(items) => return self.list(items, depth),
            Arg::Object(members) => return self.object(members, depth),
            Arg::Text(raw) => raw,
        };
        if depth == 0 {
            return self.parsed(raw);
        }
        match (Arg::opened(raw), raw.get()) {
            (Some(opened), _) => self.value(&opened, depth),
            (None, "null") => self.word("None", "null"),
            (None, "true") => self.word("True", "true"),
            (None, "false") => self.word("False", "false"),
            (None, text) if text.starts_with('"') => self.text(text),
            (None, text) => self.number(text),
        }
    }

    fn list(&mut self, items: &[Arg], depth: usize) -> String {
        format!("[{}]", list(items.iter().map(|item| self.value(item, depth.saturating_sub(1)))))
    }

    fn object(&mut self, members: &[(Box<RawValue>, Arg)], depth: usize) -> String {
        let mut keys = BTreeSet::new();
        let members = members.iter().map(|(key, value)| {
            let key = self.text(key.get());
            if !keys.insert(key.clone()) {
                self.lose(format!("of the key {key}, which comes twice, the last is sent"));
            }
            // In brackets, since `__proto__` without them is no key like others.
            let is_special = self.language == Language::JavaScript && key == "\"__proto__\"";
            let (open, close) = if is_special { ("[", "]") } else { ("", "") };
            format!("{open}{key}{close}: {}", self.value(value, depth.saturating_sub(1)))
        });
        format!("{{{}}}", list(members))
    }

    fn word(&self, python: &str, others: &str) -> String {
        if self.language == Language::Python { python } else { others }.to_owned()
    }

    fn text(&mut self, json: &str) -> String {
        let mut units = units(json);
        if self.language == Language::Rust && String::from_utf16(&units).is_err() {
            self.lose(format!("{} has half a character, which becomes another", shortened(json)));
            self.literal.is_rewritten = true;
            units = String::from_utf16_lossy(&units).encode_utf16().collect();
        }
        quoted_units(self.language, &units)
    }

    fn number(&mut self, text: &str) -> String {
        let Written { literal, sent } = Written::new(self.language, self.parser, text);
        self.literal.is_rewritten |= literal != text;
        if let Some(sent) = sent {
            self.lose(format!("{} becomes {sent}", shortened(text)));
        }
        literal
    }

    /// JSON that is read when the program runs.
    fn parsed(&self, raw: &RawValue) -> String {
        let text = quoted(self.language, raw.get());
        match self.language {
            Language::Python => format!("json.loads({text})"),
            Language::JavaScript => format!("JSON.parse({text})"),
            Language::Rust => format!("serde_json::from_str::<serde_json::Value>({text})?"),
        }
    }

    /// An argument of Rust: what is best read, and sends the same.
    fn rust(&mut self, arg: &Arg, is_in_list: bool) -> String {
        match arg {
            Arg::Text(raw) if !is_in_list => {
                let read = serde_json::from_str::<serde_json::Value>(raw.get());
                let again = read.map(|value| value.to_string());
                let is_same = again.is_ok_and(|again| again == raw.get());
                match is_same && raw.get().len() <= LONGEST_MACRO {
                    true => format!("json!({})", self.value(arg, MAX_DEPTH)),
                    false => {
                        let text = quoted(Language::Rust, raw.get());
                        format!("RawValue::from_string({text}.to_owned())?")
                    }
                }
            }
            Arg::Text(_) => format!("Value::from(json!({}))", self.value(arg, MAX_DEPTH)),
            Arg::Bytes(found) => format!("Value::Bytes({}.as_slice().into())", escaped(found)),
            Arg::List(items) => {
                let items = items.iter().map(|item| self.rust(item, true));
                format!("Value::from(vec![{}])", list(items))
            }
            Arg::Object(members) => {
                let members = members.iter().map(|(key, value)| {
                    format!("({}, {})", self.text(key.get()), self.rust(value, true))
                });
                format!("Value::from_iter([{}])", list(members))
            }
        }
    }

    fn lose(&mut self, what: String) {
        self.literal.lost.push(what);
    }
}

/// Bytes of a language.
fn bytes(language: Language, bytes: &[u8]) -> String {
    match language {
        Language::JavaScript => {
            format!("Buffer.from(\"{}\", \"base64\")", BASE64_STANDARD.encode(bytes))
        }
        Language::Python | Language::Rust => escaped(bytes),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let escaped = bytes.iter().fold(String::new(), |mut escaped, byte| {
        let _ = write!(escaped, "\\x{byte:02x}"); // a String takes everything
        escaped
    });
    format!("b\"{escaped}\"")
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller] // a failure points at the row, not at this function
    fn check(language: Language, json: &str, expect: &str, lost: &[&str]) {
        let arg = Arg::from_json(json).unwrap();
        let literal = Literal::new(language, Encoding::Json, &arg, false);
        let found: Vec<_> = literal.lost.iter().map(String::as_str).collect();
        assert_eq!((&*literal.text, &*found), (expect, lost), "{json}");
    }

    #[test]
    fn texts_can_be_read_again() {
        let text = "a\"\\\n\u{1b}\u{202e}é\u{1f600}";
        assert_eq!(quoted(Language::Python, text), r#""a\"\\\n\U0000001b\U0000202eé\U0001f600""#);
        assert_eq!(quoted(Language::JavaScript, text), r#""a\"\\\n\u{1b}\u{202e}é\u{1f600}""#);
        let json = r#""a\"\\\n\u001b\u202eé\ud83d\ude00\/\t""#;
        assert_eq!(String::from_utf16(&units(json)).unwrap(), format!("{text}/\t"));
    }

    #[test]
    fn values_stay_as_they_were_written() {
        use Language::{JavaScript, Python, Rust};
        let json = r#"{"b":[1,2.5,null,true,5000000000],"a":{"$bin":"AP8="}}"#;
        check(Python, json, r#"{"b": [1, 2.5, None, True, 5000000000], "a": b"\x00\xff"}"#, &[]);
        let expect =
            r#"{"b": [1, 2.5, null, true, 5000000000], "a": Buffer.from("AP8=", "base64")}"#;
        check(JavaScript, json, expect, &[]);
        let expect = r#"Value::from_iter([("b", Value::from(json!([1, 2.5, null, true, 5000000000_i64]))), ("a", Value::Bytes(b"\x00\xff".as_slice().into()))])"#;
        check(Rust, json, expect, &[]);
        check(JavaScript, r#"{"__proto__":1}"#, r#"{["__proto__"]: 1}"#, &[]);
        check(Rust, r#"{"a":"é"}"#, r#"json!({"a": "é"})"#, &[]);
        check(
            Rust,
            r#"{"b":1,"a":2}"#,
            r#"RawValue::from_string("{\"b\":1,\"a\":2}".to_owned())?"#,
            &[],
        );
        // Half a character.
        check(Python, r#""\ud800""#, r#""\U0000d800""#, &[]);
        check(JavaScript, r#"{"\ud800":1}"#, r#"{"\u{d800}": 1}"#, &[]);
        check(Rust, r#""\ud800""#, r#"RawValue::from_string("\"\\ud800\"".to_owned())?"#, &[]);
        let beside = r#"["\ud800",1e400,{"$bin":""}]"#;
        let expect = r#"Value::from(vec![Value::from(json!("\u{fffd}")), Value::from(json!(null)), Value::Bytes(b"".as_slice().into())])"#;
        let lost =
            ["\"\\ud800\" has half a character, which becomes another", "1e400 becomes null"];
        check(Rust, beside, expect, &lost);
        // The same key twice.
        let lost = ["of the key \"a\", which comes twice, the last is sent"];
        check(JavaScript, r#"{"a":1,"a":2}"#, r#"{"a": 1, "a": 2}"#, &lost);
        let twice = r#"RawValue::from_string("{\"a\":1,\"a\":2}".to_owned())?"#;
        check(Rust, r#"{"a":1,"a":2}"#, twice, &[]);
        let big = r#"{"n":12345678901234567890123}"#;
        check(Python, big, r#"{"n": 12345678901234567890123}"#, &[]);
        let lost = ["12345678901234567890123 becomes 1.2345678901234568e22"];
        check(JavaScript, big, r#"{"n": 12345678901234567890123}"#, &lost);
    }

    #[test]
    fn no_depth_is_too_much() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let arg = Arg::from_json(&deep).unwrap();
        for language in [Language::Python, Language::JavaScript, Language::Rust] {
            let literal = Literal::new(language, Encoding::Json, &arg, false);
            assert!(literal.text.len() > 200_000);
        }
    }
}
