//! A typed line, split into words: JSON stays in one piece, and may go on over several lines.

use thiserror::Error;

/// One word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Word {
    /// As the commands of the shell would get it: without single quotes, with those of JSON.
    pub(super) text: String,
    /// Whether it stood in quotes, and so means nothing but itself.
    pub(super) is_quoted: bool,
    /// Where it begins.
    pub(super) begin: usize,
}

/// Why a line has no words.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum Unsplit {
    /// More lines have to come first.
    #[error("a bracket is still open; close it with {0:?}")]
    Open(char),
    /// A quoted text that does not end.
    #[error("a text begins with {0} and does not end on its line; close it with {0}")]
    Unquoted(char),
    /// A bracket closes another one.
    #[error("{found:?} closes nothing; expected {expected:?}")]
    Mismatched {
        /// The bracket found.
        found: char,
        /// What would close the one that is open.
        expected: char,
    },
}

/// Splits a line at its white space. A word that begins with a bracket goes on until that is closed, one that begins with
/// a quote until the next of its kind.
///
/// # Errors
///
/// [`Unsplit`]; after [`Unsplit::Open`] the line may be fine with the next one added.
pub(super) fn words(line: &str) -> Result<Vec<Word>, Unsplit> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(space) = line[at..].find(|c: char| !c.is_whitespace()) {
        let begin = at + space;
        let rest = &line[begin..];
        let (text, len, is_quoted) = match rest.as_bytes()[0] {
            b'\'' => {
                let len = rest[1..].find('\'').ok_or(Unsplit::Unquoted('\''))?;
                (&rest[1..=len], len + 2, true)
            }
            b'"' => {
                let len = string_end(rest)?;
                (&rest[..len], len, true)
            }
            b'{' | b'[' => {
                let len = bracket_end(rest)?;
                (&rest[..len], len, false)
            }
            _ => {
                let len = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..len], len, false)
            }
        };
        words.push(Word { text: text.to_owned(), is_quoted, begin });
        at = begin + len;
    }
    Ok(words)
}

/// Where the JSON text ends that this begins with. JSON has no texts of several lines.
fn string_end(text: &str) -> Result<usize, Unsplit> {
    let mut is_escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => break,
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Ok(index + 1),
            _ => {}
        }
    }
    Err(Unsplit::Unquoted('"'))
}

/// Where the object or array ends that this begins with.
fn bracket_end(text: &str) -> Result<usize, Unsplit> {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].chars().next() {
        match found {
            '"' => {
                at += string_end(&text[at..])?;
                continue;
            }
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => match open.pop() {
                Some(expected) if expected != found => {
                    return Err(Unsplit::Mismatched { found, expected });
                }
                _ if open.is_empty() => return Ok(at + 1),
                _ => {}
            },
            _ => {}
        }
        at += found.len_utf8();
    }
    Err(Unsplit::Open(open.pop().unwrap_or('}')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_have_words() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(line: &str, expect: &[&str]) {
            let found: Vec<_> = words(line).unwrap().into_iter().map(|word| word.text).collect();
            assert_eq!(found, expect, "{line:?}");
        }
        check("", &[]);
        check(" \t\n", &[]);
        check("chat hi  1", &["chat", "hi", "1"]);
        check("chat {\"a\": [1, \"} é\"]} [ ]", &["chat", "{\"a\": [1, \"} é\"]}", "[ ]"]);
        check("chat {\n \"a\": 1\n}", &["chat", "{\n \"a\": 1\n}"]);
        check(r#"chat "a \" b" x"#, &["chat", r#""a \" b""#, "x"]);
        check("chat 'a b' '{\"a\": 1}' ''", &["chat", "a b", "{\"a\": 1}", ""]);
        // In the middle of a word they are letters like others.
        check("chat it's a{b \"x\"y", &["chat", "it's", "a{b", "\"x\"", "y"]);
    }

    #[test]
    fn what_has_none_says_why() {
        #[track_caller]
        fn check(line: &str, expect: Unsplit) {
            assert_eq!(words(line), Err(expect), "{line:?}");
        }
        check("chat {\"a\": [", Unsplit::Open(']'));
        check("chat {", Unsplit::Open('}'));
        check("chat {\"a\n", Unsplit::Unquoted('"'));
        check("chat \"a", Unsplit::Unquoted('"'));
        check("chat 'a", Unsplit::Unquoted('\''));
        check("chat [}", Unsplit::Mismatched { found: '}', expected: ']' });
    }

    proptest! {
        #[test]
        fn no_line_is_too_much(line: String) {
            let _ = words(&line);
        }

        #[test]
        fn brackets_and_quotes_without_sense(line in "[\\[\\]{}\"'\\\\ a\n]{0,40}") {
            let _ = words(&line);
        }
    }
}
