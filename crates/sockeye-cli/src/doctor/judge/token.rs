//! Whether a token that goes along can be any good: the times in a JWT, by the server's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::header;
use serde_json::{Map, Value};

use crate::doctor::{
    report::{Text, text},
    target::{Target, fields},
};

/// Clocks that differ by less are well enough.
const TOLERANCE: i64 = 30;

/// What is wrong with a token. It is not shown.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) cause: Text,
    pub(super) fix: Text,
}

/// The first token whose time is over, or has not come; `date` is what the server takes for the time.
pub(super) fn judge(target: &Target, date: Option<&str>) -> Option<Fault> {
    let ours = seconds(target.now);
    let theirs = date.and_then(|date| httpdate::parse_http_date(date).ok()).map(seconds);
    let mut tokens = Vec::new();
    if let Some(auth) = &target.auth {
        collect(auth, "auth", &mut tokens);
    }
    let authorization = target.headers.get(header::AUTHORIZATION);
    if let Some(value) = authorization.and_then(|value| value.to_str().ok()) {
        let token = value.split(' ').next_back().unwrap_or_default();
        tokens.push(("the header authorization".to_owned(), token.to_owned()));
    }
    for (name, value) in fields(&target.query) {
        tokens.push((format!("{name} of the query"), value));
    }
    tokens.iter().find_map(|(place, token)| fault(place, &claims(token)?, ours, theirs))
}

fn collect(payload: &Map<String, Value>, place: &str, tokens: &mut Vec<(String, String)>) {
    for (name, value) in payload {
        let place = format!("{place}.{name}");
        match value {
            Value::String(text) => {
                let token = text.strip_prefix("Bearer ").unwrap_or(text);
                tokens.push((place, token.to_owned()));
            }
            Value::Object(inner) => collect(inner, &place, tokens),
            _ => {}
        }
    }
}

/// What a JWT claims. Its signature is the server's business.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    parts.next()?;
    let read = |part: &str| -> Option<Map<String, Value>> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    read(header)?.contains_key("alg").then(|| read(claims))?
}

fn fault(
    place: &str,
    claims: &Map<String, Value>,
    ours: i64,
    theirs: Option<i64>,
) -> Option<Fault> {
    let now = theirs.unwrap_or(ours);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|time| time as i64);
    let skew = ours - now;
    let clock = match skew {
        _ if skew.abs() <= TOLERANCE => Text::default(),
        1.. => text!(
            "; this machine's clock is {by} ahead of the server's",
            "；本机时钟比服务器快 {by}",
            by = span(skew.abs())
        ),
        _ => text!(
            "; this machine's clock is {by} behind the server's",
            "；本机时钟比服务器慢 {by}",
            by = span(skew.abs())
        ),
    };
    if let Some(expires) = time("exp").filter(|expires| *expires <= now) {
        let cause = text!(
            "the token in {place} expired {since} ago",
            "{place} 中的令牌已在 {since} 前过期",
            since = span(now - expires)
        );
        let fix = text!(
            "get a new token; --bearer-cmd 'COMMAND' asks for one before each attempt",
            "换一个新令牌；--bearer-cmd 'COMMAND' 会在每次连接前取一个"
        );
        return Some(Fault { cause: cause.then(&clock), fix });
    }
    let begins = time("nbf").into_iter().chain(time("iat")).max().filter(|begins| *begins > now)?;
    let cause = text!(
        "the token in {place} is not valid before {until} from now",
        "{place} 中的令牌要再过 {until} 才生效",
        until = span(begins - now)
    );
    let fix = text!(
        "set the clocks (timedatectl set-ntp true), of the server and of whoever makes the tokens",
        "校准服务器和签发令牌的机器的时钟（timedatectl set-ntp true）"
    );
    Some(Fault { cause: cause.then(&clock), fix })
}

fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |before| -before)
        }
    }
}

/// A time for people, in its largest unit.
fn span(seconds: i64) -> String {
    let units = [(86_400, "days"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(size, _)| seconds >= 2 * size);
    unit.map_or_else(|| format!("{seconds} s"), |(size, name)| format!("{} {name}", seconds / size))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::report::Language;

    #[test]
    fn times_are_compared_by_the_servers_clock() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(claims: Value, ours: i64, theirs: Option<i64>, expect: Option<&str>) {
            let found = fault("auth.token", claims.as_object().unwrap(), ours, theirs);
            let cause = found.map(|fault| fault.cause.in_language(Language::English).to_owned());
            match expect {
                None => assert!(cause.is_none(), "{cause:?}"),
                Some(text) => {
                    assert!(cause.as_ref().is_some_and(|cause| cause.contains(text)), "{cause:?}")
                }
            }
        }
        check(json!({ "exp": 2_000 }), 1_000, None, None);
        check(json!({ "exp": 1_000 }), 1_000, None, Some("expired 0 s ago"));
        check(json!({ "exp": 1_000 }), 11_801, None, Some("auth.token expired 3 h ago"));
        check(json!({ "exp": 2_000 }), 1_000, Some(2_100), Some("100 s ago"));
        check(json!({ "exp": 2_000 }), 1_000, Some(2_100), Some("behind the server's"));
        check(json!({ "exp": 1_500 }), 2_000, Some(1_000), None);
        check(json!({ "nbf": 2_000, "exp": 9_000 }), 1_000, None, Some("not valid before"));
        check(json!({ "iat": 1_500 }), 1_500, Some(1_000), Some("ahead of the server's"));
        check(json!({ "exp": "soon" }), 1_000, None, None);
        check(json!({}), 1_000, None, None);
    }

    #[test]
    fn only_a_jwt_is_one() {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let token =
            format!("{}.{}.x", part(&json!({ "alg": "HS256" })), part(&json!({ "exp": 1 })));
        assert_eq!(claims(&token).unwrap()["exp"], 1);
        for no in ["", "a.b.c", "abc", "..", &token[..token.len() - 2]] {
            assert!(claims(no).is_none(), "{no}");
        }
    }
}
