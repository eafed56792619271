//! Tokens, passwords and ids of sessions: found where they stand, and from then on hidden wherever they turn up again.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::json;

/// What stands for a secret.
pub(crate) const REDACTED: &str = "‹redacted›";

/// Shorter ones would hide ordinary text wherever it is the same by chance.
const SHORTEST: usize = 4;
/// As [`SHORTEST`], of what is only a part of something secret, such as a field of an auth payload.
const SHORTEST_PART: usize = 8;
/// So many are remembered; a server can't make it more.
const MOST: usize = 4_096;

/// The secrets that are known by now. Servers repeat tokens in their errors, and so would we.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    are_shown: AtomicBool,
    known: std::sync::Mutex<Vec<String>>,
}

impl Secrets {
    /// Those of this process: whatever it prints beside data goes through [`Self::hide`].
    pub(crate) fn of_process() -> &'static Self {
        static SECRETS: OnceLock<Secrets> = OnceLock::new();
        SECRETS.get_or_init(Self::default)
    }

    /// Hides nothing from now on.
    pub(crate) fn show(&self) {
        self.are_shown.store(true, Ordering::Relaxed);
    }

    /// The text without the secrets in it: those that are known, and what looks like a secret field of a URL.
    pub(crate) fn hide(&self, text: &str) -> String {
        let mut hidden = self.fields(text);
        if !self.are_shown() {
            for secret in self.known().iter() {
                if hidden.contains(secret.as_str()) {
                    hidden = hidden.replace(secret.as_str(), REDACTED);
                }
            }
        }
        hidden
    }

    /// A header's value. Those of which some part is secret are hidden as a whole.
    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        let name = name.as_str();
        if name.contains("cookie") {
            self.cookies(&text);
        } else if name.contains("authorization") {
            self.credentials(&text);
        } else if name == "location" || name == "referer" {
            return self.target(&text);
        } else if name.starts_with("sec-websocket-") || !is_secret(name) {
            return self.hide(&text);
        } else {
            self.learn(&text, SHORTEST);
        }
        self.instead_of(&text)
    }

    /// A URL, or what of one is asked for: fields of its query that look secret are hidden, and who the user is.
    pub(crate) fn target(&self, url: &str) -> String {
        let (rest, query) = url.split_once('?').unwrap_or((url, ""));
        let mark = if query.is_empty() { "" } else { "?" };
        self.hide(&(self.user(rest) + mark + query))
    }

    /// JSON, or what is meant to be: the values of names that look secret are hidden.
    pub(crate) fn json(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((name, begin)) = json::next_member(rest) {
            let (before, value) = rest.split_at(begin);
            shown += before;
            rest = value;
            if is_secret(name) {
                let (value, after) = value.split_at(json::value_end(value));
                self.learn_value(value, SHORTEST);
                shown += &self.instead_of_json(value);
                rest = after;
            }
        }
        shown += rest;
        self.hide(&shown)
    }

    /// An auth payload, which is secret as a whole.
    pub(crate) fn auth(&self, text: &str) -> String {
        let mut rest = text;
        while let Some((name, begin)) = json::next_member(rest) {
            rest = &rest[begin..];
            let shortest = if is_secret(name) { SHORTEST } else { SHORTEST_PART };
            self.learn_value(&rest[..json::value_end(rest)], shortest);
        }
        self.instead_of(text)
    }

    /// A proxy's URL as it was given: its user and password are secret.
    pub(crate) fn user(&self, url: &str) -> String {
        let begin = url.find("://").map_or(0, |index| index + 3);
        let end = url[begin..].find('/').map_or(url.len(), |index| begin + index);
        match url[begin..end].rsplit_once('@') {
            Some((user, host)) => {
                self.learn(user, SHORTEST);
                let password = user.split_once(':').map_or(user, |(_, password)| password);
                self.learn(password, SHORTEST);
                self.learn(&decoded(password), SHORTEST);
                format!("{}{}@{host}{}", &url[..begin], self.instead_of(user), &url[end..])
            }
            None => url.to_owned(),
        }
    }

    /// A text in which there may be fields such as `token=…`.
    fn fields(&self, text: &str) -> String {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let is_of_value = |c: char| !(c.is_whitespace() || "&;,\"'`<>()[]{}\\=".contains(c));
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let name = before.rsplit(|c| !is_of_name(c)).next().unwrap_or_default();
            shown = shown + before + "=";
            rest = after;
            if is_secret_field(name) {
                let end = after.find(|c| !is_of_value(c)).unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                if !value.is_empty() && value != REDACTED {
                    self.learn(value, SHORTEST);
                    self.learn(&decoded(value), SHORTEST);
                    shown += &self.instead_of(value);
                    rest = after;
                }
            }
        }
        shown + rest
    }

    fn cookies(&self, text: &str) {
        for cookie in text.split(';') {
            // `Path=/` and the like are too short, or no secrets that anybody would miss.
            if let Some((name, value)) = cookie.split_once('=')
                && !["path", "domain", "expires", "max-age", "samesite"]
                    .contains(&&*name.trim().to_ascii_lowercase())
            {
                self.learn(value.trim().trim_matches('"'), SHORTEST);
            }
        }
    }

    fn credentials(&self, text: &str) {
        self.learn(text, SHORTEST);
        let Some((scheme, token)) = text.split_once(' ') else { return };
        self.learn(token.trim(), SHORTEST);
        if scheme.eq_ignore_ascii_case("basic")
            && let Ok(user) = BASE64_STANDARD.decode(token.trim())
            && let Ok(user) = String::from_utf8(user)
            && let Some((_, password)) = user.split_once(':')
        {
            self.learn(password, SHORTEST);
        }
    }

    /// A value in JSON: its text, or the texts in it.
    fn learn_value(&self, value: &str, shortest: usize) {
        match serde_json::from_str(value) {
            Ok(Value::String(text)) => self.learn(&text, shortest),
            Ok(Value::Number(number)) => self.learn(&number.to_string(), shortest),
            Ok(Value::Array(values)) => {
                for value in values {
                    self.learn_value(&value.to_string(), shortest);
                }
            }
            _ => {}
        }
    }

    /// Remembers a secret, in the forms in which it may come back.
    fn learn(&self, secret: &str, shortest: usize) {
        if secret.len() < shortest || ["true", "false", "null"].contains(&secret) {
            return;
        }
        let as_json = Value::from(secret).to_string();
        let in_form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let in_query = in_form.replace('+', "%20");
        let mut known = self.known();
        for form in [secret, as_json.trim_matches('"'), &in_form, &in_query] {
            if known.len() < MOST && !known.iter().any(|known| known == form) {
                known.push(form.to_owned());
            }
        }
        // The longest first: one may be a part of another.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    fn instead_of(&self, text: &str) -> String {
        if self.are_shown() { text.to_owned() } else { REDACTED.to_owned() }
    }

    fn instead_of_json(&self, text: &str) -> String {
        if self.are_shown() { text.to_owned() } else { format!("\"{REDACTED}\"") }
    }

    fn are_shown(&self) -> bool {
        self.are_shown.load(Ordering::Relaxed)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        // Whoever panicked with it has left a list of texts all the same.
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a header, a field of a query or a name in JSON stands for something that nobody else may know.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 11] = [
        "token",
        "secret",
        "passw",
        "pwd",
        "jwt",
        "apikey",
        "accesskey",
        "privatekey",
        "credential",
        "signature",
        "sessionid",
    ];
    const NAMES: [&str; 8] = ["sid", "pid", "sig", "session", "cookie", "bearer", "otp", "pin"];

    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    PARTS.iter().any(|part| plain.contains(part))
        || NAMES.iter().any(|secret| plain == *secret)
        // But not an author.
        || plain.contains("auth") && (!plain.contains("author") || plain.contains("authoriz"))
}

/// As [`is_secret`], of a field in a URL or a cookie, where more is: `io` is the cookie with the id of a session.
fn is_secret_field(name: &str) -> bool {
    is_secret(name) || ["key", "code", "ticket", "io"].contains(&&*name.to_ascii_lowercase())
}

/// A value of a query.
fn decoded(value: &str) -> String {
    // A name without a value is what it takes for the whole.
    let mut pairs = form_urlencoded::parse(value.as_bytes());
    pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_hidden_where_they_stand() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(hide: impl Fn(&Secrets) -> String, expect: &str) {
            assert_eq!(hide(&Secrets::default()), expect);
            let secrets = Secrets::default();
            secrets.show();
            assert!(!hide(&secrets).contains(REDACTED));
        }
        let header = |name: &'static str, value: &'static str| {
            move |secrets: &Secrets| {
                let name = HeaderName::from_static(name);
                secrets.header(&name, &HeaderValue::from_static(value))
            }
        };
        check(header("authorization", "Bearer abcd"), "‹redacted›");
        check(header("proxy-authorization", "Basic YTpi"), "‹redacted›");
        check(header("cookie", "io=abcd; a=b"), "‹redacted›");
        check(header("set-cookie", "io=abcd; Path=/; HttpOnly"), "‹redacted›");
        check(header("x-api-key", "abcd"), "‹redacted›");
        check(header("x-auth-token", "abcd"), "‹redacted›");
        check(header("location", "/login?token=abcd&a=b"), "/login?token=‹redacted›&a=b");
        check(header("sec-websocket-key", "abcd"), "abcd");
        check(header("content-type", "text/plain"), "text/plain");

        let target = |url: &'static str| move |secrets: &Secrets| secrets.target(url);
        check(target("/socket.io/?EIO=4&sid=abcd&t=1"), "/socket.io/?EIO=4&sid=‹redacted›&t=1");
        check(
            target("/?access_token=a%20b&key=x&author=Ada"),
            "/?access_token=‹redacted›&key=‹redacted›&author=Ada",
        );
        check(target("/a?"), "/a");
        check(target("/a?token"), "/a?token");
        check(target("http://me:pass@h:1/a@b"), "http://‹redacted›@h:1/a@b");

        let json = |text: &'static str| move |secrets: &Secrets| secrets.json(text);
        check(
            json(r#"{"sid":"abcd","pingInterval":25000}"#),
            r#"{"sid":"‹redacted›","pingInterval":25000}"#,
        );
        check(
            json(r#"["login",{"user":"Ada","password":"x"}]"#),
            r#"["login",{"user":"Ada","password":"‹redacted›"}]"#,
        );
        check(
            json(r#"{"token":{"a":["}"]},"author":"Ada","b":[1]}"#),
            r#"{"token":"‹redacted›","author":"Ada","b":[1]}"#,
        );
        check(
            json(r#"{"code":3,"message":"Bad request"}"#),
            r#"{"code":3,"message":"Bad request"}"#,
        );
        check(json(r#"{"token":"never ends"#), r#"{"token":"‹redacted›""#);
        check(json("no JSON"), "no JSON");
        check(|secrets| secrets.auth(r#"{"user":"Ada"}"#), "‹redacted›");

        let hide = |text: &'static str| move |secrets: &Secrets| secrets.hide(text);
        check(
            hide("no session of sid=abcd, or (io=efgh)"),
            "no session of sid=‹redacted›, or (io=‹redacted›)",
        );
        check(hide("abcd at token=abcd"), "‹redacted› at token=‹redacted›");
        check(hide("a=b==c token= d"), "a=b==c token= d");
    }

    #[test]
    fn what_was_found_once_is_hidden_everywhere() {
        #[track_caller]
        fn check(learn: impl Fn(&Secrets), text: &str, expect: &str) {
            let secrets = Secrets::default();
            learn(&secrets);
            assert_eq!(secrets.hide(text), expect);
        }
        let auth = |text: &'static str| move |secrets: &Secrets| drop(secrets.auth(text));
        check(
            auth(r#"{"token":"s3cret"}"#),
            "no nsp /a?token=s3cret, s3cret",
            "no nsp /a?token=‹redacted›, ‹redacted›",
        );
        check(
            auth(r#"{"token":"a \"b"}"#),
            r#"a+%22b, a \"b, a "b"#,
            "‹redacted›, ‹redacted›, ‹redacted›",
        );
        check(auth(r#"{"a":{"jwt":["abcd"]}}"#), "abcd", "‹redacted›");
        check(
            auth(r#"{"room":"chat","name":"longer than chance"}"#),
            "chat longer than chance",
            "chat ‹redacted›",
        );
        check(auth(r#"{"token":true,"sid":"abc"}"#), "true abc", "true abc");
        let header = |name: &'static str, value: &'static str| {
            move |secrets: &Secrets| {
                drop(
                    secrets
                        .header(&HeaderName::from_static(name), &HeaderValue::from_static(value)),
                );
            }
        };
        check(header("authorization", "Bearer abcd"), "got abcd", "got ‹redacted›");
        check(
            header("authorization", "Basic YWRhOnB3MTIz"),
            "pw123 YWRhOnB3MTIz",
            "‹redacted› ‹redacted›",
        );
        check(header("set-cookie", "io=abcd; Path=/long"), "abcd /long", "‹redacted› /long");
        check(
            |secrets| drop(secrets.user("http://me:p%40ss@h")),
            "p@ss p%40ss h",
            "‹redacted› ‹redacted› h",
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(
            text in prop_oneof![any::<String>(), "[\"{}:,=&?@/ ea\\\\é\\[\\]]{0,30}", "(\"(token|a)\":|\\{|\\[|é|\"){0,12}"],
        ) {
            let secrets = Secrets::default();
            secrets.json(&text);
            secrets.target(&text);
            secrets.auth(&text);
            secrets.user(&text);
            // Nothing that is known is left.
            let hidden = secrets.hide(&text);
            prop_assert!(!secrets.known().iter().any(|known| hidden.contains(known.as_str()) && !REDACTED.contains(known.as_str())));
        }
    }
}
