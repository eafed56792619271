//! Names with `*` and `?` in them.

use std::{convert::Infallible, str::FromStr};

/// Text in which `*` stands for any characters and `?` for any one.
///
/// # Examples
///
/// ```
/// use sockeye_relay::glob::Glob;
///
/// assert!(Glob::new("chat*").matches("chats"));
/// ```
#[derive(Clone, Debug)]
pub struct Glob(Vec<char>);

impl FromStr for Glob {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::new(text))
    }
}

impl Glob {
    /// A name like this.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// Whether the whole name is like this. Takes at most the product of both lengths.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (glob, name): (&[char], Vec<char>) = (&self.0, name.chars().collect());
        let (mut at, mut seen) = (0, 0);
        // Where to go on if what follows the last star does not fit.
        let mut retry = None;
        while seen < name.len() {
            match glob.get(at) {
                Some('*') => {
                    retry = Some((at + 1, seen));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == name[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((after, from)) = retry else { return false };
                    retry = Some((after, from + 1));
                    at = after;
                    seen = from + 1;
                }
            }
        }
        glob[at..].iter().all(|c| *c == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(glob: &str, name: &str, expect: bool) {
            assert_eq!(Glob::new(glob).matches(name), expect, "{glob} {name}");
        }
        check("chat", "chat", true);
        check("chat", "chats", false);
        check("chat*", "chats", true);
        check("*chat", "a chat", true);
        check("c*t", "chat", true);
        check("c*a*t", "caat", true);
        check("c*b", "chat", false);
        check("*ab", "aab", true);
        check("?", "é", true);
        check("?", "", false);
        check("*", "", true);
        check("", "", true);
        check("", "a", false);
    }
}
