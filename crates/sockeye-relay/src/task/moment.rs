//! A point in time as tasks name it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time, from RFC 3339 or milliseconds since the epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Moment(pub(super) SystemTime);

/// What a point in time looks like.
pub(super) const EXPECTED: &str =
    "a time, such as \"2026-12-01T12:00:00Z\", or milliseconds since 1970, such as 1796126400000";

/// Numbers below are taken for seconds, which no task of today means.
const LEAST_MS: u64 = 100_000_000_000;
/// And these lie in a year that no calendar here has.
const MOST_MS: u64 = 250_000_000_000_000;

impl Moment {
    /// Reads JSON; the error is what was expected.
    pub(super) fn read(json: &str) -> Result<Self, &'static str> {
        match serde_json::from_str(json) {
            Ok(Value::String(text)) => {
                let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| EXPECTED)?;
                Ok(Self(at.into()))
            }
            Ok(Value::Number(ms)) => {
                let ms = ms.as_u64().or_else(|| whole(ms.as_f64()?)).filter(|&ms| ms < MOST_MS);
                let ms = ms.ok_or(EXPECTED)?;
                if ms < LEAST_MS {
                    return Err("milliseconds since 1970; this may be seconds: times 1000");
                }
                UNIX_EPOCH.checked_add(Duration::from_millis(ms)).map(Self).ok_or(EXPECTED)
            }
            _ => Err(EXPECTED),
        }
    }
}

/// Milliseconds that somebody has written with a point.
fn whole(ms: f64) -> Option<u64> {
    (ms.is_finite() && ms >= 0.0).then_some(ms as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_milliseconds() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(json: &str, expect_ms: Option<u64>) {
            let found = Moment::read(json).ok();
            let expect = expect_ms.map(|ms| Moment(UNIX_EPOCH + Duration::from_millis(ms)));
            assert_eq!(found, expect, "{json}");
        }
        check("1796126400000", Some(1_796_126_400_000));
        check("1796126400000.7", Some(1_796_126_400_000));
        check("\"2026-12-01T12:00:00Z\"", Some(1_796_126_400_000));
        check("\"2026-12-01T13:00:00.5+01:00\"", Some(1_796_126_400_500));
        check("1796126400", None); // seconds
        check("-1", None);
        check("1e400", None);
        check("18446744073709551615", None);
        check("\"tomorrow\"", None);
        check("null", None);
        check("[]", None);
    }
}
