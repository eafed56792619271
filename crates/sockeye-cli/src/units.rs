//! Typed quantities of flags, environment and file: times, byte sizes, counts.

use std::{fmt, num::NonZeroUsize, str::FromStr, time::Duration};

use crate::config::{Expected, Setting};

/// A time, written as a whole number and its unit: `25s`. At least 1 ms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Time(Duration);

/// Units of time in milliseconds, the largest first.
const TIMES: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Time {
    pub(crate) const fn milliseconds(count: u64) -> Self {
        Self(Duration::from_millis(count))
    }

    pub(crate) const fn seconds(count: u64) -> Self {
        Self(Duration::from_secs(count))
    }

    pub(crate) const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Time {
    fn from(time: Duration) -> Self {
        Self(time)
    }
}

impl FromStr for Time {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let (number, unit) = split(text);
        let (_, milliseconds) =
            TIMES.into_iter().find(|(name, _)| *name == unit).ok_or(Self::EXPECTED)?;
        let number: u64 = number.parse().map_err(|_| Self::EXPECTED)?;
        match number.checked_mul(milliseconds) {
            Some(0) => Err(Expected("a time of at least 1ms")),
            Some(milliseconds) if milliseconds <= 365 * 24 * TIMES[0].1 => {
                Ok(Self::milliseconds(milliseconds))
            }
            _ => Err(Expected("a time of at most 8760h, a year")),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        let (unit, size) = TIMES
            .into_iter()
            .find(|(_, size)| milliseconds.is_multiple_of(u128::from(*size)))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", milliseconds / u128::from(size))
    }
}

impl Setting for Time {
    const EXPECTED: Expected =
        Expected(r#"a whole number with its unit of time, such as "25s", "500ms" or "1m""#);
}

/// A number of bytes, with or without a unit: `1MB`, `64KiB`, `4096`. At least 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bytes(NonZeroUsize);

/// Units of size in bytes.
const SIZES: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

impl Bytes {
    /// So many, but at least one.
    pub(crate) fn of(count: usize) -> Self {
        Self(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))
    }

    pub(crate) const fn new(count: NonZeroUsize) -> Self {
        Self(count)
    }

    pub(crate) const fn get(self) -> usize {
        self.0.get()
    }
}

impl FromStr for Bytes {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let (number, unit) = split(text);
        let size = match unit {
            "" => 1,
            unit => {
                SIZES
                    .into_iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                    .ok_or(Self::EXPECTED)?
                    .1
            }
        };
        let number: usize = number.parse().map_err(|_| Self::EXPECTED)?;
        let bytes = number.checked_mul(size).ok_or(Expected("a number of bytes below 2^64"))?;
        NonZeroUsize::new(bytes).map(Self).ok_or(Expected("at least 1 byte"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.get();
        let (unit, size) =
            SIZES.into_iter().find(|(_, size)| bytes.is_multiple_of(*size)).unwrap_or(("B", 1));
        write!(f, "{}{unit}", bytes / size)
    }
}

impl Setting for Bytes {
    const EXPECTED: Expected = Expected(
        r#"a number of bytes, such as 4096, "1MB" or "64KiB" (units: B, KB, MB, GB, KiB, MiB, GiB)"#,
    );
    const INTEGER: bool = true;
}

/// How many of something. At least 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Count(NonZeroUsize);

impl Count {
    /// So many, but at least one.
    pub(crate) fn of(count: usize) -> Self {
        Self(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))
    }

    pub(crate) const fn get(self) -> usize {
        self.0.get()
    }
}

impl FromStr for Count {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        text.parse().map(Self).map_err(|_| Self::EXPECTED)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Count {
    const EXPECTED: Expected = Expected("a whole number of at least 1, such as 256");
    const INTEGER: bool = true;

    fn literal(&self) -> String {
        self.to_string()
    }
}

/// Digits first, then the unit; blanks between them are fine.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..unit], text[unit..].trim_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(text: &str, expect: Option<(u64, &str)>) {
            let time = text.parse::<Time>().ok();
            let found = time.map(|time| (time.get().as_millis() as u64, time.to_string()));
            assert_eq!(found, expect.map(|(ms, shown)| (ms, shown.to_owned())), "{text:?}");
        }
        check("25s", Some((25_000, "25s")));
        check("500ms", Some((500, "500ms")));
        check("1500 ms", Some((1_500, "1500ms")));
        check("60s", Some((60_000, "1m")));
        check("90s", Some((90_000, "90s")));
        check("2h", Some((7_200_000, "2h")));
        check("8760h", Some((31_536_000_000, "8760h")));
        check("8761h", None);
        check("0s", None);
        check("25", None);
        check("s", None);
        check("", None);
        check("-1s", None);
        check("1.5s", None);
        check("25S", None);
        check("1m30s", None);
        check("99999999999999999999s", None);
        check("18446744073709551615h", None);
        check("٣s", None); // other digits are not ours
    }

    #[test]
    fn byte_sizes() {
        #[track_caller]
        fn check(text: &str, expect: Option<(usize, &str)>) {
            let bytes = text.parse::<Bytes>().ok();
            let found = bytes.map(|bytes| (bytes.get(), bytes.to_string()));
            assert_eq!(found, expect.map(|(n, shown)| (n, shown.to_owned())), "{text:?}");
        }
        check("4096", Some((4_096, "4KiB")));
        check("1000000", Some((1_000_000, "1MB")));
        check("1MB", Some((1_000_000, "1MB")));
        check("1mb", Some((1_000_000, "1MB")));
        check("16 MiB", Some((16 << 20, "16MiB")));
        check("64KiB", Some((65_536, "64KiB")));
        check("1001B", Some((1_001, "1001B")));
        check("0", None);
        check("0KB", None);
        check("MB", None);
        check("1M", None);
        check("1.5MB", None);
        check("-1", None);
        check("", None);
        check("18446744073709551615KB", None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(milliseconds in 1..=31_536_000_000_u64, bytes: NonZeroUsize) {
            let time = Time::milliseconds(milliseconds);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let bytes = Bytes::new(bytes);
            prop_assert_eq!(bytes.to_string().parse(), Ok(bytes));
        }

        #[test]
        fn any_text_is_a_value_or_a_mistake(text in "[0-9]{0,25} ?\\PC{0,4}") {
            let _ = (text.parse::<Time>(), text.parse::<Bytes>(), text.parse::<Count>());
        }
    }
}
