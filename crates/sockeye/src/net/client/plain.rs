//! What the body of a refusal says, in one line for an error: many are pages of HTML.

use std::fmt;

/// Most characters that are shown.
const MAX_CHARS: usize = 200;

/// Shows a text without tags, styles and scripts, its white space collapsed, and cut where it gets long.
pub(crate) struct Plain<'t>(pub(crate) &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;

        let (mut rest, mut shown, mut is_apart) = (self.0, 0, false);
        while let Some(next) = rest.chars().next() {
            if let Some(after) = after_tag(rest) {
                (rest, is_apart) = (after, true);
                continue;
            }
            rest = &rest[next.len_utf8()..];
            // A control character could rewrite a terminal's line.
            if next.is_whitespace() || next.is_control() {
                is_apart = true;
                continue;
            }
            if shown >= MAX_CHARS {
                return f.write_char('…');
            }
            if is_apart && shown > 0 {
                f.write_char(' ')?;
                shown += 1;
            }
            f.write_char(next)?;
            (shown, is_apart) = (shown + 1, false);
        }
        Ok(())
    }
}

/// What follows the tag that `text` begins with; and what it holds, if that is not for people.
fn after_tag(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('<')?;
    // "a < b" is no tag.
    if !inside.starts_with(|first: char| first.is_ascii_alphabetic() || "/!?".contains(first)) {
        return None;
    }
    for hidden in ["style", "script"] {
        if inside.get(..hidden.len()).is_some_and(|name| name.eq_ignore_ascii_case(hidden)) {
            // Whoever writes it in capitals hides all that follows, which is not worse.
            let (_, after) = inside.split_once(&format!("</{hidden}>")).unwrap_or_default();
            return Some(after);
        }
    }
    // Cut off in the middle, it hides the rest.
    Some(inside.split_once('>').map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pages_become_lines() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            assert_eq!(Plain(text).to_string(), expect, "{text:?}");
        }
        check("", "");
        check(" no!\r\n", "no!");
        check(
            "{\"code\":1,\"message\":\"Session ID unknown\"}",
            "{\"code\":1,\"message\":\"Session ID unknown\"}",
        );
        check("<pre>Cannot GET /socket.io/</pre>", "Cannot GET /socket.io/");
        check(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE html>\n<html><head>\n<title>502 Bad Gateway</title></head>\n<body>\n<h1>502</h1>",
            "502 Bad Gateway 502",
        );
        check("<STYLE>b { c: d }</style>e<script src=x>f<g</script> h", "e h");
        check("<style>never ends", "");
        check("a < b, c <3 d", "a < b, c <3 d");
        check("cut in the <mid", "cut in the");
        check("red \u{1b}[31m", "red [31m");
        check("e\u{301} é", "e\u{301} é");
        check(&"x".repeat(200), &"x".repeat(200));
        check(&"é".repeat(201), &format!("{}…", "é".repeat(200)));
    }

    proptest! {
        #[test]
        fn any_text_is_one_short_line(text in "([<>/!a ]|style|</script>|\\PC|\\n){0,99}") {
            let line = Plain(&text).to_string();
            prop_assert!(!line.contains(['\n', '\r']) && line.chars().count() <= MAX_CHARS + 2, "{line:?}");
        }
    }
}
