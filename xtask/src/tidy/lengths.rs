//! A file is one idea; one that grows past the limit is listed here with its reason.

use crate::tidy::Finding;
use crate::tidy::source::Source;

/// Longest file, in lines, its closing test module not counted.
const MAX_LINES: usize = 800;

/// Longer files, and why each is one idea all the same.
const LONG: &[(&str, &str)] = &[];

/// Finds long files that are not listed, and listed files that are no longer long.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    check_against(LONG, sources)
}

fn check_against(long: &[(&str, &str)], sources: &[Source]) -> Vec<Finding> {
    let is_long = |source: &&Source| {
        source.is_rust() && !source.is_test() && source.code.lines().count() > MAX_LINES
    };
    let is_listed = |source: &Source| long.iter().any(|(path, _)| *path == source.path);
    let unlisted =
        sources.iter().filter(is_long).filter(|source| !is_listed(source)).map(|source| {
            source
                .finding(0, &format!("over {MAX_LINES} lines; split it, or list it with a reason"))
        });
    let stale = long
        .iter()
        .filter(|(path, _)| !sources.iter().filter(is_long).any(|source| source.path == *path))
        .map(|(path, _)| format!("{path}: is not over {MAX_LINES} lines; unlist it"));
    unlisted.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_need_a_reason_and_reasons_a_long_file() {
        let long = || [Source::new("a.rs", "//! A.\n".repeat(MAX_LINES + 1))];
        let short = || [Source::new("a.rs", "//! A.\n".repeat(MAX_LINES))];
        let listed = [("a.rs", "one table")];
        assert_eq!(check_against(&[], &short()).len(), 0);
        assert_eq!(check_against(&listed, &long()).len(), 0);
        assert_eq!(
            check_against(&[], &long()),
            ["a.rs:1: over 800 lines; split it, or list it with a reason"]
        );
        assert_eq!(check_against(&listed, &short()), ["a.rs: is not over 800 lines; unlist it"]);
    }

    #[test]
    fn tests_do_not_count() {
        let tests = "#[test]\n".repeat(MAX_LINES);
        let inline = format!("//! A.\n\n#[cfg(test)]\nmod tests {{\n{tests}}}\n");
        assert_eq!(check_against(&[], &[Source::new("a.rs", inline)]).len(), 0);
        assert_eq!(check_against(&[], &[Source::new("c/tests/a.rs", tests.repeat(2))]).len(), 0);
    }
}
