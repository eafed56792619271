//! Members of objects in a text that may be JSON, wherever they stand: what servers send need not be well formed.

use crate::values::string_end;

/// The next name in the text, and where its value begins.
pub(super) fn next_member(text: &str) -> Option<(&str, usize)> {
    let mut offset = 0;
    loop {
        let begin = offset + text[offset..].find('"')?;
        offset = begin + string_end(&text[begin..]);
        let rest = text[offset..].trim_start();
        if let Some(rest) = rest.strip_prefix(':') {
            let name = text[begin + 1..offset].trim_end_matches('"');
            return Some((name, text.len() - rest.trim_start().len()));
        }
    }
}

/// Where the value ends that the text begins with; its own end if it never does.
pub(super) fn value_end(text: &str) -> usize {
    let (mut offset, mut depth) = (0, 0_usize);
    while let Some(byte) = text.as_bytes().get(offset) {
        match byte {
            b'"' => offset += string_end(&text[offset..]),
            b'{' | b'[' => {
                depth += 1;
                offset += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                offset += 1;
            }
            b'}' | b']' | b',' if depth == 0 => return offset,
            _ => {
                offset += 1;
                continue;
            }
        }
        if depth == 0 {
            return offset;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_wherever_they_stand() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(&str, &str)>) {
            let found = next_member(text).map(|(name, begin)| {
                let value = &text[begin..];
                (name, &value[..value_end(value)])
            });
            assert_eq!(found, expect, "{text:?}");
        }
        check(r#"{"a":1}"#, Some(("a", "1")));
        check(r#"["b",{"a" : "x\"}" }]"#, Some(("a", r#""x\"}""#)));
        check(r#"{"a":{"b":["}"]},"c":1}"#, Some(("a", r#"{"b":["}"]}"#)));
        check(r#"{"a":-1.5e3,"b":1}"#, Some(("a", "-1.5e3")));
        check(r#"{"a\"":true]"#, Some((r#"a\"#, "true")));
        check(r#"no JSON: "a": and more"#, Some(("a", "and more")));
        check(r#"{"a":"never ends"#, Some(("a", "\"never ends")));
        check(r#"{"a":[[1"#, Some(("a", "[[1")));
        check(r#"{"a":"#, Some(("a", "")));
        check(r#""a""#, None);
        check(r#""é"#, None);
        check("", None);
    }
}
