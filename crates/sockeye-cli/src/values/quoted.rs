//! Words that are to be pasted into a shell.

/// A word for the shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_what_they_are() {
        assert_eq!(quoted("http://h:1/imchat"), "http://h:1/imchat");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("$(it's)"), r"'$(it'\''s)'");
        assert_eq!(quoted(""), "''");
    }
}
