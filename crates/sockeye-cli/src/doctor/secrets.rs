//! What must not be shown: looked for in everything that is, whoever said it.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, header};
use serde_json::{Map, Value};

/// Shorter ones stand in every other word, and keep nobody out.
const SHORTEST: usize = 4;
/// The same for a part of a header or a cookie: most are words such as `true` and `http`.
const SHORTEST_PART: usize = 8;
const REDACTED: &str = "‹redacted›";

/// The secrets of one run: those that were given, and those that the server gave.
#[derive(Debug, Default)]
pub(crate) struct Secrets(RefCell<Vec<String>>);

impl Secrets {
    /// What is not shown from now on.
    pub(crate) fn add(&self, secret: &str) {
        let mut known = self.0.borrow_mut();
        if secret.len() >= SHORTEST && !known.iter().any(|known| known == secret) {
            known.push(secret.to_owned());
            // A secret may hold another one.
            known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// What is not shown from now on, if it is long enough for a secret that is part of something.
    pub(crate) fn add_part(&self, part: &str) {
        if part.len() >= SHORTEST_PART {
            self.add(part);
        }
    }

    /// Every text in an auth payload.
    pub(crate) fn add_payload(&self, payload: &Map<String, Value>) {
        for value in payload.values() {
            self.add_value(value);
        }
    }

    fn add_value(&self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(list) => list.iter().for_each(|value| self.add_value(value)),
            Value::Object(map) => self.add_payload(map),
            _ => {}
        }
    }

    /// The values of headers that may hold one, as a whole and word by word: `Bearer …`, `a=…; b=…`.
    pub(crate) fn add_headers(&self, headers: &HeaderMap) {
        for (name, value) in headers {
            let Ok(value) = value.to_str() else { continue };
            if is_secret_header(name) {
                self.add(value);
                let parts = value.split([' ', ';', ',']).map(|part| {
                    let named = part.split_once('=').filter(|(name, _)| !name.is_empty());
                    named.map_or(part, |(_, value)| value)
                });
                match value.split_once(' ') {
                    Some((_, token)) if name == header::AUTHORIZATION => self.add(token),
                    _ => parts.for_each(|part| self.add_part(part)),
                }
            }
        }
    }

    /// A text without secrets.
    pub(crate) fn redact(&self, text: &str) -> String {
        let known = self.0.borrow();
        known.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), REDACTED)
            } else {
                text
            }
        })
    }

    /// The same for all texts of a value.
    pub(crate) fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(list) => list.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.redact_value(value)),
            _ => {}
        }
    }
}

/// Whether a header may hold a secret: all that are not known to hold none.
pub(crate) fn is_secret_header(name: &HeaderName) -> bool {
    const HARMLESS: [HeaderName; 9] = [
        header::ACCEPT,
        header::ACCEPT_LANGUAGE,
        header::CACHE_CONTROL,
        header::HOST,
        header::ORIGIN,
        header::PRAGMA,
        header::REFERER,
        header::USER_AGENT,
        HeaderName::from_static("x-requested-with"),
    ];
    !HARMLESS.contains(name)
}

/// Whether a field of a query holds a secret, by its name.
pub(crate) fn is_secret_field(name: &str) -> bool {
    const PARTS: [&str; 10] =
        ["auth", "cred", "jwt", "key", "pass", "pwd", "secret", "session", "sig", "token"];
    let name = name.to_ascii_lowercase();
    name == "sid" || PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        let secrets = Secrets::default();
        let payload = json!({ "token": "hush", "more": ["deep-one", { "n": 1, "x": "no" }] });
        secrets.add_payload(payload.as_object().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer tick-tock"));
        headers
            .insert(header::COOKIE, HeaderValue::from_static("a=first-one; b=other-one; c=true"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        secrets.add_headers(&headers);
        let mut value = json!({
            "a": "hush deep-one no",
            "b": ["Bearer tick-tock", "tick-tock", "first-one other-one true", "https://a.example"],
        });
        secrets.redact_value(&mut value);
        let r = REDACTED;
        let expect = json!({
            "a": format!("{r} {r} no"),
            "b": [r, r, format!("{r} {r} true"), "https://a.example"],
        });
        assert_eq!(value, expect);
    }

    #[test]
    fn fields_are_judged_by_their_names() {
        assert!(
            is_secret_field("access_token") && is_secret_field("apiKey") && is_secret_field("sid")
        );
        assert!(!is_secret_field("room") && !is_secret_field("side"));
    }
}
