//! The web pages that may connect: those of the server's own host, of listed origins, or all.

use std::{fmt, str::FromStr};

use sockeye::server::Origins;

use crate::config::{Expected, Setting};

/// `same`, `any`, or origins with commas between them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Pages {
    Same,
    Any,
    Of(Vec<String>),
}

impl Pages {
    pub(super) fn origins(&self) -> Origins {
        match self {
            Self::Same => Origins::same_origin(),
            Self::Any => Origins::any(),
            Self::Of(origins) => Origins::list(origins),
        }
    }
}

impl FromStr for Pages {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let is_origin = |text: &&str| {
            text.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '*', ' '])
            })
        };
        match text {
            "same" => Ok(Self::Same),
            "any" => Ok(Self::Any),
            origins => {
                let origins: Vec<_> = origins.split(',').map(str::trim).collect();
                if !origins.iter().all(is_origin) {
                    return Err(Self::EXPECTED);
                }
                Ok(Self::Of(origins.into_iter().map(str::to_owned).collect()))
            }
        }
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Any => f.write_str("any"),
            Self::Of(origins) => f.write_str(&origins.join(",")),
        }
    }
}

impl Setting for Pages {
    const EXPECTED: Expected = Expected(
        r#"same, any, or origins without a path, such as "https://example.com,http://localhost:5173""#,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_origins() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, shown: Option<&str>) {
            let found = text.parse::<Pages>().ok().map(|pages| pages.to_string());
            assert_eq!(found.as_deref(), shown, "{text:?}");
        }
        check("same", Some("same"));
        check("any", Some("any"));
        check("https://a.example", Some("https://a.example"));
        check("https://a.example, http://b:1", Some("https://a.example,http://b:1"));
        check("https://a.example,", None);
        check("https://a.example/", None);
        check("https://*.example", None);
        check("a.example", None);
        check("*", None);
        check("Same", None);
        check("", None);
    }
}
