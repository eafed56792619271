//! Medians and their ratios to the floor, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::Reading;
use crate::order::Faults;
use crate::plan::{Case, ServerName, Target, thousands};

/// One reading and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// In which round it was taken, from 0.
    pub round: u32,
    /// Whose it is.
    pub server: ServerName,
    /// Connections of its launch.
    pub sockets: usize,
    /// The figure and its faults.
    pub reading: Reading,
}

/// All samples of a run.
#[derive(Clone, Debug)]
pub struct Report {
    rounds: u32,
    servers: Vec<ServerName>,
    network: &'static str,
    samples: Vec<Sample>,
    failures: Vec<(ServerName, String)>,
}

/// One server's result in one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub case: Case,
    /// Connections it was measured with.
    pub sockets: usize,
    /// Whose result it is.
    pub server: ServerName,
    /// `bytes` or `us`.
    pub unit: &'static str,
    /// Median of all rounds.
    pub median: f64,
    /// Median of the ratios to the floor in the same round; none without the floor.
    pub times_floor: Option<f64>,
    /// Median of the ratios to npm `socket.io` in the same round; none without it.
    pub times_node: Option<f64>,
    /// The value of each round.
    pub values: Vec<f64>,
    /// Messages that arrived, over all rounds.
    pub arrived: u64,
    /// What went wrong with them.
    pub faults: Faults,
}

impl Report {
    pub(crate) fn new(rounds: u32, servers: Vec<ServerName>, network: &'static str) -> Self {
        Self { rounds, servers, network, samples: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, samples: impl IntoIterator<Item = Sample>) {
        self.samples.extend(samples);
    }

    pub(crate) fn failed(&mut self, server: ServerName, why: String) {
        self.failures.push((server, why));
    }

    /// Whether the floor and Sockeye lost, doubled or reordered nothing; the others' faults are
    /// only reported.
    pub fn is_sound(&self) -> bool {
        let ours = |server| matches!(server, ServerName::Floor | ServerName::Sockeye);
        self.samples.iter().all(|sample| !ours(sample.server) || sample.reading.faults.none())
            && self.failures.iter().all(|&(server, _)| !ours(server))
    }

    /// The figures, case by case, the servers in order.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (case, sockets) in self.cases() {
            for &server in &self.servers {
                figures.extend(self.figure(case, sockets, server));
            }
        }
        figures
    }

    /// One JSON object per figure and line.
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for figure in self.figures() {
            // A struct of numbers and strings has a JSON form; a String takes any text.
            out.extend(serde_json::to_string(&figure));
            out.push('\n');
        }
        out
    }

    /// A Markdown table with a line about each fault and each missed target.
    pub fn markdown(&self) -> String {
        let mut out = String::from("| |");
        for server in &self.servers {
            let _ = write!(out, " {} |", server.title()); // a String takes any text
        }
        out.push_str(" Sockeye at most |\n|---|");
        out.push_str(&"--:|".repeat(self.servers.len() + 1));
        out.push('\n');

        let mut remarks = Vec::new();
        for (case, sockets) in self.cases() {
            let title = case.title(sockets);
            let _ = write!(out, "| {title} |");
            for &server in &self.servers {
                let Some(figure) = self.figure(case, sockets, server) else {
                    out.push_str(" - |");
                    continue;
                };
                let _ = write!(out, " {} |", cell(&figure));
                if !figure.faults.none() {
                    remarks.push(format!(
                        "{}, {title}: {} (of {})",
                        server.title(),
                        figure.faults,
                        thousands(figure.arrived)
                    ));
                }
                if server == ServerName::Sockeye && figure.misses(case.target()) {
                    remarks.push(format!("target missed, {title}: {}", cell(&figure)));
                }
            }
            let _ = match case.target() {
                Target::Bytes(bytes) => writeln!(out, " {bytes:.0} |"),
                Target::TimesFloor(times) => writeln!(out, " {times:.2} x |"),
                Target::TimesNode(times) => writeln!(out, " {times:.2} x npm |"),
            };
        }
        let _ = writeln!(
            out,
            "\nMedians of {} round{}; in brackets the median of the ratios to the floor (or to npm) in \
             the same round. CPU is the server's, all threads, user and system; {}.\n",
            self.rounds,
            if self.rounds == 1 { "" } else { "s" },
            self.network
        );
        remarks.extend(self.failures.iter().map(|(_, why)| why.clone()));
        if remarks.is_empty() {
            remarks.push("nothing lost, doubled or out of order".to_owned());
        }
        for remark in remarks {
            let _ = writeln!(out, "- {remark}");
        }
        out
    }

    /// The cases that have samples, in order of their first.
    fn cases(&self) -> Vec<(Case, usize)> {
        let mut cases = Vec::new();
        for sample in &self.samples {
            let case = (sample.reading.case, sample.sockets);
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
        cases
    }

    fn figure(&self, case: Case, sockets: usize, server: ServerName) -> Option<Figure> {
        let of = |server| {
            self.samples.iter().filter(move |sample| {
                sample.server == server && sample.sockets == sockets && sample.reading.case == case
            })
        };
        let (mut to_floor, mut to_node) = (Vec::new(), Vec::new());
        let mut values = Vec::new();
        let mut arrived = 0;
        let mut faults = Faults::default();
        for sample in of(server) {
            values.push(sample.reading.value);
            arrived += sample.reading.arrived;
            faults += sample.reading.faults;
            for (other, ratios) in
                [(ServerName::Floor, &mut to_floor), (ServerName::Node, &mut to_node)]
            {
                let other = of(other).find(|other| other.round == sample.round);
                ratios.extend(other.map(|other| sample.reading.value / other.reading.value));
            }
        }
        Some(Figure {
            case,
            sockets,
            server,
            unit: if case == Case::Idle { "bytes" } else { "us" },
            median: median(&values)?,
            times_floor: median(&to_floor),
            times_node: median(&to_node),
            values,
            arrived,
            faults,
        })
    }
}

impl Figure {
    fn misses(&self, target: Target) -> bool {
        match target {
            Target::Bytes(bytes) => self.median > bytes,
            Target::TimesFloor(times) => self.times_floor.is_some_and(|ratio| ratio > times),
            Target::TimesNode(times) => self.times_node.is_some_and(|ratio| ratio > times),
        }
    }
}

fn cell(figure: &Figure) -> String {
    let (ratio, to) = match figure.case.target() {
        // A ratio to the floor's few bytes would say nothing.
        Target::Bytes(_) => return format!("{:.0}", figure.median),
        Target::TimesFloor(_) => (figure.times_floor, ServerName::Floor),
        Target::TimesNode(_) => (figure.times_node, ServerName::Node),
    };
    match ratio {
        Some(times) if figure.server != to => format!("{:.2} ({times:.2} x)", figure.median),
        _ => format!("{:.2}", figure.median),
    }
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[middle - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: Case = Case::Ack { bytes: 64, in_flight: 8, each: 10 };

    fn report(values: &[(u32, ServerName, f64)]) -> Report {
        let mut report = Report::new(3, vec![ServerName::Floor, ServerName::Sockeye], "loopback");
        report.add(values.iter().map(|&(round, server, value)| Sample {
            round,
            server,
            sockets: 100,
            reading: Reading { case: ACK, value, arrived: 10, faults: Faults::default() },
        }));
        report
    }

    #[test]
    fn medians_need_no_order() {
        for (values, expect) in [
            (&[][..], None),
            (&[3.0], Some(3.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ] {
            assert_eq!(median(values), expect, "median of {values:?}");
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        use ServerName::{Floor, Sockeye};
        let report = report(&[
            (0, Floor, 1.0),
            (0, Sockeye, 2.0),
            (1, Floor, 10.0), // a slow moment, for both
            (1, Sockeye, 15.0),
            (2, Sockeye, 3.0),
            (2, Floor, 2.0),
        ]);
        let figure = report.figure(ACK, 100, Sockeye).unwrap();
        assert_eq!((figure.median, figure.times_floor), (3.0, Some(1.5)));
        assert!(report.is_sound());
    }

    #[test]
    fn faults_and_missed_targets_are_named() {
        use ServerName::{Floor, Sockeye};
        let mut report = report(&[(0, Floor, 1.0), (0, Sockeye, 2.0)]);
        report.samples[1].reading.faults.lost = 7;
        let text = report.markdown();
        assert!(!report.is_sound());
        assert!(text.contains("7 lost"), "{text}");
        assert!(text.contains("target missed"), "{text}");
        assert!(text.contains("| 2.00 (2.00 x) |"), "{text}");
    }

    #[test]
    fn polling_is_compared_with_npm() {
        use ServerName::{Node, Oxide, Sockeye};
        let case = Case::Poll { bytes: 64, each: 10 };
        for (value, missed) in [(50.0, false), (51.0, true)] {
            let mut report = Report::new(1, vec![Sockeye, Node, Oxide], "loopback");
            report.add([(Sockeye, value), (Node, 100.0), (Oxide, 70.0)].map(|(server, value)| {
                let reading = Reading { case, value, arrived: 10, faults: Faults::default() };
                Sample { round: 0, server, sockets: 100, reading }
            }));
            let text = report.markdown();
            assert_eq!(text.contains("target missed"), missed, "{text}");
            assert!(text.contains("x) | 100.00 | 70.00 (0.70 x) | 0.50 x npm |"), "{text}");
        }
    }

    #[test]
    fn json_has_one_object_per_figure() {
        use ServerName::{Floor, Sockeye};
        let lines = report(&[(0, Floor, 1.0), (0, Sockeye, 2.0)]).json_lines();
        let figures: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[1]["server"], "sockeye");
        assert_eq!(figures[1]["case"]["kind"], "ack");
        assert_eq!(figures[1]["times_floor"], 2.0);
    }
}
