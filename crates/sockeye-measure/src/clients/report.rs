//! Medians of all rounds, and ours beside the best of the others: a table for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::plan::{Bound, Case, Client};
use crate::report::median;

/// All figures of a run.
#[derive(Clone, Debug)]
pub struct Report {
    rounds: u32,
    clients: Vec<Client>,
    samples: Vec<Sample>,
    failures: Vec<(Client, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    round: u32,
    client: Client,
    case: Case,
    value: f64,
}

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
        Self { rounds, clients, samples: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, round: u32, client: Client, case: Case, value: f64) {
        self.samples.push(Sample { round, client, case, value });
    }

    pub(crate) fn failed(&mut self, client: Client, why: String) {
        self.failures.push((client, why));
    }

    /// Whether our client did all it was told; what the others can't do is only reported.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.failures.iter().all(|&(client, _)| client.is_rival())
    }

    /// One JSON object per figure and line.
    #[must_use]
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for case in self.cases() {
            for &client in &self.clients {
                let values = self.values(case, client);
                let Some(median) = median(&values) else { continue };
                let figure = Figure { case, client, unit: case.unit(), median, values };
                // A struct of numbers and strings has a JSON form; a String takes any text.
                out.extend(serde_json::to_string(&figure));
                out.push('\n');
            }
        }
        out
    }

    /// A Markdown table with a line about each failure and each missed bound.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::from("| |");
        for client in &self.clients {
            let _ = write!(out, " {} |", client.title()); // a String takes any text
        }
        out.push_str(" Sockeye / best of the others | at most |\n|---|");
        out.push_str(&"--:|".repeat(self.clients.len() + 2));
        out.push('\n');
        let mut remarks = Vec::new();
        for case in self.cases() {
            let _ = write!(out, "| {case} |");
            for &client in &self.clients {
                let _ = match median(&self.values(case, client)) {
                    Some(value) if value < 100.0 => write!(out, " {value:.2} |"),
                    Some(value) => write!(out, " {value:.0} |"),
                    None => write!(out, " - |"),
                };
            }
            let times_best = self.times_best(case);
            let _ = match times_best {
                Some(ratio) => write!(out, " {ratio:.2} x |"),
                None => write!(out, " - |"),
            };
            let (bound, misses) = match case.bound() {
                None => (String::new(), false),
                Some(Bound::TimesBest(most)) => {
                    (format!("{most:.2} x"), times_best.is_some_and(|ratio| ratio > most))
                }
                Some(Bound::Bytes(most)) => {
                    let ours = median(&self.values(case, Client::Sockeye));
                    (format!("{most:.0}"), ours.is_some_and(|ours| ours > most))
                }
            };
            let _ = writeln!(out, " {bound} |");
            if misses {
                remarks.push(format!("bound missed: {case}"));
            }
        }
        let _ = writeln!(
            out,
            "\nMedians of {} round{}; the ratio is the median of those of the rounds. CPU is the client process's, all \
             threads, user and system; WebSocket on loopback, one server for all.\n",
            self.rounds,
            if self.rounds == 1 { "" } else { "s" },
        );
        remarks.extend(self.failures.iter().map(|(_, why)| why.clone()));
        for remark in remarks {
            let _ = writeln!(out, "- {remark}");
        }
        out
    }

    /// The cases that have figures, in order of their first.
    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for sample in &self.samples {
            if !cases.contains(&sample.case) {
                cases.push(sample.case);
            }
        }
        cases
    }

    fn of(&self, case: Case, client: Client) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |it| it.case == case && it.client == client)
    }

    fn values(&self, case: Case, client: Client) -> Vec<f64> {
        self.of(case, client).map(|sample| sample.value).collect()
    }

    /// Ours, as a multiple of the best of the others in the same round.
    fn times_best(&self, case: Case) -> Option<f64> {
        let ratios: Vec<f64> =
            self.of(case, Client::Sockeye)
                .filter_map(|ours| {
                    let others = self.samples.iter().filter(|it| {
                        it.case == case && it.round == ours.round && it.client.is_rival()
                    });
                    Some(ours.value / others.map(|it| it.value).min_by(f64::total_cmp)?)
                })
                .collect();
        median(&ratios)
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
