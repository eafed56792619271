//! Dates: what msgpack's extensions say, as `Date.toJSON` writes it.

/// The greatest distance from 1970, in milliseconds, at which JavaScript has dates (ECMA-262, "Time Values").
const MAX_MS: i128 = 8_640_000_000_000_000;
const MS_PER_DAY: i64 = 86_400_000;

/// Milliseconds since 1970 in msgpack's own timestamp, extension -1; `None` if it has none of the three lengths.
pub(super) fn timestamp(bytes: &[u8]) -> Option<i128> {
    let (seconds, nanos) = if let Ok(bytes) = bytes.try_into() {
        (i64::from(u32::from_be_bytes(bytes)), 0)
    } else if let Ok(bytes) = bytes.try_into().map(u64::from_be_bytes) {
        ((bytes & 0x3_FFFF_FFFF).cast_signed(), (bytes >> 34) as u32) // 30 bits, then 34
    } else {
        let (nanos, seconds) = bytes.split_first_chunk()?;
        (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes(*nanos))
    };
    // Towards zero, as `new Date` does with a fraction.
    Some((i128::from(seconds) * 1_000_000_000 + i128::from(nanos)) / 1_000_000)
}

/// A date as `Date.toJSON` writes it; `None`, which is `null`, if JavaScript has no such date.
pub(super) fn to_json(ms: i128) -> Option<String> {
    let ms = i64::try_from(ms).ok().filter(|ms| i128::from(ms.unsigned_abs()) <= MAX_MS)?;
    let (year, month, day) = civil(ms.div_euclid(MS_PER_DAY));
    let ms = ms.rem_euclid(MS_PER_DAY);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let ms = ms % 1_000;
    Some(format!("{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z"))
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar at all times.
///
/// From Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": a year is taken to begin in March, so that the
/// leap day is its last.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}
