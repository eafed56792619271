//! Members of objects in a text that may be JSON, wherever they stand: what servers send need not be well formed, may
//! be cut, and may hold other JSON as a text, with a backslash before each quote.

use std::ops::Range;

/// A name, and where its value stands in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Member<'t> {
    pub(super) name: &'t str,
    pub(super) begin: usize,
    pub(super) end: usize,
    /// What its name is quoted by, perhaps with backslashes: what quotes whatever stands for its value.
    pub(super) quote: &'t str,
}

/// The next one whose name stands at this byte or behind it. Words and truth values are no values here: nobody has to
/// hide them, and in prose a colon follows quotes as well.
pub(super) fn next(text: &str, from: usize) -> Option<Member<'_>> {
    let mut at = from;
    loop {
        let colon = at + text[at..].find(':')?;
        at = colon + 1;
        if let Some(member) = at_colon(text, from, colon) {
            return Some(member);
        }
    }
}

fn at_colon(text: &str, from: usize, colon: usize) -> Option<Member<'_>> {
    let before = text[from..colon].trim_end();
    let (before, quote) = quoted_end(before)?;
    let name = &before[name_begin(before, quote)..];
    let rest = text[colon + 1..].trim_start();
    let begin = text.len() - rest.len();
    let end = begin + value_end(rest, quote)?;
    Some(Member { name, begin, end, quote })
}

/// A text that ends with a quote without it, and the quote with the backslashes before it.
fn quoted_end(text: &str) -> Option<(&str, &str)> {
    let bare = text.strip_suffix(['"', '\''])?.trim_end_matches('\\');
    Some(text.split_at(bare.len()))
}

/// Where the name begins that the text ends with.
fn name_begin(text: &str, quote: &str) -> usize {
    let Some(mark) = quote.chars().next_back() else { return 0 };
    let is_opening = |at: &usize| {
        let backslashes = text[..*at].bytes().rev().take_while(|byte| *byte == b'\\').count();
        !matches!(ends(backslashes, quote.len() - 1), End::Inside)
    };
    text.rmatch_indices(mark).map(|(at, _)| at).find(is_opening).map_or(0, |at| at + 1)
}

/// A name without escapes, however often it was escaped: `\u0074oken`.
pub(super) fn unescaped(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain += before;
        let escape = escape.trim_start_matches('\\');
        let hex = |digits: Range<usize>| {
            let code = u32::from_str_radix(escape.get(digits.clone())?, 16).ok()?;
            Some((char::from_u32(code)?, &escape[digits.end..]))
        };
        let (c, behind) = match escape.as_bytes().first() {
            Some(b'u') => hex(1..5).unwrap_or_else(|| ('u', &escape[1..])),
            Some(b'x') => hex(1..3).unwrap_or_else(|| ('x', &escape[1..])),
            Some(b'b' | b'f' | b'n' | b'r' | b't') => (' ', &escape[1..]),
            _ => {
                rest = escape;
                continue;
            }
        };
        plain.push(c);
        rest = behind;
    }
    plain + rest
}

/// Where the value ends that the text begins with; at its own end if it never does. None if no value stands there.
fn value_end(text: &str, quote: &str) -> Option<usize> {
    match text.as_bytes().first()? {
        _ if text.starts_with(quote) => Some(string_end(text, quote)),
        b'{' | b'[' => Some(brackets_end(text, quote)),
        b'-' | b'0'..=b'9' => {
            let is_of_number = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
            Some(text.find(|c| !is_of_number(c)).unwrap_or(text.len()))
        }
        _ => None,
    }
}

/// Where the text in quotes ends that this one begins with.
pub(super) fn string_end(text: &str, quote: &str) -> usize {
    let Some(mark) = quote.chars().next_back() else { return text.len() };
    let level = quote.len() - 1;
    let mut at = quote.len();
    while let Some(found) = text[at..].find(mark) {
        let end = at + found;
        let backslashes = text[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        at = end + 1;
        match ends(backslashes, level) {
            End::This => return at,
            End::Around => return end,
            End::Inside => {}
        }
    }
    text.len()
}

/// What a quote ends.
enum End {
    /// A text in this one, or begins it.
    Inside,
    This,
    /// The text that this one stands in.
    Around,
}

/// What a quote ends behind so many backslashes, if those of this text are behind `level` of them. Each text that holds
/// another one doubles them, and adds one.
const fn ends(mut backslashes: usize, mut level: usize) -> End {
    while level > 0 {
        if backslashes.is_multiple_of(2) {
            return End::Around;
        }
        backslashes = (backslashes - 1) / 2;
        level = (level - 1) / 2;
    }
    if backslashes.is_multiple_of(2) { End::This } else { End::Inside }
}

fn brackets_end(text: &str, quote: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            _ if text.is_char_boundary(at) && text[at..].starts_with(quote) => {
                at += string_end(&text[at..], quote);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_wherever_they_stand() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(&str, &str)>) {
            let found = next(text, 0).map(|found| (found.name, &text[found.begin..found.end]));
            assert_eq!(found, expect, "{text:?}");
        }
        check(r#"{"a":1}"#, Some(("a", "1")));
        check(r#"["b",{"a" : "x\"}" }]"#, Some(("a", r#""x\"}""#)));
        check(r#"{"a":"x\\","b":1}"#, Some(("a", r#""x\\""#)));
        check(r#"{"a":{"b":["}"]},"c":1}"#, Some(("a", r#"{"b":["}"]}"#)));
        check(r#"{"a":-1.5e3,"b":1}"#, Some(("a", "-1.5e3")));
        check(r#"{'a': 'it', 'b': 1}"#, Some(("a", "'it'")));
        check(r#"an odd " before {"a":"b"}"#, Some(("a", r#""b""#)));
        check(r#"["{\"a\":\"b\"}"]"#, Some(("a", r#"\"b\""#)));
        check(r#"["{\"a\":\"b\\\"c\"}"]"#, Some(("a", r#"\"b\\\"c\""#)));
        check(r#"["{\"a\":\"cut"]"#, Some(("a", r#"\"cut"#)));
        check(r#"{"a":"never ends"#, Some(("a", "\"never ends")));
        check(r#"{"a":[[1"#, Some(("a", "[[1")));
        check(r#"{"a":true,"b":null}"#, None);
        check(r#""auth": no ack in time"#, None);
        check(r#"{"a":"#, None);
        check(r#""a""#, None);
        check(r#"{"\u0061":"b"}"#, Some((r"\u0061", r#""b""#)));
        check(r#"["{\"\\u0061\":\"b\"}"]"#, Some((r"\\u0061", r#"\"b\""#)));
        check(r#"{"a\"b":1}"#, Some((r#"a\"b"#, "1")));
        check("12:30", None);
        check("", None);
    }

    #[test]
    fn names_are_read_through_their_escapes() {
        #[track_caller]
        fn check(name: &str, expect: &str) {
            assert_eq!(unescaped(name), expect, "{name:?}");
        }
        check("token", "token");
        check(r"\u0074oke\u006e", "token");
        check(r"\\\u0074oken", "token");
        check(r"\x74oken", "token");
        check(r"a\nsig", "a sig");
        check(r"\uD83Dtoken\", "uD83Dtoken");
        check(r"\u00", "u00");
        check(r"\xé", "xé");
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "[\\\\ux0-9é]{0,20}") {
            unescaped(&name);
        }

        #[test]
        fn what_is_found_stands_in_the_text(text in "[\"'{}:,\\\\é a1\\[\\]]{0,40}") {
            let mut at = 0;
            while let Some(found) = next(&text, at) {
                prop_assert!(at < found.begin && found.begin <= found.end && text.is_char_boundary(found.end));
                at = found.begin;
            }
        }
    }
}
