//! Tells a placeholder from an ordinary object.

use crate::wire::json::{Cursor, Fault, unescape};

const MARKED: (&str, &str) = (r#""_placeholder""#, "true");
const NUMBER: &str = r#""num""#;

/// A placeholder that isn't one: its number is missing or no index, or it has more keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::wire) struct Illegal;

/// Reads the object whose first key begins at byte `first_key` of valid JSON; `None` if it is an ordinary object.
///
/// An object that begins with `"_placeholder":true`, or with a scalar `"num"` and then that, must be a placeholder in
/// full; [`skip_mark`] finds the mark elsewhere. The reference also takes objects with the mark anywhere, with more keys, and with `num` as `1.0` or `1e0`;
/// no peer known to us writes such, and what we need not accept can't be abused (CVE-2022-2421).
pub(in crate::wire) fn read(text: &str, first_key: usize) -> Option<Result<usize, Illegal>> {
    let mut cursor = Cursor::at(text, first_key);
    let first = entry(text, &mut cursor)?;
    if first != MARKED && first.0 != NUMBER {
        return None;
    }
    let number = match (first, entry(text, &mut cursor)) {
        (MARKED, Some((NUMBER, number))) | ((NUMBER, number), Some(MARKED)) => number,
        (MARKED, _) => return Some(Err(Illegal)),
        _ => return None,
    };
    Some(if cursor.eat(b'}') { number.parse().map_err(|_| Illegal) } else { Err(Illegal) })
}

/// Reads the string at the cursor; whether it is a key that marks its object as a placeholder, `"_placeholder":true`.
pub(super) fn skip_mark(text: &str, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
    let start = cursor.offset();
    let has_escapes = cursor.skip_string()?;
    let quoted = &text[start..cursor.offset()];
    // An escape takes six characters at most.
    let may_be_spelled = has_escapes && quoted.len() <= 6 * MARKED.0.len();
    let is_mark = quoted == MARKED.0 || may_be_spelled && unescape(quoted) == "_placeholder";
    if !is_mark {
        return Ok(false);
    }
    let mut behind = Cursor::at(text, cursor.offset());
    behind.skip_whitespace();
    if !behind.eat(b':') {
        return Ok(false); // a value, not a key
    }
    behind.skip_whitespace();
    Ok(text[behind.offset()..].starts_with(MARKED.1))
}

/// Reads a quoted key and its value, if that is no array or object, and the comma behind it.
fn entry<'t>(text: &'t str, cursor: &mut Cursor<'t>) -> Option<(&'t str, &'t str)> {
    let start = cursor.offset();
    cursor.skip_string().ok()?;
    let key = &text[start..cursor.offset()];
    cursor.skip_whitespace();
    cursor.expect(b':').ok()?;
    cursor.skip_whitespace();
    let start = cursor.offset();
    cursor.skip_value(0).ok()?; // nothing may nest: an array or object is a fault
    let value = &text[start..cursor.offset()];
    cursor.skip_whitespace();
    cursor.eat(b',');
    cursor.skip_whitespace();
    Some((key, value))
}
