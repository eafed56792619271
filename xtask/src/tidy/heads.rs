//! Every Rust file opens with one `//!` line that says what it is for.

use crate::tidy::Finding;
use crate::tidy::source::Source;

/// Finds a file without that line.
pub(crate) fn check(source: &Source) -> Option<Finding> {
    let says_it = source.text.strip_prefix("//! ").is_some_and(|head| !head.trim().is_empty());
    let what = "open the file with a `//!` line that says what it is for";
    (source.is_rust() && !says_it).then(|| source.finding(0, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        let found = |path: &str, text: &str| check(&Source::new(path, text)).is_some();
        assert!(!found("a.rs", "//! Says it.\n\nfn a() {}\n"));
        assert!(!found("a.md", "text"));
        assert!(found("a.rs", "fn a() {}\n"));
        assert!(found("a.rs", "// Not a doc comment.\n"));
        assert!(found("a.rs", "//! \n"));
    }
}
