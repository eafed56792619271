//! Which connection a task goes to, by its key.

use thiserror::Error;

/// Keys, and where they go: the first that fits decides.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<(Pattern, usize)>,
    /// Where everything else goes.
    otherwise: Option<usize>,
}

/// A text in which `*` stands for any text.
#[derive(Clone, Debug)]
struct Pattern(String);

/// A route leads nowhere.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a route leads to connection {target}, and there are {targets}")]
pub struct Unroutable {
    target: usize,
    targets: usize,
}

impl Routes {
    /// All tasks go to the first connection.
    #[must_use]
    pub const fn single() -> Self {
        Self { routes: Vec::new(), otherwise: Some(0) }
    }

    /// Adds one: keys that are like `pattern`, in which `*` stands for any text, go to the connection of this number.
    #[must_use]
    pub fn key(mut self, pattern: impl Into<String>, target: usize) -> Self {
        self.routes.push((Pattern(pattern.into()), target));
        self
    }

    /// Where tasks go that have no key, or one that no route fits.
    #[must_use]
    pub const fn otherwise(mut self, target: usize) -> Self {
        self.otherwise = Some(target);
        self
    }

    /// Where a task of this key goes; `None` if nowhere.
    pub(super) fn of(&self, key: Option<&str>) -> Option<usize> {
        let fits = |key: &str| self.routes.iter().find(|(pattern, _)| pattern.fits(key));
        key.and_then(fits).map(|&(_, target)| target).or(self.otherwise)
    }

    pub(super) fn check(&self, targets: usize) -> Result<(), Unroutable> {
        let named = self.routes.iter().map(|&(_, target)| target).chain(self.otherwise);
        match named.max() {
            Some(target) if target >= targets => Err(Unroutable { target, targets }),
            _ => Ok(()),
        }
    }
}

impl Pattern {
    fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(pattern: &str, text: &str, expect: bool) {
            assert_eq!(Pattern(pattern.to_owned()).fits(text), expect, "{pattern:?} {text:?}");
        }
        check("a", "a", true);
        check("a", "ab", false);
        check("", "", true);
        check("", "a", false);
        check("*", "", true);
        check("*", "anything", true);
        check("a*", "abc", true);
        check("*c", "abc", true);
        check("a*c", "ac", true);
        check("a*a", "a", false); // one letter can't be both ends
        check("a*b*c", "a-b-c", true);
        check("a*b*c", "a-c-b", false);
        check("*b*", "abc", true);
        check("a**c", "abc", true);
    }

    #[test]
    fn the_first_that_fits_decides() {
        let routes = Routes::default().key("acct-1", 0).key("acct-*", 1);
        assert_eq!(routes.of(Some("acct-1")), Some(0));
        assert_eq!(routes.of(Some("acct-2")), Some(1));
        assert_eq!(routes.of(Some("else")), None);
        assert_eq!(routes.of(None), None);
        let routes = routes.otherwise(2);
        assert_eq!(routes.of(None), Some(2));
        assert_eq!(routes.check(3), Ok(()));
        assert_eq!(
            routes.check(2).unwrap_err().to_string(),
            "a route leads to connection 2, and there are 2"
        );
    }
}
