//! Words that have no place in a file, and why.

use std::env;

use crate::place;
use crate::tidy::Finding;
use crate::tidy::source::Source;

/// Where a word is looked for.
enum In {
    /// In Rust code below this folder, tests aside.
    Code(&'static str),
    /// In every text.
    Text,
    /// In files of this name.
    Named(&'static str),
}

const WORDS: &[(In, &str, &str)] = &[
    (In::Code(""), "unsafe", "no crate has unsafe code"),
    (In::Code("crates/sockeye-proto/src"), "Instant::now", "time is an input of a machine"),
    (In::Code("crates/sockeye-proto/src"), "SystemTime::now", "time is an input of a machine"),
    (In::Text, concat!("/ho", "me/"), MACHINE),
    (In::Text, concat!("/Us", "ers/"), MACHINE),
    (In::Text, concat!("/ro", "ot/"), MACHINE),
    (In::Text, concat!("/wo", "rk/"), MACHINE),
    (
        In::Text,
        concat!("/tm", "p/"),
        "a test writes below `CARGO_TARGET_TMPDIR`, a program asks the system",
    ),
    (In::Named("package-lock.json"), "\"resolved\"", REGISTRY),
    (In::Named("requirements.txt"), "index-url", REGISTRY),
    (In::Named("config.toml"), "registry", REGISTRY),
];

const MACHINE: &str = "a path of one machine";
const REGISTRY: &str =
    "which registry to ask is the machine's choice; versions and hashes pin a package";

/// Finds the words of the table, and the paths of this very machine.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let here = place::root().to_string_lossy().into_owned();
    let home = env::var("HOME").ok().filter(|home| home.len() > 1).map(|home| home + "/");
    // One finding for each path: the table's, where it has a word for it.
    let is_in_table = |path: &String| WORDS.iter().any(|(_, word, _)| path.contains(word));
    let machine = std::iter::once(here).chain(home).filter(|path| !is_in_table(path));
    let mut findings = Vec::new();
    for (place, word, why) in WORDS {
        let text = match place {
            In::Code(folder) if source.path.starts_with(folder) && !source.is_test() => {
                &source.code
            }
            In::Code(_) => continue,
            In::Text => &source.text,
            In::Named(name) if source.path.rsplit('/').next() == Some(name) => &source.text,
            In::Named(_) => continue,
        };
        findings.extend(occurrences(source, text, word, why));
    }
    for path in machine {
        findings.extend(occurrences(source, &source.text, &path, MACHINE));
    }
    findings
}

/// Each place where `word` stands as a word of its own.
fn occurrences(source: &Source, text: &str, word: &str, why: &str) -> Vec<Finding> {
    let is_part = |next: char| next.is_alphanumeric() || next == '_';
    let stands_alone = |at: &usize| {
        let (before, after) = (&text[..*at], &text[at + word.len()..]);
        let opens = word.starts_with(is_part) && before.ends_with(is_part);
        let closes = word.ends_with(is_part) && after.starts_with(is_part);
        !opens && !closes
    };
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(stands_alone)
        .map(|at| source.finding(at, &format!("{word:?}: {why}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, text: &str, expect: usize) {
        assert_eq!(check(&Source::new(path, text)).len(), expect, "{path}: {text}");
    }

    #[test]
    fn forbidden_words_are_found_where_they_count() {
        check_one("a.rs", "unsafe { }", 1);
        check_one("a.rs", "#![forbid(unsafe_code)] // never unsafe", 0);
        check_one("a.md", "Nothing is unsafe here.", 0);
        check_one("crates/sockeye-proto/src/a.rs", "let now = Instant::now();", 1);
        check_one("crates/sockeye/src/a.rs", "let now = Instant::now();", 0);
        check_one("a.md", concat!("see /ho", "me/ann/notes"), 1);
        check_one("a.md", &format!("see {}", place::root().display()), 1);
        check_one("a.sh", concat!("cd /wo", "rk/it"), 1);
        check_one(
            "crates/sockeye-chat/web/package-lock.json",
            r#""resolved": "https://example.org/a.tgz""#,
            1,
        );
        check_one("crates/sockeye-chat/web/package.json", r#""resolved": true"#, 0);
    }
}
