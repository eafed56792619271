//! What nobody else may see: found where it stands, by its name, and from then on hidden wherever it turns up again.
//!
//! Every way out of this program goes through here: what is said on standard error, traces and recordings, the doctor's
//! report and the commands that it advises, printed programs, and the history of the prompt.

mod bare;
mod members;
mod names;

use std::{
    mem,
    ops::Range,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use sockeye_proto::wire::base64;

use self::names::Secrecy;

/// What stands for a secret.
pub(crate) const REDACTED: &str = "‹redacted›";

/// Shorter ones would hide ordinary text wherever it is the same by chance.
const SHORTEST: usize = 4;
/// As [`SHORTEST`], of what is only likely to be a secret, or a part of one.
const SHORTEST_PART: usize = 8;
/// As [`SHORTEST`], of digits: years and ports are shorter.
const SHORTEST_NUMBER: usize = 6;
/// What stands between two fields of a query.
pub(crate) const BETWEEN_FIELDS: [char; 2] = ['&', ';'];
/// So many are remembered; a server can't make it more.
const MOST: usize = 4_096;
/// How many texts may stand within each other, each encoded once more, until we look no deeper.
const DEEPEST: usize = 4;

/// The secrets that are known by now. Servers repeat tokens in their errors, and so would we.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    are_shown: AtomicBool,
    known: Mutex<Vec<String>>,
}

impl Secrets {
    /// Those of this process.
    pub(crate) fn of_process() -> &'static Self {
        static SECRETS: OnceLock<Secrets> = OnceLock::new();
        SECRETS.get_or_init(Self::default)
    }

    /// Hides nothing from now on.
    pub(crate) fn show(&self) {
        self.are_shown.store(true, Ordering::Relaxed);
    }

    /// Any text without the secrets in it: those that are known, users in URLs, values of names that are secret, be it in
    /// JSON or as `token=…`, and what is one by its looks. All of them in texts that are encoded in it, too.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redact_within(text, DEEPEST)
    }

    fn redact_within(&self, text: &str, depth: usize) -> String {
        let text = self.strings(text, depth);
        let finders = [bare::jwt, bare::credentials, bare::labelled];
        let text = finders.into_iter().fold(text, |text, first| self.bare(&text, first));
        let text = self.encoded(&self.members(&self.users(&text), false), depth);
        self.known_in(&self.fields(&text))
    }

    /// The same for a value: the texts in it, and what the names in it tell.
    pub(crate) fn redact_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(list) => list.iter_mut().for_each(|value| self.redact_value(value)),
            Value::Object(map) => {
                for (name, value) in map {
                    let secrecy = names::of_member(name);
                    let is_secret = secrecy > Secrecy::Open
                        && match value {
                            Value::Null | Value::Bool(_) => false,
                            Value::String(text) => !is_no_secret(text),
                            Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
                        };
                    if is_secret {
                        self.learn_value(&value.to_string(), "\"", shortest(secrecy));
                    }
                    if is_secret && !self.are_shown() {
                        *value = Value::from(REDACTED);
                    } else {
                        self.redact_value(value);
                    }
                }
            }
            _ => {}
        }
    }

    /// A header's value; all but those of harmless ones are hidden as a whole.
    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        let secrecy = names::of_header(name);
        let name = name.as_str();
        if secrecy == Secrecy::Open {
            return match name {
                "location" | "content-location" | "referer" => self.target(&text),
                _ => self.redact(&text),
            };
        }
        self.learn(&text, shortest(secrecy));
        if name.contains("cookie") {
            self.cookies(&text);
        } else if name.contains("authorization") {
            self.credentials(&text);
        } else {
            for part in text.split([' ', ';', ',']) {
                let named = part.split_once('=').filter(|(name, _)| !name.is_empty());
                self.add_part(named.map_or(part, |(_, value)| value).trim_matches('"'));
            }
        }
        self.instead_of(&text)
    }

    /// A URL, or what of one is asked for: fields of its query that are secret are hidden, and who the user is.
    pub(crate) fn target(&self, url: &str) -> String {
        let (rest, fragment) = url.split_once('#').map_or((url, None), |(url, f)| (url, Some(f)));
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(url, q)| (url, Some(q)));
        let mut shown = self.user(rest);
        for (mark, fields) in [('?', query), ('#', fragment)] {
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                shown.push(mark);
                for field in fields.split_inclusive(BETWEEN_FIELDS) {
                    let end = field.strip_suffix(BETWEEN_FIELDS).unwrap_or(field);
                    shown += &self.field(end);
                    shown += &field[end.len()..];
                }
            }
        }
        self.redact(&shown)
    }

    /// A field of a query as it was given, before anything encodes it.
    pub(crate) fn add_field(&self, name: &str, value: &str) {
        let secrecy = names::of_query(name);
        if secrecy > Secrecy::Open {
            self.learn(value, shortest(secrecy));
        }
        self.redact(value);
    }

    /// An auth payload, which is secret as a whole.
    pub(crate) fn auth(&self, text: &str) -> String {
        self.redact(text);
        self.members(text, true);
        self.instead_of(text)
    }

    /// The same of one that is read.
    pub(crate) fn add_payload(&self, payload: &Map<String, Value>) {
        self.auth(&Value::Object(payload.clone()).to_string());
    }

    /// A URL as it was given: its user and password are secret.
    pub(crate) fn user(&self, url: &str) -> String {
        let begin = url.find("://").map_or(0, |index| index + 3);
        let end = host_end(url, begin);
        match url[begin..end].rsplit_once('@') {
            Some((user, host)) if user != REDACTED => {
                self.learn(user, SHORTEST);
                let password = user.split_once(':').map_or(user, |(_, password)| password);
                self.learn(password, SHORTEST);
                self.learn(&decoded(password), SHORTEST);
                format!("{}{}@{host}{}", &url[..begin], self.instead_of(user), &url[end..])
            }
            _ => url.to_owned(),
        }
    }

    /// A secret without a name.
    pub(crate) fn add(&self, secret: &str) {
        self.learn(secret, SHORTEST);
    }

    /// What is a part of something secret, as most are words such as `true` and `http`.
    pub(crate) fn add_part(&self, part: &str) {
        self.learn(part, SHORTEST_PART);
    }

    /// What texts in quotes hold that have escapes in them: written anew only if that is secret.
    fn strings(&self, text: &str, depth: usize) -> String {
        let mut shown = String::new();
        let mut rest = text;
        // Where one ends another one may begin: quotes need not be in pairs.
        while let Some(begin) = rest.find('"').filter(|_| depth > 0) {
            let end = begin + members::string_end(&rest[begin..], "\"");
            let written = &rest[begin..end];
            let inner = written.contains('\\').then(|| serde_json::from_str::<String>(written));
            let hidden = inner.and_then(Result::ok).and_then(|inner| {
                let hidden = self.redact_within(&inner, depth - 1);
                (hidden != inner).then_some(hidden)
            });
            let behind = match hidden {
                Some(hidden) => {
                    shown += &rest[..begin];
                    shown += &Value::from(hidden).to_string();
                    end
                }
                None => {
                    let is_closed = end > begin + 1 && written.ends_with('"');
                    let behind = if is_closed { end - 1 } else { end };
                    shown += &rest[..behind];
                    behind
                }
            };
            rest = &rest[behind..];
        }
        shown + rest
    }

    /// What is a secret by its looks, if this finds the first one.
    fn bare(&self, text: &str, first: fn(&str) -> Option<Range<usize>>) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some(found) = first(rest) {
            self.learn(&rest[found.clone()], SHORTEST);
            shown += &rest[..found.start];
            shown += &self.instead_of(&rest[found.clone()]);
            rest = &rest[found.end..];
        }
        shown + rest
    }

    /// What is encoded as in a query, as `https%3A%2F%2Fh%2F%3Ftoken%3D…`: hidden as a whole.
    fn encoded(&self, text: &str, depth: usize) -> String {
        let ends = |c: char| c.is_whitespace() || "&;=?#,\"'`<>(){}[]\\".contains(c);
        let mut shown = String::new();
        for piece in text.split_inclusive(ends) {
            let written = piece.trim_end_matches(ends);
            let plain = if written.contains('%') { decoded(written) } else { String::new() };
            if depth > 0 && plain != written && self.redact_within(&plain, depth - 1) != plain {
                shown += &self.instead_of(written);
                shown += &piece[written.len()..];
            } else {
                shown += piece;
            }
        }
        shown
    }

    /// Users in front of hosts, wherever there are URLs in a text.
    fn users(&self, text: &str) -> String {
        let is_end = |c: char| c.is_whitespace() || "\"'`<>()[]{},\\".contains(c);
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(mark) = rest.find("://") {
            let end = rest[mark + 3..].find(is_end).map_or(rest.len(), |end| mark + 3 + end);
            // With its scheme: of a queue's URL an `@` is never of the path.
            let is_of_scheme = |c: char| c.is_ascii_alphanumeric() || c == '+';
            let begin = rest[..mark].trim_end_matches(is_of_scheme).len();
            shown += &rest[..begin];
            shown += &self.user(&rest[begin..end]);
            rest = &rest[end..];
        }
        shown + rest
    }

    /// Values that the names of members tell to be secret; `all` of them are in something secret.
    fn members(&self, text: &str, all: bool) -> String {
        let mut shown = String::with_capacity(text.len());
        let (mut from, mut done) = (0, 0);
        // Of what stands in the next "value": `{"name":"token","value":…}`.
        let mut named = Secrecy::Open;
        while let Some(member) = members::next(text, from) {
            let value = &text[member.begin..member.end];
            let mut secrecy = names::of_member(&members::unescaped(member.name));
            match member.name {
                "name" | "key" | "field" => {
                    named = names::of_field(unquoted(value, member.quote));
                }
                "value" => secrecy = secrecy.max(mem::take(&mut named)),
                _ => {}
            }
            from = member.begin;
            let is_hidden = secrecy > Secrecy::Open && !is_no_secret(unquoted(value, member.quote));
            if is_hidden || all {
                self.learn_value(value, member.quote, shortest(secrecy));
            }
            if is_hidden && !all {
                shown += &text[done..member.begin];
                shown += &match self.are_shown() {
                    true => value.to_owned(),
                    false => format!("{0}{REDACTED}{0}", member.quote),
                };
                (from, done) = (member.end, member.end);
            }
        }
        shown + &text[done..]
    }

    /// A text in which there may be fields such as `token=…`.
    fn fields(&self, text: &str) -> String {
        let is_of_name = |c: char| c.is_alphanumeric() || "_-.%\\[]".contains(c);
        let is_of_value = |c: char| !(c.is_whitespace() || "&;,\"'`<>()[]{}\\".contains(c));
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let name = before.rsplit(|c| !is_of_name(c)).next().unwrap_or_default();
            shown = shown + before + "=";
            rest = after;
            let is_of_query = before[..before.len() - name.len()].ends_with(['?', '&', ';', '#']);
            let of_name = if is_of_query { names::of_query } else { names::of_field };
            let secrecy = of_name(&members::unescaped(&decoded(name)));
            if secrecy == Secrecy::Open {
                continue;
            }
            // Perhaps in quotes, perhaps inside of a text that has others.
            let inner = after.trim_start_matches('\\').strip_prefix(['"', '\'']);
            let inner = inner.filter(|inner| inner.starts_with(|c| is_of_value(c) && c != ':'));
            let (begin, end) = match inner {
                Some(inner) => (inner, inner.find(['"', '\'', '\\'])),
                None => (after, after.find(|c| !is_of_value(c))),
            };
            let (value, behind) = begin.split_at(end.unwrap_or(begin.len()));
            let is_variable = value == "$" && behind.starts_with('{');
            if !is_no_secret(value) && !is_variable {
                self.learn(value, shortest(secrecy));
                self.learn(&decoded(value), shortest(secrecy));
                shown += &after[..after.len() - begin.len()];
                shown += &self.instead_of(value);
                rest = behind;
            }
        }
        shown + rest
    }

    /// One field of a query.
    fn field(&self, field: &str) -> String {
        let Some((name, value)) = field.split_once('=') else { return field.to_owned() };
        let secrecy = names::of_query(&decoded(name));
        if secrecy == Secrecy::Open || is_no_secret(value) {
            return field.to_owned();
        }
        self.learn(value, shortest(secrecy));
        self.learn(&decoded(value), shortest(secrecy));
        format!("{name}={}", self.instead_of(value))
    }

    /// A text without the secrets that are known.
    fn known_in(&self, text: &str) -> String {
        if self.are_shown() {
            return text.to_owned();
        }
        self.known().iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), REDACTED)
            } else {
                text
            }
        })
    }

    fn cookies(&self, text: &str) {
        for cookie in text.split(';') {
            // `Path=/` and the like are too short, or no secrets that anybody would miss.
            if let Some((name, value)) = cookie.split_once('=')
                && !["path", "domain", "expires", "max-age", "samesite"]
                    .contains(&&*name.trim().to_ascii_lowercase())
            {
                let shortest = shortest(names::of_field(name.trim()));
                self.learn(value.trim().trim_matches('"'), shortest);
            }
        }
    }

    fn credentials(&self, text: &str) {
        let Some((scheme, token)) = text.split_once(' ') else { return };
        self.learn(token.trim(), SHORTEST);
        if scheme.eq_ignore_ascii_case("basic")
            && let Ok(user) = base64::decode(token.trim())
            && let Ok(user) = String::from_utf8(user)
            && let Some((_, password)) = user.split_once(':')
        {
            self.learn(password, SHORTEST);
        }
    }

    /// A value in JSON: its text, or the texts in it.
    fn learn_value(&self, value: &str, quote: &str, shortest: usize) {
        if value.starts_with(quote) {
            let mut text = unquoted(value, quote).to_owned();
            // In each of the forms that it has on its way out of the texts around it.
            for _ in 0..4 {
                self.learn(&text, shortest);
                match serde_json::from_str::<String>(&format!("\"{text}\"")) {
                    Ok(inner) if inner != text => text = inner,
                    _ => return,
                }
            }
            return;
        }
        match serde_json::from_str(value) {
            Ok(Value::Number(number)) => self.learn(&number.to_string(), shortest),
            Ok(Value::Array(values)) => {
                for value in values {
                    self.learn_value(&value.to_string(), "\"", shortest);
                }
            }
            // What its members are called tells more.
            Ok(Value::Object(_)) => drop(self.members(value, true)),
            _ => {}
        }
    }

    /// Remembers a secret, in the forms in which it may come back.
    fn learn(&self, secret: &str, shortest: usize) {
        let is_number = secret.bytes().all(|byte| byte.is_ascii_digit());
        let shortest = if is_number { shortest.max(SHORTEST_NUMBER) } else { shortest };
        if secret.len() < shortest || is_no_secret(secret) || REDACTED.contains(secret) {
            return;
        }
        let as_json = Value::from(secret).to_string();
        let in_query: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let in_path = in_query.replace('+', "%20");
        let mut known = self.known();
        for form in [secret, as_json.trim_matches('"'), &in_query, &in_path] {
            if known.len() < MOST && !known.iter().any(|known| known == form) {
                known.push(form.to_owned());
            }
        }
        // The longest first: one may be a part of another.
        known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Whether one of those that are known is in it, shown or not.
    fn holds(&self, text: &str) -> bool {
        self.known().iter().any(|secret| text.contains(secret.as_str()))
    }

    fn instead_of(&self, text: &str) -> String {
        if self.are_shown() { text.to_owned() } else { REDACTED.to_owned() }
    }

    fn are_shown(&self) -> bool {
        self.are_shown.load(Ordering::Relaxed)
    }

    fn known(&self) -> MutexGuard<'_, Vec<String>> {
        // Whoever panicked with it has left a list of texts all the same.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a header may stand in what is kept or passed on: it is known to be harmless, and so is its value.
pub(crate) fn is_open_header(name: &HeaderName, value: &HeaderValue) -> bool {
    Secrets::default().header(name, value).as_bytes() == value.as_bytes()
}

/// Whether a text may stand in what is kept or passed on.
pub(crate) fn is_open(text: &str) -> bool {
    Secrets::default().redact(text) == text
}

/// Whether a field of a query may, as it stands there: by its name and by its value.
pub(crate) fn is_open_field(field: &str) -> bool {
    Secrets::default().field(field) == field && is_open(field)
}

/// What an argument of the command line was given, `--auth <JSON>`, where that is a mistake: of what may be a secret, its
/// shape.
pub(crate) fn mistaken(argument: &str, given: &str) -> String {
    let name = argument.split([' ', '=']).next().unwrap_or(argument);
    match name {
        "--header" => match given.split_once([':', ' ', '=']) {
            Some((name, value)) if is_open_pair(name, value) => given.to_owned(),
            None if HeaderName::try_from(given).is_ok_and(|name| is_harmless(&name)) => {
                given.to_owned()
            }
            _ => shape(given),
        },
        "--query" => shape(given),
        "--proxy" | "<URL>" => Secrets::of_process().target(given),
        _ if names::of_member(name) > Secrecy::Open => REDACTED.to_owned(),
        _ => given.to_owned(),
    }
}

/// How a text is written that should have a name and a value: what stands between them, and the name if it is a known
/// one. Any other may be a half of the secret.
fn shape(given: &str) -> String {
    let Some((name, _)) = given.split_once([':', '=', ' ']) else { return REDACTED.to_owned() };
    let mark = &given[name.len()..=name.len()];
    let name = if name.is_empty() || names::is_known(name) { name } else { REDACTED };
    format!("{name}{mark}{REDACTED}")
}

fn is_harmless(name: &HeaderName) -> bool {
    names::of_header(name) == Secrecy::Open
}

fn is_open_pair(name: &str, value: &str) -> bool {
    let (name, value) = (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim()));
    name.is_ok_and(|name| value.is_ok_and(|value| is_open_header(&name, &value)))
}

/// Whether a text that a person typed is better forgotten.
pub(crate) fn is_better_forgotten(line: &str) -> bool {
    names::in_line(line) || !is_open(line) || Secrets::of_process().holds(line)
}

/// Where in a URL the user and the host end, if they begin here: before the path. A password may have a slash in it that its
/// owner forgot to escape: then what stands before the slash is no host and port, or the path of a queue would have an `@`.
fn host_end(url: &str, begin: usize) -> usize {
    let rest = &url[begin..];
    let all = rest.find('?').unwrap_or(rest.len());
    let Some(slash) = rest[..all].find('/') else { return begin + all };
    let authority = &rest[..slash];
    let is_of_queue = url.starts_with("redis") || url.starts_with("valkey");
    let is_host = authority.contains('@')
        || authority.rsplit_once(':').is_none_or(|(host, port)| {
            !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
        });
    match rest[..all].rfind('@').filter(|at| *at > slash && (is_of_queue || !is_host)) {
        Some(at) => begin + rest[at..all].find('/').map_or(all, |end| at + end),
        None => begin + slash,
    }
}

const fn shortest(secrecy: Secrecy) -> usize {
    match secrecy {
        Secrecy::Sure => SHORTEST,
        Secrecy::Likely | Secrecy::Open => SHORTEST_PART,
    }
}

/// Whether a value is no secret, whatever its name: it is none at all, it stands for one that is elsewhere, or it is the
/// hash of a public key.
fn is_no_secret(value: &str) -> bool {
    let is_of_variable = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_variable = |name: &str| !name.is_empty() && name.chars().all(is_of_variable);
    ["", "…", "...", "true", "false", "null", REDACTED].contains(&value)
        || value.strip_prefix('$').is_some_and(is_variable)
        || value.strip_prefix("${").and_then(|name| name.strip_suffix('}')).is_some_and(is_variable)
        || value.starts_with("sha256/")
}

/// What stands between the quotes of a value that has some.
fn unquoted<'v>(value: &'v str, quote: &str) -> &'v str {
    match value.strip_prefix(quote) {
        Some(inner) => inner.strip_suffix(quote).unwrap_or(inner),
        None => value,
    }
}

/// A name or value of a query.
fn decoded(value: &str) -> String {
    // A name without a value is what it takes for the whole.
    let mut pairs = form_urlencoded::parse(value.as_bytes());
    pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
