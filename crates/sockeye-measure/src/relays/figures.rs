//! Medians of all rounds, and what was promised beside what was found.

use std::fmt::Write as _;

use serde::Serialize;

use super::plan::{Case, Most, PROMISES, Promise, Sizes, Way};
use crate::comparison::{NONE, Samples, json_lines, median};

/// All figures of a run.
#[derive(Clone, Debug)]
pub struct Report {
    samples: Samples<Way, Case, f64>,
    sizes: Sizes,
}

#[derive(Debug, Serialize)]
struct Figure {
    case: Case,
    way: Way,
    median: f64,
    /// The value of each round.
    values: Vec<f64>,
}

impl Report {
    pub(super) const fn new(rounds: u32, ways: Vec<Way>, sizes: Sizes) -> Self {
        Self { samples: Samples::new(rounds, ways), sizes }
    }

    pub(super) fn add(&mut self, round: u32, way: Way, case: Case, value: f64) {
        self.samples.add(round, way, case, value);
    }

    pub(super) fn failed(&mut self, way: Way, why: String) {
        self.samples.failed(way, why);
    }

    /// Whether ours did all that it was asked for.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        !self.samples.failed_ones().any(Way::is_ours)
    }

    /// One JSON object per figure and line.
    #[must_use]
    pub fn json_lines(&self) -> String {
        let mut figures = Vec::new();
        for case in Case::ALL {
            for &way in self.samples.who() {
                let values = self.values(case, way);
                let Some(median) = median(&values) else { continue };
                figures.push(Figure { case, way, median, values });
            }
        }
        json_lines(figures)
    }

    /// A Markdown table, and a line for each promise.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut table = self.samples.table(Way::title, &[]);
        for case in Case::ALL {
            let cell = |&way: &Way| match median(&self.values(case, way)) {
                Some(value) if value < 100.0 => format!("{value:.2}"),
                Some(value) => format!("{value:.0}"),
                None => NONE.to_owned(),
            };
            let cells: Vec<_> = self.samples.who().iter().map(cell).collect();
            if cells.iter().any(|cell| cell != NONE) {
                table.row(&case.title(self.sizes), &cells);
            }
        }
        for promise in PROMISES {
            if let Some(line) = self.judged(promise) {
                table.remark(line);
            }
        }
        let note = "CPU and memory are the relay process's, all threads, user and system; queue and server on the same \
                    machine, WebSocket on loopback.";
        self.samples.finish(table, note, None)
    }

    /// What was promised and what was found, if it was measured.
    fn judged(&self, promise: &Promise) -> Option<String> {
        let Promise { case, way, most } = *promise;
        let values = self.values(case, way);
        let (found, bound) = match most {
            Most::Value(bound) => (median(&values)?, bound),
            Most::Times(bound, case, other) => {
                let others = self.values(case, other);
                let ratios: Vec<f64> = values.iter().zip(&others).map(|(a, b)| a / b).collect();
                (median(&ratios)?, bound)
            }
        };
        let mut line = if found <= bound { "kept".to_owned() } else { "MISSED".to_owned() };
        // A String takes any text.
        let _ = write!(line, ": {}, {}: at most {most}", way.title(), case.title(self.sizes));
        let _ = match most {
            Most::Value(_) => write!(line, "; found {found:.2}"),
            Most::Times(..) => write!(line, "; found {found:.2} x"),
        };
        Some(line)
    }

    fn values(&self, case: Case, way: Way) -> Vec<f64> {
        self.samples.of(case, way).map(|sample| sample.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_judged_round_by_round() {
        let mut report = Report::new(2, vec![Way::Bare, Way::List], Sizes::new(true));
        for (round, way, value) in [
            (0, Way::Bare, 10.0),
            (0, Way::List, 15.0),
            (1, Way::Bare, 100.0), // a slow moment, for both
            (1, Way::List, 220.0),
        ] {
            report.add(round, way, Case::Cpu, value);
        }
        report.add(0, Way::List, Case::Tail, 11.0);
        let text = report.markdown();
        let cpu =
            "kept: relay, list, us of CPU per task: at most 2.00 x bare loop, list; found 1.85 x";
        assert!(text.contains(cpu), "{text}");
        assert!(text.contains("MISSED: relay, list, ms from putting"), "{text}");
        assert!(text.contains("at most 10; found 11.00"), "{text}");
        assert!(!text.contains("MiB"), "what was not measured has no row: {text}");
        assert_eq!(report.json_lines().lines().count(), 3);
    }

    #[test]
    fn only_what_ours_fails_at_is_unsound() {
        let mut report = Report::new(1, vec![Way::List, Way::Python], Sizes::new(true));
        report.failed(Way::Python, "it ended".to_owned());
        assert!(report.is_sound());
        report.failed(Way::List, "it ended".to_owned());
        assert!(!report.is_sound());
    }
}
