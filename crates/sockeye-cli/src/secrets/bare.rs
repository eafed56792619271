//! Secrets by how they look: a JWT, what stands behind the scheme of an `Authorization`, and behind a name with a colon.

use std::ops::Range;

use sockeye_proto::wire::base64;

use super::{is_no_secret, names};

/// Where the first JWT stands: three parts with dots between them, of which the first is a JSON object in base64; five if
/// it is encrypted.
pub(super) fn jwt(text: &str) -> Option<Range<usize>> {
    let is_of_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    text.match_indices("eyJ").find_map(|(at, _)| {
        if text[..at].ends_with(is_of_part) {
            return None;
        }
        let rest = &text[at..];
        let rest = &rest[..rest.find(|c| !is_of_part(c) && c != '.').unwrap_or(rest.len())];
        let rest = rest.trim_end_matches('.');
        (rest.split('.').count() >= 3).then_some(at..at + rest.len())
    })
}

/// Where something stands behind the first `Bearer` or `Basic` that is no prose about them.
pub(super) fn credentials(text: &str) -> Option<Range<usize>> {
    text.match_indices(char::is_whitespace).find_map(|(space, _)| {
        let scheme = text[..space].rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
        let is_basic = scheme.eq_ignore_ascii_case("basic");
        if !is_basic && !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let rest = text[space..].trim_start();
        let begin = text.len() - rest.len();
        let (token, behind) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
        // The scheme and this are all that stands in its quotes.
        let is_all = behind.chars().next().is_none_or(|next| "\"'\\".contains(next));
        let is_secret = if is_basic { is_user(token) } else { is_all || is_odd(token) };
        let is_word = token.chars().all(char::is_alphabetic);
        let is_prose = is_word && names::of_member(token) > names::Secrecy::Open;
        (is_secret && !is_prose && !is_no_secret(token) && !token.starts_with('$'))
            .then_some(begin..begin + token.len())
    })
}

/// What stands behind the first name of a secret and a colon, as in a header, if no text for people has such a word.
pub(super) fn labelled(text: &str) -> Option<Range<usize>> {
    text.match_indices(": ").find_map(|(colon, _)| {
        let name =
            text[..colon].rsplit(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).next()?;
        if names::of_member(name) < names::Secrecy::Sure {
            return None;
        }
        // Perhaps behind a scheme.
        let begin = colon + 2;
        let words = text[begin..].split(is_end).scan(begin, |at, word| {
            let begin = *at;
            *at += word.len() + 1;
            Some(begin..begin + word.len())
        });
        words.take(2).find(|word| {
            let word = &text[word.clone()];
            let has_digit = word.contains(|c: char| c.is_ascii_digit());
            (has_digit || is_mixed(word)) && word.len() >= 4 && !is_no_secret(word)
        })
    })
}

const fn is_end(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'
            | '\n'
            | '\r'
            | '"'
            | '\''
            | '`'
            | '<'
            | '>'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | ','
            | ';'
            | '\\'
    )
}

/// A user and password in base64.
fn is_user(token: &str) -> bool {
    base64::decode(token).is_ok_and(|user| user.contains(&b':'))
        || token.len() >= 8 && is_odd(token)
}

/// Whether no text for people has such a word.
fn is_odd(token: &str) -> bool {
    let token = token.trim_end_matches(['.', ':', '!', '?']);
    token.contains(|c: char| !c.is_alphabetic()) || is_mixed(token)
}

fn is_mixed(token: &str) -> bool {
    token.chars().skip(1).any(char::is_uppercase) && token.contains(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_as_good_as_a_name() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<&str>) {
            assert_eq!(labelled(text).map(|found| &text[found]), expect, "{text:?}");
        }
        check("X-Api-Key: s3cret\r\na: b", Some("s3cret"));
        check("Authorization: Token 9944b09199", Some("9944b09199"));
        check("bad token: hushHush.", Some("hushHush."));
        for text in [
            "auth: no ack within 10s",
            "token: expired",
            "max_tokens: 4096",
            "session: 4 of 5",
            "password: $PASSWORD",
            "at 12:30: 5000",
            "token: ",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn it_is_found_by_how_it_looks() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<&str>) {
            let found = jwt(text).or_else(|| credentials(text));
            assert_eq!(found.map(|found| &text[found]), expect, "{text:?}");
        }
        check("a eyJhIjoxfQ.eyJiIjoyfQ.c-_d, b", Some("eyJhIjoxfQ.eyJiIjoyfQ.c-_d"));
        check("see /eyJh.eyJi.c.", Some("eyJh.eyJi.c"));
        check("eyJh.e.f.g.h", Some("eyJh.e.f.g.h"));
        for text in ["eyJh.eyJi", "eyJ...", "keyJ.a.b", "honeyJar.is.sweet"] {
            check(text, None);
        }
        check(r#"["x","Bearer hush"]"#, Some("hush"));
        check("authorization: bearer  s3cret; a", Some("s3cret"));
        check("Bearer hushHush and on", Some("hushHush"));
        check(r#""Basic YTpi""#, Some("YTpi"));
        check("Basic dXNlcjpwYXNz", Some("dXNlcjpwYXNz"));
        for text in [
            "Bearer token is missing",
            "expects a Bearer token",
            "Basic auth",
            "the Basic plan",
            "Bearer of bad news, Bearer.",
            "bearer ${TOKEN}",
            "forbearer x1",
            "Bearer ",
        ] {
            check(text, None);
        }
    }
}
