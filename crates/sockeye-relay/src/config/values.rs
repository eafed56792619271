//! Values of the configuration: times, sizes, secrets.

use std::{borrow::Cow, fmt, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time, such as `"500ms"`, `"30s"`, `"5m"`, `"1h"`, `"30d"`; a bare number is seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Time(pub Duration);

/// The units of times, in milliseconds, the largest first.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Time {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &TIMES, "0s")
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ms = parse(text, &TIMES, "s");
        ms.map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| format!("{text:?} is not a time; expected something like \"500ms\", \"30s\", \"5m\", \"1h\" or \"30d\""))
    }
}

/// A size in bytes, such as `"64KiB"`, `"16MiB"`, `"1GiB"`, `"10MB"`; a bare number is bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size(pub u64);

/// The units of sizes, the largest first.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &SIZES, "0B")
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &SIZES, "B").map(Self).ok_or_else(|| {
            format!(
                "{text:?} is not a size; expected something like \"64KiB\", \"16MiB\" or \"1GiB\""
            )
        })
    }
}

/// Writes a number in the largest unit that leaves no rest.
fn write(
    f: &mut fmt::Formatter<'_>,
    number: u64,
    units: &[(&str, u64)],
    zero: &str,
) -> fmt::Result {
    let whole = |&&(_, unit): &&(&str, u64)| number.is_multiple_of(unit);
    match units.iter().find(whole) {
        Some((unit, size)) if number > 0 => write!(f, "{}{unit}", number / size),
        _ => f.write_str(zero),
    }
}

fn parse(text: &str, units: &[(&str, u64)], bare: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = if unit.is_empty() { bare } else { unit.trim() };
    let (_, size) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*size)
}

/// A text that is shown nowhere.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Where something is: a URL, or the name of a file with a scheme before it. What may be secret in it is not shown.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Location(String);

impl Location {
    /// A place of this name.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole of it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a password may have a `/` in it that ends the host before it begins, as in `redis://:pa/ss@host`.
    #[must_use]
    pub fn has_cut_login(&self) -> bool {
        login_end(&self.0).is_some_and(|(_, is_cut)| is_cut)
    }

    /// A place that is a secret by its path, as that of a webhook is, more often than not: what is shown is where it begins.
    pub(super) fn origin(&self) -> String {
        let shown = self.to_string();
        let place = shown.split('?').next().unwrap_or(&shown);
        match place.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let is_bare = path.is_empty() && place.len() == shown.len();
                let hidden = if is_bare { "" } else { HIDDEN };
                let slash = if rest.len() == host.len() && is_bare { "" } else { "/" };
                format!("{scheme}://{host}{slash}{hidden}")
            }
            _ => shown,
        }
    }

    /// What it may be called: the place without what may be secret. The path of a webhook is, more often than not.
    #[must_use]
    pub fn name(&self) -> String {
        let shown = self.to_string().replace(&format!("{HIDDEN}@"), "");
        let (place, query) = shown.split_once('?').unwrap_or((&shown, ""));
        if let Some((scheme @ ("http" | "https"), rest)) = place.split_once("://") {
            let host = rest.split('/').next().unwrap_or(rest);
            return format!("{scheme}://{host}");
        }
        let fields = query.split('&').filter(|field| !field.is_empty() && !field.ends_with(HIDDEN));
        let query = fields.collect::<Vec<_>>().join("&");
        if query.is_empty() { place.to_owned() } else { format!("{place}?{query}") }
    }
}

/// What is told of a place whose login has a `/` in it.
pub(super) const CUT_LOGIN: &str = "there is an @ behind the first /, so what was meant as a password is read as a path; write / as %2F in a password, and @ as %40 in a path";

/// Where the login in a URL ends, behind its `@`, and whether a `/` is in it. The path of a server or a webhook may have an `@` of
/// its own; what stands before it was no host then if it has a colon, or if the scheme is another.
fn login_end(url: &str) -> Option<(usize, bool)> {
    let (scheme, rest) = url.split_once("://")?;
    let begin = url.len() - rest.len();
    let rest = &rest[..rest.find('?').unwrap_or(rest.len())];
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let is_web = matches!(scheme, "http" | "https" | "ws" | "wss");
    let within = if is_web && (authority.contains('@') || !authority.contains(':')) {
        authority
    } else {
        rest
    };
    let end = within.rfind('@')?;
    Some((begin + end + 1, end > authority.len()))
}

/// Fields of a query that are no secrets; others are not shown.
const SHOWN: [&str; 12] = [
    "list", "stream", "channel", "group", "field", "order", "lease", "trim", "sync", "master",
    "cluster", "db",
];

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        match place.split_once("://") {
            Some((scheme, _)) => match login_end(place) {
                Some((end, _)) => write!(f, "{scheme}://{HIDDEN}@{}", &place[end..])?,
                None => f.write_str(place)?,
            },
            None => f.write_str(place)?,
        }
        for (index, field) in query.split('&').filter(|field| !field.is_empty()).enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            let (name, _) = field.split_once('=').unwrap_or((field, ""));
            let is_shown = SHOWN.contains(&name) || field.ends_with(HIDDEN);
            if is_shown { f.write_str(field)? } else { write!(f, "{name}={HIDDEN}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Location {
    fn schema_name() -> Cow<'static, str> {
        "Location".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "location"})
    }
}

/// What is written as a text, and may be a bare number.
macro_rules! as_text {
    ($name:ident, $expecting:literal, $description:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }

                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$name, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_any(Visitor)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "format": $description})
            }
        }
    };
}

as_text!(Time, "a time, such as \"30s\"", "time");
as_text!(Size, "a size, such as \"16MiB\"", "size");

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "secret"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(u64, &str)>) {
            let found = text.parse::<Time>().ok();
            let found = found.map(|time| (time.0.as_millis() as u64, time.to_string()));
            assert_eq!(found, expect.map(|(ms, shown)| (ms, shown.to_owned())), "{text:?}");
        }
        check("500ms", Some((500, "500ms")));
        check("30s", Some((30_000, "30s")));
        check("90s", Some((90_000, "90s")));
        check("5m", Some((300_000, "5m")));
        check("24h", Some((86_400_000, "1d")));
        check("30", Some((30_000, "30s")));
        check("0", Some((0, "0s")));
        check("-1s", None);
        check("1.5s", None);
        check("s", None);
        check("1 year", None);
        check("99999999999999999999s", None);
    }

    #[test]
    fn sizes_are_read_and_written() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(u64, &str)>) {
            let found = text.parse::<Size>().ok().map(|size| (size.0, size.to_string()));
            assert_eq!(found, expect.map(|(bytes, shown)| (bytes, shown.to_owned())), "{text:?}");
        }
        check("1GiB", Some((1 << 30, "1GiB")));
        check("64 kib", Some((65_536, "64KiB")));
        check("10MB", Some((10_000_000, "10MB")));
        check("1000", Some((1_000, "1kB")));
        check("7", Some((7, "7B")));
        check("1TB", None);
        check("", None);
    }

    #[test]
    fn a_location_is_called_by_what_is_no_secret() {
        let rows = [
            ("-", "-"),
            ("file:/var/log/events.jsonl", "file:/var/log/events.jsonl"),
            ("redis://u:p@h:6379/0?stream=e&password=x", "redis://h:6379/0?stream=e"),
            ("redis://h?token=x", "redis://h"),
            ("redis://me:p@w@h:1/0?list=a@b", "redis://h:1/0?list=a@b"),
            ("redis://:pa/ss@h/0?list=t", "redis://h/0?list=t"),
            ("sqlite:a@b/relay.db", "sqlite:a@b/relay.db"),
            (
                "redis+sentinel://a,b:2/0?master=m&sentinel_password=x&stream=s",
                "redis+sentinel://a,b:2/0?master=m&stream=s",
            ),
            ("https://u@hooks.example/T0/secret?x=1", "https://hooks.example"),
            ("https://hooks.example", "https://hooks.example"),
        ];
        for (place, name) in rows {
            assert_eq!(Location::new(place).name(), name);
        }
    }

    #[test]
    fn the_path_of_a_webhook_is_its_secret() {
        let rows = [
            ("https://hooks.example/T0/s3cret?x=1", "https://hooks.example/(hidden)"),
            ("https://u:p@hooks.example/T0", "https://(hidden)@hooks.example/(hidden)"),
            ("https://hooks.example/?key=s3cret", "https://hooks.example/(hidden)"),
            ("https://hooks.example", "https://hooks.example"),
            ("https://hooks.example/", "https://hooks.example/"),
            ("file:/var/log/events.jsonl", "file:/var/log/events.jsonl"),
            ("redis://h:6379/0?stream=e", "redis://h:6379/0?stream=e"),
        ];
        for (place, shown) in rows {
            assert_eq!(Location::new(place).origin(), shown);
            assert_eq!(Location::new(shown).origin(), shown, "the same again");
        }
    }

    #[test]
    fn a_slash_in_a_login_is_found() {
        let cut = |url| Location::new(url).has_cut_login();
        assert!(cut("redis://:pa/ss@h/0?list=t") && cut("https://u:a/b@h"));
        assert!(!cut("redis://:pa%2Fss@h/0?list=t") && !cut("redis://h/0?list=a@b"));
        assert!(!cut("sqlite:a/b@c.db") && !cut("file:a@b/c") && !cut("unix:/a@b?list=t"));
        assert!(!cut("https://u:p@h:1/@me") && !cut("https://h/@me"));
    }

    #[test]
    fn a_location_is_shown_without_its_secrets() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: &str) {
            assert_eq!(Location::new(text).to_string(), expect, "{text}");
            assert_eq!(Location::new(expect).to_string(), expect, "the same again");
        }
        check("sqlite:relay.db", "sqlite:relay.db");
        check("-", "-");
        check("redis://h:6379/0?list=tasks", "redis://h:6379/0?list=tasks");
        check("redis://u:p@ss@h/0?list=t&order=none", "redis://(hidden)@h/0?list=t&order=none");
        check(
            "redis+sentinel://h1,h2/0?sentinel_password=x&list=t",
            "redis+sentinel://h1,h2/0?sentinel_password=(hidden)&list=t",
        );
        check("https://h/hook?key=x", "https://h/hook?key=(hidden)");
        check("redis://:pa/ss@h/0?list=t", "redis://(hidden)@h/0?list=t");
        check("redis://u:p/a/s@s@h", "redis://(hidden)@h");
        check("redis://u:p@a/s@h?list=t", "redis://(hidden)@h?list=t");
        check("https://u:p/a@h/x", "https://(hidden)@h/x");
        check("https://u:p@h:1/@me", "https://(hidden)@h:1/@me");
        check("https://h/@me", "https://h/@me");
        check("https://me:pw@h?a", "https://(hidden)@h?a=(hidden)");
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("s3cret");
        assert_eq!(
            format!("{secret:?} {}", serde_json::to_string(&secret).unwrap()),
            "(hidden) \"(hidden)\""
        );
        assert_eq!(secret.reveal(), "s3cret");
    }
}
