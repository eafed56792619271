//! How the library's errors are shown: a program whose `main` returns one prints its `Debug`, so that reads as its text.

use crate::tidy::Finding;
use crate::tidy::source::Source;

const WHY: &str =
    "an error's `Debug` is not derived: `reads_as_text!` gives one that people can read";

/// Finds errors of the library that derive their `Debug`.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("crates/sockeye/src") || source.is_test() {
        return Vec::new();
    }
    let derives = source.code.match_indices("#[derive(");
    derives
        .filter(|(at, _)| {
            let list = source.code[*at..].split(')').next().unwrap_or_default();
            let has = |name| list.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
            has("Debug") && has("Error")
        })
        .map(|(at, _)| source.finding(at, WHY))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_one(path: &str, code: &str, expect: usize) {
        assert_eq!(check(&Source::new(path, code)).len(), expect, "{path}: {code}");
    }

    #[test]
    fn errors_that_derive_debug_are_found() {
        check_one("crates/sockeye/src/a.rs", "#[derive(Error)]\nenum E {}", 0);
        check_one("crates/sockeye/src/a.rs", "#[derive(Debug)]\nstruct ErrorText;", 0);
        check_one("crates/sockeye/src/a.rs", "#[derive(Clone, Debug, Eq, Error)]\nenum E {}", 1);
        check_one("crates/sockeye/src/a.rs", "#[derive(Debug, thiserror::Error)]\nenum E {}", 1);
        check_one("crates/sockeye-cli/src/a.rs", "#[derive(Debug, Error)]\nenum E {}", 0);
    }
}
