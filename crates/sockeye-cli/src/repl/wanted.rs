//! What a typed line wants: an event to send, or a command that begins with a slash.

use super::{
    command::{self, Command},
    mistake::Mistake,
    words::{Unsplit, Word, words},
};
use crate::values::{Arg, event_args};

/// A line that was understood.
#[derive(Debug)]
pub(super) enum Wanted {
    Nothing,
    Emit { event: String, args: Vec<Arg>, wants_ack: bool },
    Command(Command),
}

impl Wanted {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`Mistake`].
    pub(super) fn read(line: &str) -> Result<Self, Mistake> {
        let words = words(line)?;
        let Some((first, rest)) = words.split_first() else { return Ok(Self::Nothing) };
        // Of a command as of an event.
        if rest.iter().any(|word| ["@-", "@bin:-"].contains(&&*word.text)) {
            return Err(Mistake::Stdin);
        }
        if !first.is_quoted && first.text.starts_with('/') {
            return command::read(&first.text, rest, line).map(Self::Command);
        }
        let (event, wants_ack) = event(first)?;
        let args: Vec<_> = rest.iter().map(|word| word.text.clone()).collect();
        Ok(Self::Emit { event, args: event_args(&args)?, wants_ack })
    }

    /// Whether the line goes on with the next one.
    pub(super) fn is_open(line: &str) -> bool {
        matches!(words(line), Err(Unsplit::Open(_)))
    }
}

/// The name of an event, and whether its ack is asked for. In quotes it is taken as it is.
fn event(word: &Word) -> Result<(String, bool), Mistake> {
    let text = word.text.as_str();
    if text.starts_with(['{', '[']) {
        return Err(Mistake::Event { found: text.to_owned() });
    }
    if word.is_quoted {
        let name = if text.starts_with('"') { serde_json::from_str(text).ok() } else { None };
        return Ok((name.unwrap_or_else(|| text.to_owned()), false));
    }
    match text.strip_suffix('?') {
        Some(name) if !name.is_empty() => Ok((name.to_owned(), true)),
        _ => Ok((text.to_owned(), false)),
    }
}

/// The word that means an event of this name; none if it can't be shown as it is.
pub(super) fn word_of(event: &str) -> Option<String> {
    if crate::values::printable(event) != event {
        return None;
    }
    let is_plain = !event.is_empty()
        && !event.contains(char::is_whitespace)
        && !event.starts_with(['/', '{', '[', '"', '\''])
        && !event.ends_with('?');
    if is_plain { Some(event.to_owned()) } else { serde_json::to_string(event).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller] // a failure points at the row, not at this function
    fn check(line: &str, expect: (&str, &str, bool)) {
        let Wanted::Emit { event, args, wants_ack } = Wanted::read(line).unwrap() else {
            panic!("{line:?} is no event")
        };
        let args = Arg::raw_args(&args).unwrap();
        assert_eq!((event.as_str(), args.text(), wants_ack), expect, "{line:?}");
    }

    #[test]
    fn events() {
        check("chat", ("chat", "", false));
        check("chat hi 1 {\"a\": 1}", ("chat", r#""hi",1,{"a": 1}"#, false));
        check("chat? 'hi you'", ("chat", r#""hi you""#, true));
        check("\"chat?\" x", ("chat?", r#""x""#, false));
        check("'/chat' \"x y\"", ("/chat", r#""x y""#, false));
        check("? x", ("?", r#""x""#, false));
        check("\"\\u00e9 b\"", ("é b", "", false));
    }

    #[test]
    fn mistakes() {
        #[track_caller]
        fn check(line: &str, expect: &str) {
            let error = Wanted::read(line).unwrap_err().to_string();
            assert!(error.contains(expect), "{line}: {error}");
        }
        check("{\"event\":\"chat\"}", "EVENT [ARG…]");
        check("chat @-", "standard input");
        check("chat 1 @bin:-", "standard input");
        check("/auth @-", "standard input");
        check("/answer 1 @-", "standard input");
        check("chat @/nowhere", "/nowhere");
        check("/jion /x", "/help");
        check("/join", "/join NAMESPACE");
        check("/join a b", "/join NAMESPACE");
        check("/trace maybe", "/trace");
    }

    #[test]
    fn names_become_words_that_mean_them() {
        for name in ["chat", "a b", "/chat", "what?", "", "{", "'x'", "é", "?"] {
            let word = word_of(name).unwrap();
            check(&format!("{word} 1"), (name, "1", false));
        }
        assert_eq!(word_of("a\u{1b}[2J"), None);
    }
}
