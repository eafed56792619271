//! Blanks comments and literals of Rust code, so that a rule never takes prose for code.

/// The same text, with everything in comments, strings and characters replaced by spaces.
///
/// Offsets and line ends stay, so a finding can name its line.
pub(crate) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let blank = blank_bytes(rest, out.chars().next_back());
        if blank == 0 {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            let (gone, after) = rest.split_at(blank);
            out.extend(gone.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// Length of the comment or literal that `rest` starts with; 0 if it starts with code.
fn blank_bytes(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with('"') {
        quoted(rest, '"')
    } else if rest.starts_with('\'') {
        character(rest)
    } else if !in_word && let Some(bytes) = raw_string(rest) {
        bytes
    } else {
        0
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// From the opening quote to past the closing one, skipping escapes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, next) in rest.char_indices().skip(1) {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if next == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; a lifetime is code.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => quoted(rest, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let quote = body.find(|next| next != '#')?;
    let inner = body[quote..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(quote));
    let end = inner.find(&close).map_or(inner.len(), |at| at + close.len());
    Some(rest.len() - inner.len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let scrubbed = scrub(text);
        assert_eq!(scrubbed.len(), text.len(), "offsets must stay");
        assert_eq!(scrubbed.split_whitespace().collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn only_code_stays() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"a("b\"c", 1)"#, "a( , 1)");
        check(r##"a(r#"b"c"#, br"\", d)"##, "a( , , d)");
        check("a('b', '\\'', 'é', '\"')", "a( , , , )");
        check("a<'b>(&'b str)", "a<'b>(&'b str)");
        check("for \"unclosed", "for");
        check("attr\"x\"", "attr"); // the r of a word opens no raw string
    }
}
