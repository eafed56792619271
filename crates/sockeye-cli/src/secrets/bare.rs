//! Secrets that need no name, by how they look: a JWT, and what stands behind the scheme of an `Authorization`.

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
    let is_end = |c: char| c.is_whitespace() || "\"'`<>()[]{},;\\".contains(c);
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

/// A user and password in base64.
fn is_user(token: &str) -> bool {
    base64::decode(token).is_ok_and(|user| user.contains(&b':'))
        || token.len() >= 8 && is_odd(token)
}

/// Whether no text for people has such a word.
fn is_odd(token: &str) -> bool {
    let token = token.trim_end_matches(['.', ':', '!', '?']);
    let has_mark = token.contains(|c: char| !c.is_alphabetic());
    has_mark || token.chars().skip(1).any(char::is_uppercase) && token.contains(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

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
