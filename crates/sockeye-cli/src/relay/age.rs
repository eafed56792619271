//! How long ago something was, as briefly as people say it.

use std::time::{Duration, SystemTime};

/// How long ago, in one unit.
pub(super) fn age(since: Option<SystemTime>) -> String {
    match since.map(|since| SystemTime::now().duration_since(since)) {
        None => "?".to_owned(),
        Some(Ok(age)) => brief(age),
        // A delayed task's time is still to come.
        Some(Err(early)) => format!("in {}", brief(early.duration())),
    }
}

/// A time in its largest unit.
pub(super) fn brief(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_brief() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(seconds: u64, expect: &str) {
            assert_eq!(brief(Duration::from_secs(seconds)), expect);
        }
        check(0, "0s");
        check(119, "119s");
        check(120, "2m");
        check(7_199, "119m");
        check(7_200, "2h");
        check(172_800, "2d");
    }
}
