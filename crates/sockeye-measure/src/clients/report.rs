//! Medians of all rounds, and ours beside the best of the others: a table for people, JSON for programs.

use serde::Serialize;

use super::plan::{Case, Client};
use crate::comparison::{NONE, Samples, json_lines, median};

/// All figures of a run.
#[derive(Clone, Debug)]
pub struct Report(Samples<Client, Case, f64>);

/// One client's result in one case.
#[derive(Debug, Serialize)]
struct Figure {
    case: Case,
    client: Client,
    unit: &'static str,
    median: f64,
    /// The value of each round.
    values: Vec<f64>,
}

impl Report {
    pub(crate) const fn new(rounds: u32, clients: Vec<Client>) -> Self {
        Self(Samples::new(rounds, clients))
    }

    pub(crate) fn add(&mut self, round: u32, client: Client, case: Case, value: f64) {
        self.0.add(round, client, case, value);
    }

    pub(crate) fn failed(&mut self, client: Client, why: String) {
        self.0.failed(client, why);
    }

    /// Whether our client did all it was told; what the others can't do is only reported.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0.failed_ones().all(Client::is_rival)
    }

    /// One JSON object per figure and line.
    #[must_use]
    pub fn json_lines(&self) -> String {
        let mut figures = Vec::new();
        for case in self.0.cases() {
            for &client in self.0.who() {
                let values = self.values(case, client);
                let Some(median) = median(&values) else { continue };
                figures.push(Figure { case, client, unit: case.unit(), median, values });
            }
        }
        json_lines(figures)
    }

    /// A Markdown table with a line about each failure and each missed bound.
    #[must_use]
    pub fn markdown(&self) -> String {
        let more = ["Sockeye / best of the others", "at most"];
        let mut table = self.0.table(Client::title, &more);
        for case in self.0.cases() {
            let cell = |&client: &Client| match median(&self.values(case, client)) {
                Some(value) if value < 100.0 => format!("{value:.2}"),
                Some(value) => format!("{value:.0}"),
                None => NONE.to_owned(),
            };
            let mut cells: Vec<_> = self.0.who().iter().map(cell).collect();
            let times_best = self.times_best(case);
            cells.push(times_best.map_or_else(|| NONE.to_owned(), |ratio| format!("{ratio:.2} x")));
            let bound = case.bound();
            cells.push(bound.map_or_else(String::new, |bound| bound.to_string()));
            table.row(&case.to_string(), &cells);
            let ours = median(&self.values(case, Client::Sockeye));
            if bound.is_some_and(|bound| bound.is_missed(ours, times_best)) {
                table.remark(format!("bound missed: {case}"));
            }
        }
        let note = "the ratio is the median of those of the rounds. CPU is the client process's, all threads, user and \
                    system; WebSocket on loopback, one server for all.";
        self.0.finish(table, note, None)
    }

    fn values(&self, case: Case, client: Client) -> Vec<f64> {
        self.0.of(case, client).map(|sample| sample.value).collect()
    }

    /// Ours, as a multiple of the best of the others in the same round.
    fn times_best(&self, case: Case) -> Option<f64> {
        let best = |round: u32| {
            let samples = self.0.all().iter();
            let others =
                samples.filter(|it| it.case == case && it.round == round && it.who.is_rival());
            others.map(|it| it.value).min_by(f64::total_cmp)
        };
        let ours = self.0.of(case, Client::Sockeye);
        median(&ours.filter_map(|it| Some(it.value / best(it.round)?)).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: Case = Case::Ack { bytes: 64, in_flight: 1, count: 10 };

    #[test]
    fn ours_is_compared_with_the_best_of_the_others_in_the_same_round() {
        use Client::{Node, Rust, Sockeye};
        let mut report = Report::new(2, vec![Sockeye, Rust, Node]);
        for (round, client, value) in [
            (0, Sockeye, 1.0),
            (0, Rust, 4.0),
            (0, Node, 8.0),
            (1, Sockeye, 10.0), // a slow moment, for all
            (1, Rust, 40.0),
            (1, Node, 20.0),
        ] {
            report.add(round, client, ACK, value);
        }
        assert_eq!(report.times_best(ACK), Some((0.25 + 0.5) / 2.0));
        let text = report.markdown();
        assert!(text.contains("| 5.50 | 22.00 | 14.00 | 0.38 x | 0.50 x |"), "{text}");
        assert!(!text.contains("missed"), "{text}");
        assert_eq!(report.json_lines().lines().count(), 3);
    }

    #[test]
    fn missed_bounds_and_failures_are_named() {
        use Client::{Rust, Sockeye};
        let idle = Case::Idle { clients: 1_000 };
        let mut report = Report::new(1, vec![Sockeye, Rust]);
        report.add(0, Sockeye, ACK, 6.0);
        report.add(0, Rust, ACK, 10.0);
        report.add(0, Sockeye, idle, 8_193.0);
        report.add(0, Client::Floor, ACK, 5.0);
        report.failed(Rust, "round 1: silence".to_owned());
        let text = report.markdown();
        assert_eq!(text.matches("bound missed").count(), 2, "{text}");
        assert!(text.contains("| 8193 | - | - | 8192 |"), "{text}");
        assert!(text.contains("- round 1: silence"), "{text}");
        assert!(report.is_sound());
        report.failed(Sockeye, "round 1: silence".to_owned());
        assert!(!report.is_sound());
    }
}
