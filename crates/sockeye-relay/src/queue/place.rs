//! A URL of a queue, taken apart, and what its fields say.

use std::time::Duration;

use url::form_urlencoded;

use super::QueueError;

/// The schemes, as they are written.
const SCHEMES: &[&str] = &[
    "sqlite",
    "redis",
    "rediss",
    "unix",
    "redis+unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
    "valkey",
    "valkeys",
];

const COMMON: &[&str] = &["lease", "max_tasks", "done_count", "done_age", "dead_count", "dead_age"];
const OF_SQLITE: &[&str] = &["sync"];
const OF_REDIS: &[&str] = &[
    "list",
    "stream",
    "group",
    "field",
    "trim",
    "order",
    "timeout",
    "cluster",
    "master",
    "cacert",
    "db",
    "sentinel_user",
    "sentinel_password",
];

/// A URL, taken apart. A list of hosts is more than most parsers of URLs know.
pub(super) struct Place {
    pub(super) scheme: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) hosts: String,
    pub(super) path: String,
    fields: Vec<(String, String)>,
    /// As people may see it.
    pub(super) shown: String,
}

impl Place {
    pub(super) fn parse(url: &str) -> Result<Self, QueueError> {
        let unusable =
            |reason: String| QueueError::Unusable { store: "the queue's URL".to_owned(), reason };
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(unusable(
                "it has no scheme; expected something like sqlite:queue.db or redis://localhost/0?list=tasks"
                    .to_owned(),
            ));
        };
        if !SCHEMES.contains(&scheme) {
            if rest.split(['/', '?']).next().is_some_and(|port| port.parse::<u16>().is_ok()) {
                return Err(unusable(format!(
                    "it has no scheme; expected something like redis://{scheme}:{}?list=tasks",
                    rest.split('?').next().unwrap_or(rest)
                )));
            }
            let near = nearest(scheme, SCHEMES.iter().copied());
            return Err(unusable(format!("the scheme {scheme:?} is not known{near}")));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let has_hosts = !matches!(scheme, "sqlite" | "unix" | "redis+unix");
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) if has_hosts => {
                let end = rest.find('/').unwrap_or(rest.len());
                rest.split_at(end)
            }
            Some(rest) => ("", rest),
            None if has_hosts => return Err(unusable(format!("expected {scheme}://host"))),
            None => ("", rest),
        };
        if has_hosts && path.contains('@') {
            return Err(unusable(
                "there is an @ behind the first /, so what was meant as a password is read as a path; write / as %2F in it"
                    .to_owned(),
            ));
        }
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let decoded = |text: &str| (!text.is_empty()).then(|| decode(text));
        let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let mut shown = if has_hosts {
            format!("{scheme}://{hosts}{path}")
        } else {
            format!("{scheme}:{path}")
        };
        if let Some((name, value)) =
            fields.iter().find(|(name, _)| name == "list" || name == "stream")
        {
            shown = format!("{shown}?{name}={value}");
        }
        let place = Self {
            scheme: scheme.to_owned(),
            user: decoded(user),
            password: decoded(password),
            hosts: hosts.to_owned(),
            path: if has_hosts { path.to_owned() } else { decode(path) },
            fields,
            shown,
        };
        place.check_fields()?;
        Ok(place)
    }

    fn check_fields(&self) -> Result<(), QueueError> {
        let own = if self.scheme == "sqlite" { OF_SQLITE } else { OF_REDIS };
        for (number, (name, _)) in self.fields.iter().enumerate() {
            let known = || COMMON.iter().chain(own).copied();
            if !known().any(|known| known == name) {
                return Err(self.unusable(format!(
                    "the field {name:?} is not known{}",
                    nearest(name, known())
                )));
            }
            if self.fields[..number].iter().any(|(earlier, _)| earlier == name) {
                return Err(self.unusable(format!("the field {name:?} is there twice")));
            }
        }
        Ok(())
    }

    pub(super) fn unusable(&self, reason: String) -> QueueError {
        QueueError::Unusable { store: self.shown.clone(), reason }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, QueueError> {
        let Some(text) = self.field(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| *number > 0);
        number
            .map(Some)
            .ok_or_else(|| self.unusable(format!("{name}={text:?} is no number from 1")))
    }

    pub(super) fn duration(&self, name: &str) -> Result<Option<Duration>, QueueError> {
        let Some(text) = self.field(name) else { return Ok(None) };
        duration(text).map(Some).ok_or_else(|| {
            self.unusable(format!(
                "{name}={text:?} is no time; expected one like 500ms, 30s, 5m, 1h or 30d"
            ))
        })
    }

    pub(super) fn one_of<T: Copy>(
        &self,
        name: &str,
        values: &[(&str, T)],
        usual: T,
    ) -> Result<T, QueueError> {
        let Some(text) = self.field(name) else { return Ok(usual) };
        let found = values.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
            self.unusable(format!("{name}={text:?} is not known; expected {}", words.join(" or ")))
        })
    }
}

/// What stands in a part of a URL that may be escaped.
fn decode(text: &str) -> String {
    // A plus is a plus outside a query.
    let plus = text.replace('+', "%2B");
    form_urlencoded::parse(format!("x={}", plus.replace('&', "%26")).as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// What may have been meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, near)) => format!("; did you mean {near:?}?"),
        None => format!("; expected one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        match Place::parse(url) {
            Ok(place) => place.shown,
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let check = |url, expect: &str| assert_eq!(shown(url), expect, "{url}");
        check("redis://me:pa%40ss@host:1/2?list=tasks", "redis://host:1/2?list=tasks");
        check(
            "redis+sentinel://a,b:2/0?master=m&list=q&sentinel_password=x",
            "redis+sentinel://a,b:2/0?list=q",
        );
        check("unix:/run/redis.sock?stream=s", "unix:/run/redis.sock?stream=s");
        check("sqlite:queue.db?sync=normal", "sqlite:queue.db");
        for url in [
            "redis://me:secret@host/?lst=tasks",
            "redis://:secret@host/x?list=q",
            "redsi://:secret@host",
        ] {
            let told = shown(url);
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_with_what_is_near() {
        assert!(shown("redis://h?lits=q").contains(r#"did you mean "list"?"#));
        assert!(shown("sqlite:a.db?list=q").contains("expected one of"));
        assert!(shown("redsi://h").contains(r#"did you mean "redis"?"#));
        assert!(shown("redis://h?list=a&list=b").contains("twice"));
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
        for bad in ["", "30", "s", "0s", "-1s", "1.5s", "3 s"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }
}
