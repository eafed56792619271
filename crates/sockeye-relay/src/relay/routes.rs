//! Which connection a task goes to, by its key.

use thiserror::Error;

use crate::glob::Glob;

/// Keys, and where they go: the first that fits decides.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<(Glob, usize)>,
    /// Where everything else goes.
    otherwise: Option<usize>,
}

/// No connection is for a task.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("no connection is for the key {key:?}; give one of them keys that fit, or none")]
pub struct NoRoute {
    key: String,
}

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
    pub fn key(mut self, pattern: &str, target: usize) -> Self {
        self.routes.push((Glob::new(pattern), target));
        self
    }

    /// Where tasks go that have no key, or one that no route fits.
    #[must_use]
    pub const fn otherwise(mut self, target: usize) -> Self {
        self.otherwise = Some(target);
        self
    }

    /// Where a task of this key goes: the number of a connection.
    ///
    /// # Errors
    ///
    /// [`NoRoute`]: nowhere.
    pub fn of(&self, key: Option<&str>) -> Result<usize, NoRoute> {
        let fits = |key: &str| self.routes.iter().find(|(pattern, _)| pattern.matches(key));
        let found = key.and_then(fits).map(|&(_, target)| target).or(self.otherwise);
        found.ok_or_else(|| NoRoute { key: key.unwrap_or_default().to_owned() })
    }

    pub(super) fn check(&self, targets: usize) -> Result<(), Unroutable> {
        let named = self.routes.iter().map(|&(_, target)| target).chain(self.otherwise);
        match named.max() {
            Some(target) if target >= targets => Err(Unroutable { target, targets }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_decides() {
        let routes = Routes::default().key("acct-1", 0).key("acct-*", 1);
        assert_eq!(routes.of(Some("acct-1")), Ok(0));
        assert_eq!(routes.of(Some("acct-2")), Ok(1));
        assert!(routes.of(Some("else")).unwrap_err().to_string().contains("for the key \"else\""));
        assert!(routes.of(None).is_err());
        let routes = routes.otherwise(2);
        assert_eq!(routes.of(None), Ok(2));
        assert_eq!(routes.check(3), Ok(()));
        assert_eq!(
            routes.check(2).unwrap_err().to_string(),
            "a route leads to connection 2, and there are 2"
        );
    }
}
