//! An error with what caused it, in one line: hyper's errors say of themselves only where they arose. And the `Debug` of
//! all errors of this crate, which is that line.

use std::{error::Error, fmt};

/// Shows an error, then what caused it, and so on.
pub(crate) struct Causes<'e>(pub(crate) &'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            let text = error.to_string();
            // Some have their cause's text in their own.
            if !last.contains(&text) {
                f.write_str(": ")?;
                f.write_str(&text)?;
            }
            last = text;
            next = error.source();
        }
        Ok(())
    }
}

/// Gives errors a `Debug` that reads as their text does, causes included: it is what a program prints whose `main` returns
/// one, and what `unwrap` says. Programs match on an error, people read it.
macro_rules! reads_as_text {
    ($($error:ty),+ $(,)?) => {$(
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&$crate::causes::Causes(self), f)
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    reads_as_text!(Link);

    fn chain(texts: &[&'static str]) -> Option<Box<Link>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Link { text, source: chain(rest) }))
    }

    #[test]
    fn each_cause_is_said_once() {
        #[track_caller]
        fn check(texts: &[&'static str], expect: &str) {
            let error = chain(texts).unwrap();
            assert_eq!(Causes(&*error).to_string(), expect);
            assert_eq!(format!("{error:?}"), expect);
        }
        check(&["connection error"], "connection error");
        check(&["connection error", "reset by peer"], "connection error: reset by peer");
        check(&["TLS: bad key", "bad key", "bits"], "TLS: bad key: bits");
    }
}
