//! Points in time as people and programs write them: RFC 3339, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::{datetime, format_description},
};

/// To the millisecond, whatever it is: lines stand in columns, and are sorted as texts.
const FORM: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
);

const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59.999 UTC);

/// A time, such as `2026-11-30T23:59:59.000Z`. What lies before 1970, or behind the year 9999, is told as that.
pub(crate) fn rfc_3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = seconds.as_nanos().cast_signed();
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(LAST);
    time.format(&FORM).unwrap_or_default()
}

/// The time that a text says, in any offset; `None` if it says none.
pub(crate) fn of_rfc_3339(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_written_and_read() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(milliseconds: u64, text: &str) {
            let time = UNIX_EPOCH + Duration::from_millis(milliseconds);
            assert_eq!(rfc_3339(time), text);
            assert_eq!(of_rfc_3339(text), Some(time));
        }
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_200_001, "2024-03-01T00:00:00.001Z");
        check(1_796_083_199_000, "2026-11-30T23:59:59.000Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn other_offsets_are_read() {
        #[track_caller]
        fn check(text: &str, expect: Option<u64>) {
            let expect = expect.map(|ms| UNIX_EPOCH + Duration::from_millis(ms));
            assert_eq!(of_rfc_3339(text), expect, "{text:?}");
        }
        check("1970-01-01T00:00:00Z", Some(0));
        check("2026-12-01T00:59:59.500+01:00", Some(1_796_083_199_500));
        check("2026-11-30T18:29:59.500-05:30", Some(1_796_083_199_500));
        for wrong in
            ["", "T", "2026-11-30", "2026-13-01T00:00:00Z", "2026-11-30T1:2Z", "x-1-1T0:0:0Z"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn times_of_no_calendar_are_told_as_its_ends() {
        let far = UNIX_EPOCH + Duration::from_secs(300_000_000_000);
        assert_eq!(rfc_3339(far), "9999-12-31T23:59:59.999Z");
        let early = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(rfc_3339(early), "1970-01-01T00:00:00.000Z");
    }
}
