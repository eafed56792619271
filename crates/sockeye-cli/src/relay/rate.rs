//! How fast something grows.

use std::{collections::VecDeque, time::Instant};

/// How fast something grows, over the last ticks.
#[derive(Debug, Default)]
pub(super) struct Rate {
    counted: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// So many counts are looked at.
    const COUNTS: usize = 10;

    pub(super) fn count(&mut self, now: Instant, count: u64) {
        self.counted.push_back((now, count));
        if self.counted.len() > Self::COUNTS {
            self.counted.pop_front();
        }
    }

    pub(super) fn a_second(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.counted.front(), self.counted.back())
        else {
            return 0.0;
        };
        let seconds = to.duration_since(*from).as_secs_f64();
        // As many as can be counted in a second are exact.
        #[allow(clippy::cast_precision_loss, reason = "a rate is shown with one digit")]
        let grown = (after - before) as f64;
        if seconds > 0.0 { grown / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_those_of_late() {
        let begin = Instant::now();
        let mut rate = Rate::default();
        assert!(rate.a_second() < f64::EPSILON);
        for second in 0..30 {
            rate.count(
                begin + Duration::from_secs(second),
                if second < 20 { 0 } else { (second - 20) * 100 },
            );
        }
        assert!((rate.a_second() - 100.0).abs() < f64::EPSILON, "{}", rate.a_second());
    }
}
