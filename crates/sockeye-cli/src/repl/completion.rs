//! What the editor of lines asks about them: how a word may go on, and whether the line is at its end.

use rustyline::{
    Context, Helper, Result,
    completion::{Completer, FilenameCompleter},
    highlight::Highlighter,
    hint::Hinter,
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::{command, known::Known, wanted::Wanted};

/// Answers from what was seen.
#[derive(Debug)]
pub(super) struct Asked(pub(super) Known);

impl Completer for Asked {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> Result<(usize, Vec<String>)> {
        let line = &line[..at];
        let begin = line.rfind(char::is_whitespace).map_or(0, |space| space + 1);
        let (before, word) = line.split_at(begin);
        let found = match before.trim() {
            "" if word.starts_with('/') => {
                command::names().filter(|name| name.starts_with(word)).map(str::to_owned).collect()
            }
            "" => self.0.events_like(word),
            "/nsp" | "/leave" | "/join" => self.0.namespaces_like(word),
            _ => {
                return Ok(
                    files(word).map_or((begin, Vec::new()), |(at, files)| (begin + at, files))
                );
            }
        };
        Ok((begin, found))
    }
}

/// Files that `@…` and `@bin:…` may go on with, and where in the word they begin.
fn files(word: &str) -> Option<(usize, Vec<String>)> {
    let path = word.strip_prefix("@bin:").or_else(|| word.strip_prefix('@'))?;
    let (at, files) = FilenameCompleter::new().complete_path(path, path.len()).ok()?;
    let files = files.into_iter().map(|file| file.replacement).collect();
    Some((word.len() - path.len() + at, files))
}

impl Validator for Asked {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(match Wanted::is_open(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Hinter for Asked {
    type Hint = String;
}

impl Highlighter for Asked {}

impl Helper for Asked {}

#[cfg(test)]
mod tests {
    use rustyline::history::DefaultHistory;

    use super::*;

    #[test]
    fn words_go_on() {
        let known = Known::default();
        ["chat", "chats", "a b", "tick"].into_iter().for_each(|event| known.see(event));
        known.set_namespaces(vec!["/".into(), "/imchat".into()]);
        let asked = Asked(known);
        #[track_caller] // a failure points at the row, not at this function
        fn check(asked: &Asked, line: &str, expect: (usize, &[&str])) {
            let history = DefaultHistory::new();
            let (at, found) = asked.complete(line, line.len(), &Context::new(&history)).unwrap();
            let found: Vec<_> = found.iter().map(String::as_str).collect();
            assert_eq!((at, found.as_slice()), expect, "{line:?}");
        }
        check(&asked, "ch", (0, &["chat", "chats"]));
        check(&asked, "", (0, &["\"a b\"", "chat", "chats", "tick"]));
        check(&asked, "/jo", (0, &["/join"]));
        check(&asked, "/nsp /i", (5, &["/imchat"]));
        check(&asked, "chat ch", (5, &[]));
        check(&asked, "chat @bin:src/repl/compl", (10, &["src/repl/completion.rs"]));
    }
}
