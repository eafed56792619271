//! How slow a client may be: `16KiB/30s`.

use std::{fmt, str::FromStr, time::Duration};

use crate::{
    config::{Expected, Setting},
    units::{Bytes, Time},
};

/// So many bytes within so long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Progress {
    bytes: Bytes,
    within: Time,
}

impl Progress {
    pub(super) const fn get(self) -> (usize, Duration) {
        (self.bytes.get(), self.within.get())
    }
}

impl From<(usize, Duration)> for Progress {
    fn from((bytes, within): (usize, Duration)) -> Self {
        Self { bytes: Bytes::of(bytes), within: within.into() }
    }
}

impl FromStr for Progress {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let (bytes, within) = text.split_once('/').ok_or(Self::EXPECTED)?;
        let bytes = bytes.parse().map_err(|_| Self::EXPECTED)?;
        Ok(Self { bytes, within: within.parse().map_err(|_| Self::EXPECTED)? })
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bytes, self.within)
    }
}

impl Setting for Progress {
    const EXPECTED: Expected = Expected(r#"a size within a time, such as "16KiB/30s" or "1KB/1s""#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_within_times() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, shown: Option<&str>) {
            let found = text.parse::<Progress>().ok().map(|progress| progress.to_string());
            assert_eq!(found.as_deref(), shown, "{text:?}");
        }
        check("16KiB/30s", Some("16KiB/30s"));
        check("1000 / 60s", Some("1KB/1m"));
        check("16KiB", None);
        check("16KiB/30", None);
        check("0/30s", None);
        check("/", None);
        check("", None);
    }
}
